"""Metrics for Prometheus, on a port of their own. docs/hosted.md lists them.

No label takes its values from callers: tools and agents are the configured ones, all others come from small fixed sets.

Each process writes its metrics to files in a temporary folder, and the process with the port, which may be the parent
of several workers, reads them: prometheus-client's multiprocess mode, which an environment variable enables before the
import. So there is one port, and no counter falls when a worker is replaced.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from functools import partial
from importlib.metadata import version
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from agentcore_mcp.config.hosted import Limits
from agentcore_mcp.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

_NAMESPACE = "agentcore_mcp"
# From a quick answer to the service's limit of an hour.
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600)
# Text in the body of a refusal, and the reason that it is counted as. The first ones are about the token.
_TOKENS = ("unauthorized", "invalid_request", "invalid_token", "insufficient_scope", "temporarily_unavailable")
_REASONS = {
    **{f'"{code}"': code for code in (*_TOKENS, "request_too_large")},
    **{f"({limit})": limit for limit in Limits.model_fields},
}
_LEAST_REFUSAL = 400
_OTHER = "other"
# Phases in which a call is not open.
_NOTHING = ("new", "gone")


class Metrics:
    """The metrics of one process.

    Args:
        agents: The names of the configured agents.
        stops: Returns how many session stops are running that no request waits for.
        store_errors: Returns how many operations of the store have failed.
    """

    def __init__(
        self, agents: Collection[str], stops: Callable[[], int] = int, store_errors: Callable[[], int] = int
    ) -> None:
        from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

        self._agents = {"", *agents}
        self._count_stops, self._count_store_errors = stops, store_errors
        self.registry = CollectorRegistry()

        counter = partial(Counter, namespace=_NAMESPACE, registry=self.registry)
        gauge = partial(Gauge, namespace=_NAMESPACE, registry=self.registry, multiprocess_mode="livesum")
        histogram = partial(Histogram, namespace=_NAMESPACE, registry=self.registry, buckets=_SECONDS)
        call = "tool", "agent"
        self._calls = counter("calls", "Calls of tools that were answered", (*call, "outcome"))
        self._seconds = histogram("call_seconds", "From a call of a tool to its answer", call)
        self._first = histogram("first_piece_seconds", "From a call to the first piece of its answer", call)
        self._open = gauge("open_calls", "Calls of agents and commands by phase", ("phase",))
        self._received = counter("received_bytes", "Output of agents and commands", call)
        self._sent = counter("sent_bytes", "Bodies of HTTP answers")
        self._responses = counter("http_responses", "HTTP answers by status class", ("status",))
        self._refusals = counter("refusals", "Requests refused before any tool was called", ("reason",))
        self._tokens = counter("token_checks", "Checks of tokens", ("outcome",))
        self._store_errors = counter("store_errors", "Operations of the store that failed")
        self._stops = gauge("pending_stops", "Stops of sessions that no request waits for")
        self._seen_errors = 0
        build = gauge("build_info", "The version", ("version",), multiprocess_mode="max")
        build.labels(version("agentcore-mcp")).set(1)

    def answered(self, tool: str, agent: str, outcome: str, seconds: float) -> None:
        """Count a tool call that was answered."""
        labels = tool, self._known(agent)
        self._calls.labels(*labels, outcome).inc()
        self._seconds.labels(*labels).observe(seconds)

    def entered(self, before: str, after: str) -> None:
        """Count a call of an agent or a command in its phase."""
        if before not in _NOTHING:
            self._open.labels(before).dec()
        if after not in _NOTHING:
            self._open.labels(after).inc()

    def received(self, tool: str, agent: str, size: int, *, first_s: float | None) -> None:
        """Count a piece of text, of ``size`` bytes; ``first_s`` is the time to the first piece, None for later ones."""
        labels = tool, self._known(agent)
        self._received.labels(*labels).inc(size)
        if first_s is not None:
            self._first.labels(*labels).observe(first_s)

    def watching(self, app: ASGIApp) -> ASGIApp:
        """Return an app that counts the responses of another app."""

        async def watched(scope: Scope, receive: Receive, send: Send) -> None:
            status = 0

            async def count_and_send(message: Message) -> None:
                nonlocal status
                if message["type"] == "http.response.start":
                    status = message["status"]
                    self._responses.labels(f"{status // 100}xx").inc()
                    if "user" in scope:
                        self._tokens.labels("accepted").inc()
                elif body := message.get("body"):
                    self._sent.inc(len(body))
                    if status >= _LEAST_REFUSAL:
                        self._refused(body.decode(errors="replace"), checked="user" in scope)
                await send(message)

            await app(scope, receive, count_and_send if scope["type"] == "http" else send)
            self._stops.set(self._count_stops())
            errors = self._count_store_errors()
            self._store_errors.inc(errors - self._seen_errors)
            self._seen_errors = errors

        return watched

    def _refused(self, text: str, *, checked: bool) -> None:
        reason = next((reason for part, reason in _REASONS.items() if part in text), _OTHER)
        self._refusals.labels(reason).inc()
        if reason in _TOKENS and not checked:
            self._tokens.labels(reason).inc()

    def _known(self, agent: str) -> str:
        # Discovered agents are named by the AWS account, not by the configuration.
        return agent if agent in self._agents else _OTHER


@contextmanager
def serving_metrics(host: str, port: int) -> Iterator[Callable[[int], None]]:
    """Serve the metrics of this process, and of workers started in the block, in a thread.

    Yields a function that drops the gauges, such as open calls, of a worker that has ended, by its process id.

    Raises:
        ConfigurationError: If the address can't be bound, or prometheus-client isn't installed.
    """
    with TemporaryDirectory(prefix="agentcore-mcp-metrics-") as folder:
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = folder
        try:
            from prometheus_client import CollectorRegistry, start_http_server
            from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

            registry = CollectorRegistry()
            MultiProcessCollector(registry, folder)  # type: ignore[no-untyped-call]
            serving, thread = start_http_server(port, host, registry)
        except ImportError as error:
            missing = "--metrics-port needs prometheus-client: pip install 'agentcore-mcp[metrics]'"
            raise ConfigurationError(missing) from error
        except OSError as error:
            raise ConfigurationError(f"can't serve metrics on {host}:{port}: {error.strerror}") from error
        try:
            yield mark_process_dead
        finally:
            serving.shutdown()
            serving.server_close()
            thread.join()

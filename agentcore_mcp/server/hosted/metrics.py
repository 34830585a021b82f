"""Metrics for Prometheus, on a port of their own. docs/hosted.md lists them.

No label has a value that a caller can make up: tools and agents are those of the configuration, all else are a few
words of ours. Several workers write to files in a folder that their parent reads (the multiprocess mode of
prometheus-client, which PROMETHEUS_MULTIPROC_DIR switches on before it is imported), so there is one port, and no
counter
falls when a worker is replaced.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from importlib.metadata import version
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Literal

from agentcore_mcp.config.hosted import Limits
from agentcore_mcp.errors import ConfigurationError
from agentcore_mcp.server.call import Phase
from agentcore_mcp.server.hosted.accounts import OTHER

if TYPE_CHECKING:
    from collections.abc import Iterator
    from enum import Enum

    from prometheus_client import CollectorRegistry
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from agentcore_mcp.server.hosted.accounts import Account
    from agentcore_mcp.server.state import ServerState

# From a quick answer to the service's limit of an hour.
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600)
# What the body of a refusal says, and what it is counted as. The first are about the token.
_TOKENS = ("unauthorized", "invalid_request", "invalid_token", "insufficient_scope", "temporarily_unavailable")
_REASONS = {
    **{f'"{code}"': code for code in (*_TOKENS, "request_too_large")},
    **{f"({limit})": limit for limit in Limits.model_fields},
}
_LEAST_REFUSAL = 400
# Phases in which nothing is kept of a call.
_NOTHING = (Phase.NEW, Phase.GONE)


class Metrics:
    """What is counted.

    Args:
        state: The server's.

    Raises:
        ConfigurationError: If prometheus-client isn't installed.
    """

    def __init__(self, state: ServerState) -> None:
        try:
            from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
        except ImportError as error:
            raise ConfigurationError(
                "--metrics-port needs prometheus-client: pip install 'agentcore-mcp[metrics]'"
            ) from error

        self._state = state
        self._agents = frozenset(state.settings.names) | {""}
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)

        def counter(name: str, help_text: str, *labels: str) -> Counter:
            return Counter(f"agentcore_mcp_{name}", help_text, labels, registry=self.registry)

        def gauge(name: str, help_text: str, *labels: str, of_workers: Literal["livesum", "max"] = "livesum") -> Gauge:
            full_name = f"agentcore_mcp_{name}"
            return Gauge(full_name, help_text, labels, registry=self.registry, multiprocess_mode=of_workers)

        def histogram(name: str, help_text: str, *labels: str) -> Histogram:
            return Histogram(f"agentcore_mcp_{name}", help_text, labels, registry=self.registry, buckets=_SECONDS)

        self._calls = counter("calls", "Calls of tools that were answered", "tool", "agent", "outcome")
        self._seconds = histogram("call_seconds", "From a call of a tool to its answer", "tool", "agent")
        self._first = histogram("first_piece_seconds", "From a call to the first piece of its answer", "tool", "agent")
        self._open = gauge("open_calls", "Calls of agents and commands by phase", "phase")
        self._upstream = counter("received_bytes", "Output of agents and commands", "tool", "agent")
        self._downstream = counter("sent_bytes", "Bodies of HTTP answers")
        self._responses = counter("http_responses", "HTTP answers by status class", "status")
        self._refusals = counter("refusals", "Requests refused before any tool was called", "reason")
        self._tokens = counter("token_checks", "Checks of tokens", "outcome")
        self._store_errors = counter("store_errors", "Operations of the store that failed")
        self._stops = gauge("pending_stops", "Stops of sessions that no request waits for")
        self._seen_errors = 0
        gauge("build_info", "The version", "version", of_workers="max").labels(version("agentcore-mcp")).set(1)

    def answered(self, account: Account) -> None:
        """Count a call of a tool that was answered."""
        self._calls.labels(*self._labels(account), account.outcome).inc()
        self._seconds.labels(*self._labels(account)).observe(account.seconds)

    def entered(self, before: Enum, after: Enum) -> None:
        """Count a call of an agent or a command where it is now."""
        if before not in _NOTHING:
            self._open.labels(before.name.lower()).dec()
        if after not in _NOTHING:
            self._open.labels(after.name.lower()).inc()

    def received(self, account: Account, size: int) -> None:
        """Count a piece of text, before the account does."""
        if not account.received_bytes:
            self._first.labels(*self._labels(account)).observe(account.seconds)
        self._upstream.labels(*self._labels(account)).inc(size)

    def watching(self, app: ASGIApp) -> ASGIApp:
        """Return an app that counts the answers of another one."""

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
                    self._downstream.inc(len(body))
                    if status >= _LEAST_REFUSAL:
                        self._refused(body.decode(errors="replace"), checked="user" in scope)
                await send(message)

            await app(scope, receive, count_and_send if scope["type"] == "http" else send)
            self._stops.set(self._state.stops.pending)
            if self._state.store is not None:
                self._store_errors.inc(self._state.store.errors - self._seen_errors)
                self._seen_errors = self._state.store.errors

        return watched

    def _refused(self, text: str, *, checked: bool) -> None:
        reason = next((reason for part, reason in _REASONS.items() if part in text), OTHER)
        self._refusals.labels(reason).inc()
        if reason in _TOKENS and not checked:
            self._tokens.labels(reason).inc()

    def _labels(self, account: Account) -> tuple[str, str]:
        # One that was discovered has a name of the account's.
        return account.tool, account.agent if account.agent in self._agents else OTHER


@contextmanager
def serving_metrics(host: str, port: int, registry: CollectorRegistry | None = None) -> Iterator[str]:
    """Serve metrics over HTTP, in a thread of their own, and give the URL.

    Args:
        host: The address.
        port: The port; 0 takes a free one.
        registry: What has them; None for what workers that are started in the block write to files.

    Raises:
        ConfigurationError: If the address can't be bound.
    """
    from prometheus_client import CollectorRegistry, start_http_server
    from prometheus_client.multiprocess import MultiProcessCollector

    with TemporaryDirectory(prefix="agentcore-mcp-metrics-") as folder:
        if registry is None:
            os.environ["PROMETHEUS_MULTIPROC_DIR"] = folder
            registry = CollectorRegistry()
            MultiProcessCollector(registry, folder)  # type: ignore[no-untyped-call]
        try:
            serving, thread = start_http_server(port, host, registry)
        except OSError as error:
            raise ConfigurationError(f"can't serve metrics on {host}:{port}: {error.strerror}") from error
        try:
            yield f"http://{host}:{serving.server_port}/metrics"
        finally:
            serving.shutdown()
            serving.server_close()
            thread.join()


def forget_worker(pid: int) -> None:
    """Take back what a worker that has ended said of the present, such as how many calls it has open."""
    from prometheus_client.multiprocess import mark_process_dead

    mark_process_dead(pid)  # type: ignore[no-untyped-call]

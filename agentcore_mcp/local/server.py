"""The local AgentCore as a whole: one listening socket, one front door, an orderly shutdown.

It has its own process (``agentcore-mcp local``, or a child of `LocalAgentCore`), and never runs inside the MCP server,
because it runs shell commands and handles the process's signals.
"""

from __future__ import annotations

import logging
import os
import signal
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

import anyio
import uvicorn

from agentcore_mcp.errors import ConfigurationError
from agentcore_mcp.local.callers.gate import Gate
from agentcore_mcp.local.frontdoor import FrontDoor
from agentcore_mcp.local.line.faults import Faults
from agentcore_mcp.local.line.lenient import LenientProtocol
from agentcore_mcp.local.line.listeners import HOST, listen
from agentcore_mcp.local.operations.bridge import MESSAGE_MAX_BYTES
from agentcore_mcp.local.operations.invocations import agent_client
from agentcore_mcp.local.sandbox.folders import private_folder
from agentcore_mcp.local.sandbox.sessions import Sessions

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterator

    from agentcore_mcp.local.settings import LocalSettings

# Connections that wait while the event loop is busy.
_BACKLOG = 512
_END_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)  # type: ignore[attr-defined, unused-ignore]
# Longer than clients are likely to keep a connection alive: if it closes just as a client sends the next request,
# the client can't know whether the request was read.
_KEEP_ALIVE_S = 75
# For responses to clients that do not read: by then, their sessions have ended and all other responses are done.
_CLOSE_TIMEOUT_S = 1
# What uvicorn logs when a response is cut on purpose, because its session has ended, or a WebSocket is refused.
_NO_NEWS = (
    "ASGI callable returned without completing response.",
    "ASGI callable returned without completing handshake.",
)


def serve(settings: LocalSettings, *, announce: Callable[[str], None], until_stdin_closes: bool = False) -> None:
    """Run a local AgentCore until SIGTERM, SIGINT or SIGHUP.

    Args:
        settings: Its settings.
        announce: Called with the endpoint's URL once each app has been tried, and requests are answered.
        until_stdin_closes: Also end when standard input ends, that is, when the parent process is gone.

    Raises:
        ConfigurationError: If the port is taken, or an app can't be hosted; a sentence for each.
    """
    try:
        listener = listen(settings.port, backlog=_BACKLOG)
    except (OSError, OverflowError) as exc:
        said = f"can't start on {HOST}:{settings.port}: {exc.args[-1]} (port 0 is a free one)"
        raise ConfigurationError(said) from exc
    with listener:
        problems = anyio.run(_serve, settings, listener, announce, until_stdin_closes)
    if problems:
        raise ConfigurationError("\n".join(problems))


async def _serve(
    settings: LocalSettings, listener: socket.socket, announce: Callable[[str], None], until_stdin_closes: bool
) -> list[str]:
    endpoint_url = f"http://{HOST}:{listener.getsockname()[1]}"
    # Outermost, so that a second signal can't interrupt the clean-up.
    with anyio.open_signal_receiver(*_END_SIGNALS) as signals, private_folder() as root:
        if until_stdin_closes:
            _signal_at_end_of_stdin()
        async with agent_client() as client, anyio.create_task_group() as tasks:
            sessions = Sessions(root, tasks, client, settings.limits, endpoint_url)
            gate = Gate(settings.auth, endpoint_url)
            door = FrontDoor(settings.agents, sessions, client, gate=gate, faults=Faults(settings.faults), tasks=tasks)
            server = _Server(_config(door))

            async def end_on_signal() -> None:
                async for _ in signals:
                    break
                await sessions.close()
                server.should_exit = True

            tasks.start_soon(end_on_signal)
            problems = await sessions.try_apps(settings.agents)
            if not problems and not sessions.closing:
                announce(endpoint_url)
                await server.serve([listener])
            tasks.cancel_scope.cancel()
    return [] if sessions.closing else problems


class _Server(uvicorn.Server):
    """A server that leaves the signals to `serve`, which ends the sessions before the connections."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _config(door: FrontDoor) -> uvicorn.Config:
    logging.getLogger("uvicorn.error").addFilter(lambda record: record.msg not in _NO_NEWS)
    return uvicorn.Config(
        door,
        lifespan="off",
        http=LenientProtocol,
        ws="websockets-sansio",
        ws_max_size=MESSAGE_MAX_BYTES,
        ws_per_message_deflate=False,
        # A client that reads slowly answers pings late, but is still connected.
        ws_ping_interval=None,
        log_config=None,
        log_level="error",
        access_log=False,
        server_header=False,
        timeout_keep_alive=_KEEP_ALIVE_S,
        timeout_graceful_shutdown=_CLOSE_TIMEOUT_S,
    )


def _signal_at_end_of_stdin() -> None:
    """Turn the end of standard input into SIGTERM.

    In a thread, because that works for any standard input, while an event loop supports pipes but not files.
    """

    def wait() -> None:
        while os.read(0, 4096):
            pass
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=wait, name="stdin", daemon=True).start()

"""Serving: the front door, its sessions and uvicorn, from the announcement to the end.

All that takes time to import is imported here and below.
"""

from __future__ import annotations

import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING

import anyio
import uvicorn

from agentcore_mcp.local.callers.gate import Gate
from agentcore_mcp.local.frontdoor import FrontDoor
from agentcore_mcp.local.line.faults import Faults
from agentcore_mcp.local.line.lenient import LenientProtocol
from agentcore_mcp.local.line.listeners import HOST
from agentcore_mcp.local.operations.bridge import MESSAGE_MAX_BYTES
from agentcore_mcp.local.operations.invocations import agent_client
from agentcore_mcp.local.sandbox.sessions import Sessions

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from agentcore_mcp.local.callers.gate import AuthSettings
    from agentcore_mcp.local.line.faults import Fault
    from agentcore_mcp.local.sandbox.limits import Limits
    from agentcore_mcp.local.sandbox.targets import HostedAgent

# Longer than a client is likely to keep a connection for its next request: a connection that closes just as the
# request goes out on it leaves the client in doubt whether the request was read.
_KEEP_ALIVE_S = 75
# For answers to clients that do not read: by then their sessions have ended and everyone else is done.
_CLOSE_TIMEOUT_S = 1
# How an answer breaks off here, on purpose: its session has ended. And how a WebSocket is refused.
_NO_NEWS = (
    "ASGI callable returned without completing response.",
    "ASGI callable returned without completing handshake.",
)


class _Server(uvicorn.Server):
    """A server that leaves the signals to `serve`, which ends the sessions before the connections."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def serve_until(
    told_to_end: anyio.Event,
    listener: socket.socket,
    root: Path,
    agents: Sequence[HostedAgent],
    *,
    announce: Callable[[str], None],
    limits: Limits,
    auth: AuthSettings,
    faults: Sequence[Fault],
) -> None:
    """Serve until told to end; then end the sessions, and after them the connections."""
    endpoint_url = f"http://{HOST}:{listener.getsockname()[1]}"
    async with agent_client() as client, anyio.create_task_group() as tasks:
        sessions = Sessions(root, tasks, client, limits)
        gate = Gate(auth, endpoint_url)
        door = FrontDoor(agents, sessions, client, gate=gate, faults=Faults(faults), tasks=tasks)
        server = _Server(_config(door))
        tasks.start_soon(server.serve, [listener])
        announce(endpoint_url)
        await told_to_end.wait()
        await sessions.close()
        server.should_exit = True


def _config(door: FrontDoor) -> uvicorn.Config:
    logging.getLogger("uvicorn.error").addFilter(_is_news)
    return uvicorn.Config(
        door,
        lifespan="off",
        http=LenientProtocol,
        ws="websockets-sansio",
        ws_max_size=MESSAGE_MAX_BYTES,
        ws_per_message_deflate=False,
        # A client that reads slowly answers pings slowly, and is not gone.
        ws_ping_interval=None,
        log_config=None,
        log_level="error",
        access_log=False,
        server_header=False,
        timeout_keep_alive=_KEEP_ALIVE_S,
        timeout_graceful_shutdown=_CLOSE_TIMEOUT_S,
    )


def _is_news(record: logging.LogRecord) -> bool:
    return record.msg not in _NO_NEWS

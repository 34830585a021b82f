"""The local AgentCore as a whole: one listening socket, one front door, an orderly end.

Runs in a process of its own (``agentcore-mcp local``; `process.LocalAgentCore` starts one), never inside the MCP
server: it runs shell commands, and it owns the process's signals.
"""

from __future__ import annotations

import logging
import os
import signal
import tempfile
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import uvicorn

from agentcore_mcp.hosting.dataplane.bridge import MESSAGE_MAX_BYTES
from agentcore_mcp.hosting.dataplane.faults import Faults
from agentcore_mcp.hosting.dataplane.frontdoor import FrontDoor
from agentcore_mcp.hosting.dataplane.gate import Gate
from agentcore_mcp.hosting.dataplane.invocations import agent_client
from agentcore_mcp.hosting.dataplane.lenient import LenientProtocol
from agentcore_mcp.hosting.dataplane.listeners import HOST, listen
from agentcore_mcp.hosting.dataplane.sessions import Sessions, remove_tree

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterator, Sequence

    from agentcore_mcp.hosting.dataplane.faults import Fault
    from agentcore_mcp.hosting.dataplane.gate import AuthSettings
    from agentcore_mcp.hosting.dataplane.session import Limits
    from agentcore_mcp.hosting.dataplane.targets import HostedAgent

# Connections that wait while the event loop is busy.
_BACKLOG = 512
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
_END_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class _Server(uvicorn.Server):
    """A server that leaves the signals to `serve`, which ends the sessions before the connections."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def serve(
    agents: Sequence[HostedAgent],
    *,
    port: int,
    announce: Callable[[str], None],
    limits: Limits,
    auth: AuthSettings,
    faults: Sequence[Fault] = (),
    until_stdin_closes: bool = False,
) -> None:
    """Run a local AgentCore until SIGTERM, SIGINT or SIGHUP.

    Args:
        agents: What it hosts.
        port: The port on 127.0.0.1; 0 takes a free one.
        announce: Called with the endpoint's URL once it listens.
        limits: How long sessions may last.
        auth: What is asked of whoever calls.
        faults: What goes wrong on purpose.
        until_stdin_closes: End also when standard input ends, so when the process that holds it has gone.

    Raises:
        OSError: If the port is taken.
    """
    with listen(port, backlog=_BACKLOG) as listener:
        anyio.run(_serve, listener, agents, announce, limits, auth, faults, until_stdin_closes)


async def _serve(
    listener: socket.socket,
    agents: Sequence[HostedAgent],
    announce: Callable[[str], None],
    limits: Limits,
    auth: AuthSettings,
    faults: Sequence[Fault],
    until_stdin_closes: bool,
) -> None:
    # Outermost, so that a second signal can't interrupt the clean-up.
    with anyio.open_signal_receiver(*_END_SIGNALS) as signals, _private_folder() as root:
        async with agent_client() as client, anyio.create_task_group() as tasks:
            endpoint_url = f"http://{HOST}:{listener.getsockname()[1]}"
            gate = Gate(auth, endpoint_url)
            sessions = Sessions(root, tasks, client, limits)
            config = uvicorn.Config(
                FrontDoor(agents, sessions, client, gate=gate, faults=Faults(faults), tasks=tasks),
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
            logging.getLogger("uvicorn.error").addFilter(_is_news)
            server = _Server(config)
            tasks.start_soon(server.serve, [listener])
            announce(endpoint_url)
            if until_stdin_closes:
                _signal_at_end_of_stdin()
            async for _ in signals:
                break
            await sessions.close()
            server.should_exit = True


@contextmanager
def _private_folder() -> Iterator[Path]:
    """Make the folder of all sessions, which only this user can enter, and remove it at the end."""
    folder = Path(tempfile.mkdtemp(prefix="agentcore-local-")).resolve()
    try:
        yield folder
    finally:
        remove_tree(folder)


def _is_news(record: logging.LogRecord) -> bool:
    return record.msg not in _NO_NEWS


def _signal_at_end_of_stdin() -> None:
    """Turn the end of standard input into SIGTERM.

    In a thread: it works for whatever standard input is, where an event loop takes pipes but not files.
    """

    def wait() -> None:
        while os.read(0, 4096):
            pass
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=wait, name="stdin", daemon=True).start()

"""The server on stdin and stdout, ending promptly whichever way it is told to end.

The SDK's own stdio transport reads in a worker thread, which can't be cancelled: SIGINT hangs until the client
closes stdin, and SIGTERM ends the process without any clean-up. So on POSIX the event loop itself reads and writes
the two descriptors here, and a signal ends the server as the end of stdin does: calls are cancelled, their upstream
streams closed, the lifespan left. Without the thread hops a line also costs less.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, cast

import anyio
from mcp.server.stdio import stdio_server
from mcp.shared.message import SessionMessage
from mcp.types import INVALID_REQUEST, ErrorData, JSONRPCError

from agentcore_mcp.errors import ConfigurationError
from agentcore_mcp.server.transports.lines import LINE_MAX_BYTES, Lines, Writer, request_id

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from agentcore_mcp.server.assembly import AgentCoreServer

logger = logging.getLogger(__name__)

# A host that has closed stdin kills the server two seconds later. Until then running calls end by themselves, unless
# the host does not read what they have to say.
_END_TIMEOUT_S = 0.5


async def serve_stdio(server: AgentCoreServer) -> None:
    """Serve MCP on stdin and stdout until stdin ends, or SIGTERM or SIGINT arrives."""
    if sys.platform == "win32":
        await server.run_stdio_async()
        return
    # The SDK runs a server on streams of one's own choice only through its low-level server.
    lowlevel = server._lowlevel_server  # noqa: SLF001

    def end_is_near() -> None:
        server.state.calls.ending = True

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(_cancel_on_signal, tasks.cancel_scope, end_is_near)
        with _claimed_descriptors() as (stdin_fd, stdout_fd):

            def on_end() -> None:
                end_is_near()
                tasks.cancel_scope.deadline = anyio.current_time() + _END_TIMEOUT_S

            def on_excess(line: bytes) -> None:
                # Not waited for: a host that does not read must not keep its end from being noticed.
                tasks.start_soon(_refuse, line, write_stream.send)

            # Anything that reads lines and writes text will do for the SDK, whatever its annotation says.
            stdin, stdout = cast("Any", Lines(stdin_fd, on_end, on_excess)), cast("Any", Writer(stdout_fd))
            async with stdio_server(stdin, stdout) as (read_stream, write_stream):
                await lowlevel.run(read_stream, write_stream, lowlevel.create_initialization_options())
        tasks.cancel_scope.cancel()


async def _cancel_on_signal(scope: anyio.CancelScope, before: Callable[[], None]) -> None:
    with anyio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        async for _ in signals:
            before()
            scope.cancel()


async def _refuse(line: bytes, send: Callable[[SessionMessage], Awaitable[None]]) -> None:
    """Answer a line that is too long, if it is a request."""
    if (number := request_id(line)) is None:
        logger.warning("a message of more than %d bytes that has no id was dropped", LINE_MAX_BYTES)
        return
    error = ErrorData(
        code=INVALID_REQUEST, message=f"the request has more than {LINE_MAX_BYTES} bytes; send a smaller one"
    )
    with suppress(anyio.BrokenResourceError, anyio.ClosedResourceError):
        await send(SessionMessage(JSONRPCError(jsonrpc="2.0", id=number, error=error)))


@contextmanager
def _claimed_descriptors() -> Iterator[tuple[int, int]]:
    """Keep the wire to ourselves: others in this process read nothing, and what they print goes to stderr."""
    try:
        wire = os.dup(0), os.dup(1)
    except OSError as error:
        raise ConfigurationError("stdin or stdout is closed; an MCP host talks to this server through them") from error
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.dup2(2, 1)
    os.close(null)
    try:
        yield wire
    finally:
        # What others printed and Python still holds back must not end up on the wire.
        sys.stdout.flush()
        os.dup2(wire[0], 0)
        os.dup2(wire[1], 1)
        for descriptor in wire:
            os.close(descriptor)

"""The server on stdin and stdout, ending promptly at the end of stdin and at a signal.

The SDK's own stdio transport reads in a worker thread, which can't be cancelled: SIGINT hangs until the client
closes stdin, and SIGTERM ends the process without any clean-up. So on POSIX the event loop itself reads and writes
the two descriptors here, and a signal ends the server as the end of stdin does: calls are cancelled, their upstream
streams closed, the lifespan left. Without the thread hops a line also costs less.
"""

from __future__ import annotations

import logging
import os
import sys
from contextlib import contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, Any, cast

import anyio
from mcp.server.runner import serve_dual_era_loop, serve_loop
from mcp.server.stdio import stdio_server
from mcp.shared.message import SessionMessage
from mcp.types import (
    INVALID_REQUEST,
    PROTOCOL_VERSION_META_KEY,
    ErrorData,
    JSONRPCError,
    JSONRPCNotification,
    JSONRPCRequest,
)

from agentcore_mcp.errors import ConfigurationError
from agentcore_mcp.server.transports.lines import LINE_MAX_BYTES, Lines, Writer, request_id
from agentcore_mcp.server.transports.signals import end_signals

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Iterator

    from anyio.streams.memory import MemoryObjectSendStream
    from mcp.shared._context_streams import ContextSendStream
    from mcp.shared._stream_protocols import ReadStream

    from agentcore_mcp.server.assembly import AgentCoreServer

logger = logging.getLogger(__name__)

# A host that has closed stdin kills the server two seconds later. Until then running calls end by themselves, unless
# the host does not read their output.
_END_TIMEOUT_S = 0.5


async def serve_stdio(server: AgentCoreServer) -> None:
    """Serve MCP on stdin and stdout until stdin ends, or SIGTERM, SIGINT or SIGHUP arrives."""
    if sys.platform == "win32":
        # On Windows an event loop can't wait for the standard streams.
        await server.run_stdio_async()
    else:
        await _serve_descriptors(server)


async def _serve_descriptors(server: AgentCoreServer) -> None:
    def on_signal() -> None:
        server.state.ends.begun = True
        serving.cancel_scope.cancel()

    def on_end() -> None:
        serving.cancel_scope.deadline = anyio.current_time() + _END_TIMEOUT_S
        serving.start_soon(server.state.end)

    def on_excess(line: bytes) -> None:
        # Not awaited: a host that does not read must not keep the end of stdin from being noticed.
        serving.start_soon(_refuse, line, write_stream.send)

    with end_signals(on_signal), _claimed_descriptors() as (stdin_fd, stdout_fd):
        async with server.state.running(), anyio.create_task_group() as serving:
            # The SDK accepts anything that reads lines and writes text, despite its annotations.
            stdin, stdout = cast("Any", Lines(stdin_fd, on_end, on_excess)), cast("Any", Writer(stdout_fd))
            async with stdio_server(stdin, stdout) as (read_stream, write_stream), write_stream:
                await _serve_each_version(server, read_stream, write_stream)
            serving.cancel_scope.cancel()


async def _serve_each_version(
    server: AgentCoreServer,
    messages: ReadStream[SessionMessage | Exception],
    answers: ContextSendStream[SessionMessage],
) -> None:
    """Serve each message in its own protocol version, so that no message decides for those that follow.

    ``Server.run`` serves a pipe only in the version of its first request. Hosts try ``server/discover`` first, and
    some send ``initialize`` without waiting for its answer: https://github.com/modelcontextprotocol/python-sdk/issues/3152
    """
    # The SDK has no other way to serve with an existing lifespan state.
    lowlevel = server._lowlevel_server  # noqa: SLF001
    serve = {False: serve_loop, True: serve_dual_era_loop}
    versions: dict[bool, MemoryObjectSendStream[SessionMessage | Exception]] = {}
    async with anyio.create_task_group() as tasks:
        try:
            async for message in messages:
                for modern in _versions_of(message, versions):
                    if modern not in versions:
                        versions[modern], incoming = anyio.create_memory_object_stream[SessionMessage | Exception]()
                        run = partial(serve[modern], lifespan_state=server.state)
                        tasks.start_soon(run, lowlevel, incoming, answers.clone())
                    await versions[modern].send(message)
        finally:
            for version in versions.values():
                version.close()


def _versions_of(message: SessionMessage | Exception, known: Iterable[bool]) -> Iterable[bool]:
    """Return whether a message is of 2026-07-28; for a notification, which doesn't say, each known version."""
    match message:
        case SessionMessage(message=JSONRPCRequest(method=method, params={"_meta": {**meta}})) if (
            method != "initialize"
        ):
            return [PROTOCOL_VERSION_META_KEY in meta]
        case SessionMessage(message=JSONRPCNotification()):
            return [*known]
        case _:
            return [False]


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
    """Reserve stdin and stdout for MCP: other code in this process reads nothing, and its output goes to stderr."""
    try:
        wire = os.dup(0), os.dup(1)
    except OSError as error:
        raise ConfigurationError("stdin or stdout is closed; an MCP host talks to this server through them") from error
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    os.dup2(null if sys.stderr is None else 2, 1)
    os.close(null)
    try:
        yield wire
    finally:
        # Output of other code that Python still buffers must not end up on the wire.
        sys.stdout.flush()
        os.dup2(wire[0], 0)
        os.dup2(wire[1], 1)
        for descriptor in wire:
            os.close(descriptor)

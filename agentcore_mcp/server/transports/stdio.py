"""The server on stdin and stdout, ending promptly whichever way it is told to end.

The SDK's own stdio transport reads in a worker thread, which can't be cancelled: SIGINT hangs until the client
closes stdin, and SIGTERM ends the process without any clean-up. So on POSIX the event loop itself reads and writes
the two descriptors here, and a signal ends the server as the end of stdin does: calls are cancelled, their upstream
streams closed, the lifespan left. Without the thread hops a line also costs less.
"""

from __future__ import annotations

import json
import logging
import os
import re
import select
import signal
import stat
import sys
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import TYPE_CHECKING, Any, cast

import anyio
from mcp.server.stdio import stdio_server
from mcp.shared.message import SessionMessage
from mcp.types import INVALID_REQUEST, ErrorData, JSONRPCError

from agentcore_mcp.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

    from mcp.server.lowlevel import Server
    from mcp.server.mcpserver import MCPServer

    from agentcore_mcp.server.resources import Resources

logger = logging.getLogger(__name__)

_READ_BYTES = 65_536
# A pipe that polls as writable takes this much without blocking, by POSIX's definition, so a host that stops reading
# parks the writing task and nothing else.
_WRITE_BYTES = getattr(select, "PIPE_BUF", 512)
# A host that has closed stdin kills the server two seconds later. Until then running calls end by themselves, unless
# the host does not read what they have to say.
_END_TIMEOUT_S = 0.5
# Four times what the SDK takes over HTTP, and more than any model reads: a whole document in a prompt is welcome, a
# host gone wild is not. A request takes about five times its size until it is answered.
LINE_MAX_BYTES = 16 << 20
# What is looked at of a longer line. SDKs write the id before the parameters or after them, beside the other two.
_ENDS_BYTES = 1024
_ID = r'"id"\s*:\s*(\d{1,18}|"[^"\\]*")'
_OTHER = r'"(?:jsonrpc|method)"\s*:\s*"[^"\\]*"'
_ID_AT_START = re.compile(rf"\s*\{{\s*(?:{_OTHER}\s*,\s*)*{_ID}\s*[,}}]", re.ASCII)
_ID_AT_END = re.compile(rf",\s*{_ID}\s*(?:,\s*{_OTHER}\s*)*\}}\s*$", re.ASCII)
# One escape of a JSON text. Pairs and everything else come first, so that what is left as group 1 is half a pair.
_ESCAPE = re.compile(
    r"\\(?:u[dD][89abAB][\da-fA-F]{2}\\u[dD][c-fC-F][\da-fA-F]{2}|(u[dD][89a-fA-F][\da-fA-F]{2})|.)",
    re.ASCII | re.DOTALL,
)


async def serve_stdio(server: MCPServer[Any]) -> None:
    """Serve MCP on stdin and stdout until stdin ends, or SIGTERM or SIGINT arrives."""
    if sys.platform == "win32":
        await server.run_stdio_async()
        return
    # The SDK runs a server on streams of one's own choice only through its low-level server.
    lowlevel = server._lowlevel_server  # noqa: SLF001
    running: list[Resources] = []
    lifespan = lowlevel.lifespan

    @asynccontextmanager
    async def known(of: Server[Any]) -> AsyncIterator[Any]:
        async with lifespan(of) as shared:
            running.append(shared)
            yield shared

    def end_is_near() -> None:
        for shared in running:
            shared.calls.end_is_near = True

    lowlevel.lifespan = known
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
            stdin, stdout = cast("Any", _Lines(stdin_fd, on_end, on_excess)), cast("Any", _Writer(stdout_fd))
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


def request_id(line: bytes) -> int | str | None:
    """Return the id of a request of which only the two ends are looked at, or nothing if it is not there.

    What is found in them is the request's own: nothing but its members can stand behind its first brace, or before its
    last.
    """
    start, end = (part.decode("utf-8", "replace") for part in (line[:_ENDS_BYTES], line[-_ENDS_BYTES:]))
    found = _ID_AT_START.match(start) or _ID_AT_END.search(end)
    return json.loads(found[1]) if found else None


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


def without_half_characters(line: str) -> str:
    """Return a line of JSON with U+FFFD for each escaped half of a surrogate pair.

    JavaScript cuts texts between the two halves of an emoji and writes down one of them; the SDK's parser refuses the
    whole message for it, and its sender would wait for an answer in vain.
    """
    if "\\ud" not in line and "\\uD" not in line:
        return line
    return _ESCAPE.sub(lambda escape: r"\ufffd" if escape[1] else escape[0], line)


class _Lines:
    """The lines of a descriptor, as text; says when they end, and what the ends of a line were that is too long."""

    def __init__(self, descriptor: int, on_end: Callable[[], None], on_excess: Callable[[bytes], None]) -> None:
        self._descriptor = descriptor
        self._on_end = on_end
        self._on_excess = on_excess
        self._pollable = _pollable(descriptor)

    async def __aiter__(self) -> AsyncIterator[str]:
        unfinished: list[bytes] = []
        size = 0
        while True:
            if self._pollable:
                await anyio.wait_readable(self._descriptor)
            try:
                data = os.read(self._descriptor, _READ_BYTES)
            except ConnectionResetError:  # a socket's way to end with something unread
                data = b""
            *lines, rest = data.split(b"\n")
            for line in lines:
                whole = b"".join((*unfinished, line))
                if size + len(line) > LINE_MAX_BYTES:
                    self._on_excess(whole)
                else:
                    yield _text(whole)
                unfinished.clear()
                size = 0
            unfinished.append(rest)
            size += len(rest)
            if size > LINE_MAX_BYTES:
                kept = b"".join(unfinished)
                unfinished = [kept[:_ENDS_BYTES], kept[max(_ENDS_BYTES, len(kept) - _ENDS_BYTES) :]]
            if not data:
                self._on_end()
                if (last := b"".join(unfinished)) and size <= LINE_MAX_BYTES:
                    yield _text(last)
                return


def _text(line: bytes) -> str:
    return without_half_characters(line.decode("utf-8", "replace"))


class _Writer:
    """A descriptor to write text to, as the SDK's transport uses one."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._pollable = _pollable(descriptor)

    async def write(self, text: str) -> None:
        data = memoryview(text.encode())
        while data:
            if self._pollable:
                await anyio.wait_writable(self._descriptor)
            try:
                data = data[os.write(self._descriptor, data[:_WRITE_BYTES]) :]
            except (BrokenPipeError, ConnectionResetError) as error:
                # The host is gone; the end of stdin, which follows, ends the server.
                raise anyio.ClosedResourceError from error

    async def flush(self) -> None:
        """Nothing is buffered here."""


def _pollable(descriptor: int) -> bool:
    """Tell whether an event loop can wait for it; files and /dev/null are always ready, and refuse to be polled."""
    mode = os.fstat(descriptor).st_mode
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) or os.isatty(descriptor)

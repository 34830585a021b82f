"""The lines of a pipe, read and written by the event loop itself; what they mean is for the transport to know."""

from __future__ import annotations

import json
import os
import re
import select
import stat
from contextlib import suppress
from typing import TYPE_CHECKING

import anyio

from agentcore_mcp.wire.characters import valid_unicode

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

_READ_BYTES = 65_536
# A pipe that polls as writable takes this much without blocking, by POSIX's definition, so a host that stops reading
# parks the writing task and nothing else.
_WRITE_BYTES = getattr(select, "PIPE_BUF", 512)
# Four times what the SDK takes over HTTP, and more than any model reads: a whole document in a prompt is welcome, a
# host gone wild is not. A request takes about five times its size until it is answered.
LINE_MAX_BYTES = 16 << 20
# What is kept of a longer line, of its beginning and of its end: SDKs write the id before the parameters or after them.
# Without its id, the Python SDK waits for an answer for ever and the one for TypeScript for a minute.
_ENDS_BYTES = 1024
_ID = rb'"id"\s*:\s*(\d{1,18}|"[^"\\]*")\s*'
# Where no brace is between the id and that of the message, it is the message's own.
_ID_AT_START = re.compile(rb"\s*\{[^{}]*?" + _ID + rb"[,}]")
_ID_AT_END = re.compile(_ID + rb"(?:,[^{}]*)?\}\s*\Z")


class Lines:
    """The lines that come in, as text.

    Args:
        descriptor: Where they come from.
        on_end: Called when no more can come.
        on_excess: Called for a line of more than ``LINE_MAX_BYTES`` with its two ends, instead of giving it.
    """

    def __init__(self, descriptor: int, on_end: Callable[[], None], on_excess: Callable[[bytes], None]) -> None:
        self._descriptor = descriptor
        self._on_end = on_end
        self._on_excess = on_excess
        self._pollable = _pollable(descriptor)

    async def __aiter__(self) -> AsyncIterator[str]:
        line, size = bytearray(), 0
        while data := await self._read():
            for number, piece in enumerate(data.split(b"\n")):
                if number:  # there was a line end before it
                    if size > LINE_MAX_BYTES:
                        self._on_excess(bytes(line))
                    else:
                        yield _text(line)
                    line.clear()
                    size = 0
                line += piece
                size += len(piece)
                if size > LINE_MAX_BYTES:
                    del line[_ENDS_BYTES:-_ENDS_BYTES]
        self._on_end()
        if line and size <= LINE_MAX_BYTES:
            yield _text(line)

    async def _read(self) -> bytes:
        if self._pollable:
            await anyio.wait_readable(self._descriptor)
        try:
            return os.read(self._descriptor, _READ_BYTES)
        except ConnectionResetError:  # a socket's way to end with something unread
            return b""


class Writer:
    """A descriptor to write text to, as the SDK's transport uses one."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._pollable = _pollable(descriptor)

    async def write(self, text: str) -> None:
        """Write all of a text.

        Raises:
            ClosedResourceError: If the host has closed its end. The end of what is read follows, and ends the server.
        """
        data = memoryview(text.encode())
        while data:
            if self._pollable:
                await anyio.wait_writable(self._descriptor)
            try:
                data = data[os.write(self._descriptor, data[:_WRITE_BYTES]) :]
            except (BrokenPipeError, ConnectionResetError) as error:
                raise anyio.ClosedResourceError from error

    async def flush(self) -> None:
        """Nothing is buffered here."""


def request_id(ends: bytes) -> int | str | None:
    """Return the id of a message of which the two ends are there, or None if it is not in them."""
    found = _ID_AT_START.match(ends[:_ENDS_BYTES]) or _ID_AT_END.search(ends[-_ENDS_BYTES:])
    return json.loads(found[1].decode("utf-8", "replace")) if found else None


def without_half_characters(line: str) -> str:
    """Return a line of JSON with U+FFFD for each escaped half of a surrogate pair.

    JavaScript cuts texts between the two halves of an emoji and writes down one of them; the SDK's parser refuses the
    whole message for it, and its sender would wait for an answer in vain.
    """
    if "\\ud" in line or "\\uD" in line:
        # What is no JSON is for the parser to refuse.
        with suppress(ValueError, RecursionError):
            return valid_unicode(json.dumps(json.loads(line), ensure_ascii=False))
    return line


def _text(line: bytearray) -> str:
    return without_half_characters(line.decode("utf-8", "replace"))


def _pollable(descriptor: int) -> bool:
    """Tell whether an event loop can wait for it; files and /dev/null are always ready, and refuse to be polled."""
    mode = os.fstat(descriptor).st_mode
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) or os.isatty(descriptor)

"""Reads and writes the lines of a pipe on the event loop itself; the transport interprets them."""

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
# blocks only the task that writes.
_WRITE_BYTES = getattr(select, "PIPE_BUF", 512)
# Four times the SDK's limit over HTTP, and more than any model reads: a whole document in a prompt fits, the output of
# a runaway host doesn't. A request takes about five times its size in memory until it is answered.
LINE_MAX_BYTES = 16 << 20
# How much of a longer line's beginning and of its end is kept: SDKs write the id before the parameters or after them.
# If the error lacks the id, the Python SDK waits for an answer for ever, and the TypeScript SDK for a minute.
_ENDS_BYTES = 1024
_ID = rb'"id"\s*:\s*(\d{1,18}|"[^"\\]*")\s*'
# An id with no brace between it and the message's own brace is the message's id.
_ID_AT_START = re.compile(rb"\s*\{[^{}]*?" + _ID + rb"[,}]")
_ID_AT_END = re.compile(_ID + rb"(?:,[^{}]*)?\}\s*\Z")


class Lines:
    """Incoming lines, as text.

    Args:
        descriptor: The file descriptor to read.
        on_end: Called at the end of the input.
        on_excess: Called with the two ends of a line of more than ``LINE_MAX_BYTES``, which is not yielded.
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
        except ConnectionResetError:  # the peer closed a socket with unread data
            return b""


class Writer:
    """Writes text to a file descriptor, with the methods that the SDK's transport calls."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._pollable = _pollable(descriptor)

    async def write(self, text: str) -> None:
        """Write all of a text.

        Raises:
            ClosedResourceError: If the host has closed its end. The end of stdin follows, and ends the server.
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
    """Return the id of a message from its two ends; None if it is in neither."""
    found = _ID_AT_START.match(ends[:_ENDS_BYTES]) or _ID_AT_END.search(ends[-_ENDS_BYTES:])
    return json.loads(found[1].decode("utf-8", "replace")) if found else None


def without_half_characters(line: str) -> str:
    """Return a line of JSON with U+FFFD for each escaped lone surrogate.

    JavaScript can cut a string between the two halves of an emoji and serialize one of them; the SDK's parser refuses
    the whole message because of it, and the sender would wait for an answer in vain.
    """
    if "\\ud" in line or "\\uD" in line:
        # Invalid JSON is left to the parser to refuse.
        with suppress(ValueError, RecursionError):
            return valid_unicode(json.dumps(json.loads(line), ensure_ascii=False))
    return line


def _text(line: bytearray) -> str:
    return without_half_characters(line.decode("utf-8", "replace"))


def _pollable(descriptor: int) -> bool:
    """Tell whether an event loop can wait for it; files and /dev/null are always ready, and refuse to be polled."""
    mode = os.fstat(descriptor).st_mode
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) or os.isatty(descriptor)

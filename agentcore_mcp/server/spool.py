"""The whole of a long output, in a temporary file for as long as omitted parts may be read.

The file has no name (except on Windows), so its path can't be opened or replaced, and the system deletes it when it is
closed or the process ends. Bounded: bytes over the limit, or that don't fit on the disk, are counted and dropped, and
the call goes on.
"""

from __future__ import annotations

import logging
import tempfile
import weakref
from typing import IO, cast

from agentcore_mcp.errors import AgentCoreError

# Enough for the log of a long build, and too much for a model to page through.
FILE_MAX_BYTES = 32 * 1024 * 1024
# An output up to this size stays in memory and needs no file; a longer one is written in blocks of this size.
_BUFFER_BYTES = 64 * 1024

logger = logging.getLogger(__name__)


class Spool:
    """One output, appended to while it arrives and read by byte ranges.

    Holds one file open once it is longer than 64 KiB. ``server.calls`` bounds how many outputs are kept.

    Args:
        max_bytes: How much is kept.
    """

    def __init__(self, max_bytes: int = FILE_MAX_BYTES) -> None:
        self._max_bytes = max_bytes
        self._file: IO[bytes] | None = None
        self._buffer = bytearray()
        self.kept_bytes = 0
        self.dropped_bytes = 0

    def append(self, text: str) -> None:
        """Keep more of the output."""
        data = text.encode()
        kept = _whole_characters(data[: self._max_bytes - self.kept_bytes])
        self._buffer += kept
        self.kept_bytes += len(kept)
        if len(kept) < len(data):
            self._drop(len(data) - len(kept))
        if len(self._buffer) > _BUFFER_BYTES:
            self._write()

    def read(self, offset: int, max_chars: int) -> tuple[str, int]:
        """Return up to ``max_chars`` characters from a byte offset on, and the offset after them.

        An offset inside a character means the one after it.

        Raises:
            AgentCoreError: If it can't be read.
        """
        if offset >= self.kept_bytes:
            return "", self.kept_bytes
        return part_of(self._bytes(offset, min(part_bytes(max_chars), self.kept_bytes - offset)), offset, max_chars)

    def _bytes(self, offset: int, size: int) -> bytes:
        if self._file is None:
            return bytes(self._buffer[offset : offset + size])
        self._write()
        try:
            self._file.seek(offset)
            return self._file.read(size)
        except OSError as error:
            raise AgentCoreError(f"what is kept of this output can't be read: {error.strerror}") from error

    def _write(self) -> None:
        written = 0
        try:
            if self._file is None:
                # Unbuffered, to know how much was written when the disk is full.
                self._file = cast("IO[bytes]", tempfile.TemporaryFile(buffering=0))  # noqa: SIM115
                weakref.finalize(self, self._file.close)
            self._file.seek(self.kept_bytes - len(self._buffer))
            while written < len(self._buffer):
                written += self._file.write(self._buffer[written:])
        except OSError as error:
            logger.warning("a part of a long output can't be kept for read_output: %s", error.strerror)
            lost = len(self._buffer) - len(_whole_characters(self._buffer[:written]))
            self.kept_bytes -= lost
            self._drop(lost)
        self._buffer.clear()

    def _drop(self, count: int) -> None:
        """Count dropped bytes. Nothing is kept after them, as the text would have an unmarked gap."""
        self.dropped_bytes += count
        self._max_bytes = self.kept_bytes

    def close(self) -> None:
        """Delete the output, and the file with it."""
        self._buffer.clear()
        self.kept_bytes = 0
        if self._file is not None:
            self._file.close()
            self._file = None


def part_bytes(max_chars: int) -> int:
    """Return how many bytes of UTF-8 to read for up to this many characters.

    A character has at most four bytes; the extra ones are for characters that the offset or the end cuts in two.
    """
    return 4 * max_chars + 3


def part_of(data: bytes, offset: int, max_chars: int) -> tuple[str, int]:
    """Return up to ``max_chars`` characters of data read at a byte offset, and the offset after them."""
    skipped = len(data) - len(data.lstrip(bytes(range(0x80, 0xC0)))) if offset else 0
    text = data[skipped:].decode("utf-8", "ignore")[:max_chars]
    return text, offset + skipped + len(text.encode())


def _whole_characters(data: bytes | bytearray) -> bytes:
    """Return UTF-8 without an incomplete character at its end."""
    return data.decode("utf-8", "ignore").encode()

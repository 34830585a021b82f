"""The frames of ``application/vnd.amazon.eventstream``: length and checksum, headers, payload, uninterpreted.

Parsed here with ``struct`` and ``zlib`` and not by botocore, for two reasons. botocore's buffer is immutable bytes, so
each chunk copies all earlier ones: a 16 MB frame in small chunks costs quadratic time. And the stdio server must not
load botocore before its first SigV4 call. The tests compare both parsers.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING
from zlib import crc32

from agentcore_mcp.errors import ProtocolError

if TYPE_CHECKING:
    from collections.abc import Iterator

_PRELUDE = struct.Struct("!III")  # length of the frame, length of its headers, checksum of these two
_LENGTHS = struct.Struct("!II")
_CHECKSUM = struct.Struct("!I")
_VALUE_LENGTH = struct.Struct("!H")
_OVERHEAD_BYTES = _PRELUDE.size + _CHECKSUM.size

# The limits that the event-stream specification sets and botocore enforces. They bound the memory that a stream can
# take: a frame has to arrive completely before its checksum can be trusted.
MAX_HEADERS_BYTES = 128 * 1024
MAX_PAYLOAD_BYTES = 24 * 1024 * 1024
MAX_FRAME_BYTES = _OVERHEAD_BYTES + MAX_HEADERS_BYTES + MAX_PAYLOAD_BYTES

# Header value types by their code: true, false, byte, short, int, long, bytes, string, timestamp, uuid.
# Only strings mean something here. The others are stepped over; bytes and strings state their length.
_BYTES, _STRING = 6, 7
_VALUE_BYTES = {0: 0, 1: 0, 2: 1, 3: 2, 4: 4, 5: 8, 8: 8, 9: 16}


class FrameReader:
    """Cut a stream of bytes into frames."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._block = b""  # the headers of the last frame, as they came and as they were read
        self._headers: dict[str, str] = {}
        self._needed = _PRELUDE.size  # bytes to wait for: a prelude, or (always more) the whole frame it announced

    @property
    def unfinished(self) -> str:
        """How much of a frame has arrived, in words for an error message; empty between frames."""
        if not self._buffer:
            return ""
        whole = f" of {self._needed}" if self._needed > _PRELUDE.size else ""
        return f"{len(self._buffer)}{whole} bytes of a frame"

    def feed(self, data: bytes) -> Iterator[tuple[dict[str, str], bytes]]:
        """Take the next bytes and yield headers and payload of each frame that they complete.

        Headers that are not strings have an empty text.

        Raises:
            ProtocolError: If the bytes are no frames, or one is over a limit.
        """
        self._buffer += data
        while len(self._buffer) >= self._needed:
            if self._needed == _PRELUDE.size:
                self._needed = self._frame_bytes()
                continue
            frame = memoryview(self._buffer[: self._needed])
            del self._buffer[: self._needed]
            self._needed = _PRELUDE.size
            message, (checksum,) = frame[: -_CHECKSUM.size], _CHECKSUM.unpack(frame[-_CHECKSUM.size :])
            _check(checksum, message, "a frame")
            headers_end = _PRELUDE.size + _PRELUDE.unpack_from(message)[1]
            block = bytes(message[_PRELUDE.size : headers_end])
            # In nearly all streams each frame has the same headers, so they are read once.
            if block != self._block:
                self._headers = _parse_headers(block)
                self._block = block
            yield self._headers.copy(), bytes(message[headers_end:])

    def _frame_bytes(self) -> int:
        """Return the length that the prelude announces, after checking the prelude."""
        frame_bytes, headers_bytes, checksum = _PRELUDE.unpack_from(self._buffer)
        _check(checksum, self._buffer[: _LENGTHS.size], "the prelude of a frame")
        if headers_bytes > MAX_HEADERS_BYTES:
            raise ProtocolError(
                f"a frame has {headers_bytes} bytes of headers, at most {MAX_HEADERS_BYTES} are allowed"
            )
        if frame_bytes > MAX_FRAME_BYTES:
            raise ProtocolError(f"a frame has {frame_bytes} bytes, at most {MAX_FRAME_BYTES} are allowed")
        if frame_bytes < headers_bytes + _OVERHEAD_BYTES:
            raise ProtocolError(f"a frame of {frame_bytes} bytes can't hold {headers_bytes} bytes of headers")
        return int(frame_bytes)


def encode_frame(headers: dict[str, str], payload: bytes) -> bytes:
    """Encode a frame whose headers are all strings, in their order."""
    block = b"".join(
        bytes((len(name),)) + name + bytes((_STRING,)) + _VALUE_LENGTH.pack(len(value)) + value
        for name, value in ((name.encode(), value.encode()) for name, value in headers.items())
    )
    lengths = _LENGTHS.pack(_OVERHEAD_BYTES + len(block) + len(payload), len(block))
    message = lengths + _CHECKSUM.pack(crc32(lengths)) + block + payload
    return message + _CHECKSUM.pack(crc32(message))


def _check(announced: int, data: bytes | bytearray | memoryview, what: str) -> None:
    computed = crc32(data)
    if announced != computed:
        raise ProtocolError(f"{what} is damaged: its checksum is 0x{announced:08x}, computed is 0x{computed:08x}")


def _parse_headers(block: bytes) -> dict[str, str]:
    """Return the headers, with an empty text for those that are not strings."""
    headers: dict[str, str] = {}
    position = 0
    try:
        while position < len(block):
            name_end = position + 1 + block[position]
            name = block[position + 1 : name_end].decode()
            kind = block[name_end]
            position = name_end + 1
            if kind in (_BYTES, _STRING):
                (length,) = _VALUE_LENGTH.unpack_from(block, position)
                position += _VALUE_LENGTH.size
            else:
                length = _VALUE_BYTES[kind]
            value = block[position : position + length]
            position += length
            if name in headers:
                raise ProtocolError(f"a frame has two headers {name!r}")
            headers[name] = value.decode() if kind == _STRING else ""
    except (IndexError, KeyError, UnicodeDecodeError, struct.error) as error:
        raise ProtocolError(f"a frame's headers can't be read: {block[:100]!r}") from error
    if position > len(block):
        raise ProtocolError(f"a frame's headers end {position - len(block)} bytes too early: {block[:100]!r}")
    return headers

"""Content encodings: decompression of a body that was compressed although the request asked for identity.

Only gzip is supported, the encoding that proxies add unasked. httpx2's own decoder is not used: it accepts a truncated
stream as complete, drops all gzip members after the first, and passes undecodable bytes on.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

from agentcore_mcp.errors import ProtocolError, StreamInterruptedError

if TYPE_CHECKING:
    from collections.abc import Iterator

# The size of a decompressed piece: a kilobyte may expand to a megabyte, which must not be in memory all at once.
PIECE_MAX_BYTES = 64 * 1024

_GZIP_FORMAT = 16 + zlib.MAX_WBITS


def is_gzip(content_encoding: str) -> bool:
    """Tell whether a body is compressed, by the header ``Content-Encoding``.

    Raises:
        ProtocolError: If it has another encoding than gzip, or several.
    """
    name = content_encoding.strip().lower()
    if name in ("", "identity"):
        return False
    if name in ("gzip", "x-gzip"):
        return True
    raise ProtocolError(f"the answer has the content encoding {content_encoding!r:.100}, which was not asked for")


class GzipReader:
    """Decompress one body."""

    def __init__(self) -> None:
        self._member: zlib._Decompress | None = None

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Take the next bytes and yield them decompressed, at most 64 KiB at a time.

        Raises:
            ProtocolError: If they are not gzip.
        """
        while True:
            if self._member is None:
                if not data:
                    return
                self._member = zlib.decompressobj(_GZIP_FORMAT)
            try:
                piece = self._member.decompress(data, PIECE_MAX_BYTES)
            except zlib.error as error:
                raise ProtocolError(f"the answer is not the gzip that it claims to be: {error}") from error
            if piece:
                yield piece
            if self._member.eof:
                data, self._member = self._member.unused_data, None
            elif piece:
                data = self._member.unconsumed_tail
            else:
                return

    def close(self) -> None:
        """End the body.

        Raises:
            StreamInterruptedError: If the gzip stream is incomplete.
        """
        if self._member is not None:
            raise StreamInterruptedError("the answer broke off: its compressed bytes end too early")

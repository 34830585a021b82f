"""Content encodings: the bytes of a body that was compressed on its way, though identity was asked for.

Only gzip is undone, which is what proxies add unasked. It is done here and not by httpx2, which takes a stream that
ends too early for a whole one, drops what follows a stream's first member, and passes on what it can't decode.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

from agentcore_mcp.errors import ProtocolError, StreamInterruptedError

if TYPE_CHECKING:
    from collections.abc import Iterator

# A piece of what comes out: a kilobyte may stand for a megabyte, and is not to be had all at once.
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
        """Take the next bytes and yield what they stand for, at most 1 MiB at a time.

        Raises:
            ProtocolError: If they are no gzip.
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
            StreamInterruptedError: If that is too early.
        """
        if self._member is not None:
            raise StreamInterruptedError("the answer broke off: its compressed bytes end too early")

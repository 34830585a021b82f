"""Readers: they cut an answer's bytes into pieces as they arrive, after decompression.

No I/O: ``bodies`` feeds them, on an event loop or in the calling thread.
"""

from __future__ import annotations

import codecs
import re
from contextlib import suppress
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from agentcore_mcp.errors import AgentError
from agentcore_mcp.wire.encodings import GzipReader, is_gzip
from agentcore_mcp.wire.eventstream import CommandDecoder, CommandEvent
from agentcore_mcp.wire.eventstream.harnesses import HarnessAnswer
from agentcore_mcp.wire.headers import SSE_TYPE
from agentcore_mcp.wire.pieces import TextPieces, is_text_type
from agentcore_mcp.wire.reports import FAILURE_MARK, stream_failure
from agentcore_mcp.wire.sse import SSEDecoder

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agentcore_mcp.runtime.replies import Reply

# The beginning of a body that may be an event stream, before its first field; it may also be a non-standard field.
_MAY_BE_A_FIELD = re.compile(
    rb"(?:\xef(?:\xbb\xbf?)?)?\s{0,1000}(?:[A-Za-z-]{0,30}(?::|\Z)|(?:data|event|id|retry)[\r\n])"
)
# Encodings of text that agents may use instead of UTF-8; Python has others, not all of them for text.
_CHARSET = re.compile(
    r"""charset\s*=\s*["']?(iso[-_]?8859-\d+|latin-?1|(?:windows-|cp)\d+|utf-?(?:16|32)(?:[lb]e)?|koi8-[ru]|big5"""
    r"""|gb(?:k|2312|18030)|shift[-_]jis|euc-(?:jp|kr)|iso-2022-jp)\b""",
    re.IGNORECASE,
)

T = TypeVar("T")


class Reader(Protocol[T]):
    """Cuts an answer's bytes into pieces: the decoders of ``wire``, and the two readers here.

    An error found after complete pieces is kept: ``feed`` returns those pieces, ``failed`` becomes true, and the next
    call raises the error. ``finished`` is true once the answer is complete; later bytes are ignored.
    """

    @property
    def failed(self) -> bool: ...  # noqa: D102 - above
    @property
    def finished(self) -> bool: ...  # noqa: D102 - above
    def feed(self, data: bytes, /) -> list[T]: ...  # noqa: D102 - above
    def close(self) -> list[T]: ...  # noqa: D102 - above


class EventData:
    """Reads an event stream: each piece is the data of an event, and an agent's report of its failure is raised.

    A body without any field of an event is read as text, whatever its media type.
    """

    finished = False

    def __init__(self) -> None:
        self._decoder = SSEDecoder(keeps_blanks=True)
        self._error: AgentError | None = None
        self._begin = bytearray()  # of the body, until its first field
        self._text: TextPieces | None = None
        self._is_stream = False  # whether a field has come, and no error

    @property
    def failed(self) -> bool:
        """Whether an error was found; every further call raises it."""
        return self._error is not None or (self._text is None and self._decoder.failed)

    def feed(self, data: bytes) -> list[str]:
        """Take the next bytes and return the data of the events that they complete.

        Raises:
            AgentError: If the agent reports that it failed.
            ProtocolError: If an event is over the limit.
        """
        if self._is_stream:
            return self._until_failure(self._decoder.feed_data(data))
        if self._error is not None:
            raise self._error
        if self._text is not None:
            return self._text.feed(data)
        self._begin += data
        if not _MAY_BE_A_FIELD.match(self._begin):
            self._text = TextPieces()
            return self._text.feed(bytes(self._begin))
        pieces = self._decoder.feed_data(data)
        self._is_stream = self._decoder.has_fields
        return self._until_failure(pieces)

    def close(self) -> list[str]:
        """End the stream and return the data of the unfinished event.

        Raises:
            AgentError, ProtocolError: As for ``feed``.
        """
        if self._error is not None:
            raise self._error
        if self._text is not None:
            return self._text.close()
        pieces = self._decoder.close_data()
        if self._begin.strip() and not self._decoder.has_fields:
            self._text = TextPieces()
            return self._text.feed(bytes(self._begin)) + self._text.close()
        return self._until_failure(pieces)

    def _until_failure(self, pieces: list[str]) -> list[str]:
        # Nearly always no piece is a failure; searching all of them at once is faster than one by one.
        if not self._decoder.has_names and FAILURE_MARK not in "".join(pieces):
            return pieces
        for position, piece in enumerate(pieces):
            failure = stream_failure(piece)
            if failure is not None:
                self._error, self._is_stream = AgentError(*failure), False
                if not position:
                    raise self._error
                return pieces[:position]
        return pieces


class Body(Generic[T]):
    """One answer's body: raw bytes in, pieces out.

    Args:
        reader: Makes the pieces.
        reply: The reply, for its headers.
        half_is_worth_having: Whether the pieces of an interrupted body are delivered before the error.
        charset: The encoding of its text, if that is not UTF-8.

    Raises:
        ProtocolError: If the content encoding is not gzip; the request asked for none.
    """

    def __init__(
        self,
        reader: Reader[T],
        reply: Reply,
        *,
        half_is_worth_having: bool = False,
        charset: str | None = None,
    ) -> None:
        self._reader = reader
        self._characters = codecs.getincrementaldecoder(charset)("replace") if charset else None
        self._half_is_worth_having = half_is_worth_having
        self._gzip = GzipReader() if is_gzip(reply.response.headers.get("content-encoding", "")) else None

    @property
    def is_compressed(self) -> bool:
        """Whether its bytes have to be decompressed before the reader gets them."""
        return self._gzip is not None

    @property
    def is_over(self) -> bool:
        """Whether no more bytes are needed: the reader has found an error or the end."""
        return self._reader.failed or self._reader.finished

    def feed(self, data: bytes) -> Iterator[list[T]]:
        """Take the next bytes and yield the pieces that they complete, in lists that are never empty.

        Raises:
            ProtocolError: If the bytes can't be decompressed; the reader's exceptions are raised too.
        """
        for part in (data,) if self._gzip is None else self._gzip.feed(data):
            if self._characters is not None:
                part = self._characters.decode(part).encode()  # noqa: PLW2901
            if pieces := self._reader.feed(part):
                yield pieces
            if self.is_over:
                return

    def close(self) -> list[T]:
        """End the body and return its last pieces.

        Raises:
            StreamInterruptedError: If its gzip stream is incomplete; the reader's exceptions are raised too.
        """
        if self._gzip is not None and not self.is_over:
            self._gzip.close()
        return self._reader.close()

    def salvage(self) -> list[T]:
        """Return the last pieces of an interrupted body."""
        return self._reader.close() if self._half_is_worth_having else []


def invocation_body(reply: Reply) -> Body[str]:
    """Return the body of a successful answer to an invocation."""
    kind, charset = reply.media_type, _charset(reply.content_type)
    if kind == SSE_TYPE:
        return Body(EventData(), reply, charset=charset)
    return Body(TextPieces(kind), reply, half_is_worth_having=True, charset=charset if is_text_type(kind) else None)


def command_body(reply: Reply) -> Body[CommandEvent]:
    """Return the body of a successful answer to a command."""
    return Body(CommandDecoder(), reply)


def harness_body(reply: Reply) -> Body[str]:
    """Return the body of a successful answer of a harness."""
    return Body(HarnessAnswer(), reply)


def _charset(content_type: str) -> str | None:
    """Return the charset of a content type, None if it is UTF-8 or unknown."""
    found = _CHARSET.search(content_type)
    with suppress(LookupError):
        return codecs.lookup(found[1]).name if found else None
    return None

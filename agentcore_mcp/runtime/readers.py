"""Readers: what makes pieces of an answer's bytes, as they arrive and whatever their content encoding.

No I/O: ``exchange`` feeds them, on an event loop or in the calling thread.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from agentcore_mcp.errors import ProtocolError
from agentcore_mcp.runtime.failures import event_error
from agentcore_mcp.wire.encodings import GzipReader, is_gzip
from agentcore_mcp.wire.headers import SSE_TYPE, media_type
from agentcore_mcp.wire.refusals import error_of_event
from agentcore_mcp.wire.sse import SSEDecoder
from agentcore_mcp.wire.text import FAILURE_MARK, stream_failure

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import httpx2

    from agentcore_mcp.errors import AgentError

# A whole answer is held in memory. This is the service's limit for a request's payload, so an agent may echo one.
ANSWER_MAX_BYTES = 100_000_000

T = TypeVar("T")


class Reader(Protocol[T]):
    """Makes pieces of an answer's bytes: the decoders of ``wire``, and the two readers here.

    An error found after complete pieces is kept: ``feed`` returns those pieces, ``failed`` becomes true, and the next
    call raises the error. ``finished`` is true when what has come is all there is, whatever else may follow.
    """

    @property
    def failed(self) -> bool: ...  # noqa: D102 - above
    @property
    def finished(self) -> bool: ...  # noqa: D102 - above
    def feed(self, data: bytes, /) -> list[T]: ...  # noqa: D102 - above
    def close(self) -> list[T]: ...  # noqa: D102 - above


class EventData:
    """Reads a stream of events: each piece is the data of one, and an agent's report of its failure is raised.

    Args:
        error_of: Makes the exception of such a report, of its error, error type and message.
    """

    finished = False

    def __init__(self, error_of: Callable[[str, str, str], AgentError] = error_of_event) -> None:
        self._error_of = error_of
        self._decoder = SSEDecoder()
        self._error: AgentError | None = None

    @property
    def failed(self) -> bool:
        """Whether an error was found; every further call raises it."""
        return self._error is not None or self._decoder.failed

    def feed(self, data: bytes) -> list[str]:
        """Take the next bytes and return the data of the events that they complete.

        Raises:
            AgentError: If the agent reports that it failed.
            ProtocolError: If an event is over the limit.
        """
        if self._error is not None:
            raise self._error
        return self._until_failure(self._decoder.feed_data(data))

    def close(self) -> list[str]:
        """End the stream and return the data of the event that was left unfinished.

        Raises:
            AgentError, ProtocolError: As for ``feed``.
        """
        if self._error is not None:
            raise self._error
        return self._until_failure(self._decoder.close_data())

    def _until_failure(self, pieces: list[str]) -> list[str]:
        # Nearly always there is none, which one look into all of them tells sooner than one into each.
        if FAILURE_MARK not in "\n".join(pieces):
            return pieces
        for position, piece in enumerate(pieces):
            failure = stream_failure(piece)
            if failure is not None:
                self._error = self._error_of(*failure)
                if not position:
                    raise self._error
                return pieces[:position]
        return pieces


class WholeText:
    """Reads any other answer: one piece of text, once all of it has arrived, or none if it is empty."""

    failed = False
    finished = False

    def __init__(self) -> None:
        self._body = bytearray()

    def feed(self, data: bytes) -> list[str]:
        """Take the next bytes.

        Raises:
            ProtocolError: If there are more than a whole answer may have.
        """
        self._body += data
        if len(self._body) > ANSWER_MAX_BYTES:
            raise ProtocolError(f"the answer has more than the {ANSWER_MAX_BYTES} bytes that are allowed")
        return []

    def close(self) -> list[str]:
        """Return the text as far as it has come: of an answer that broke off, what there is is worth having."""
        return [self._body.decode("utf-8", "replace")] if self._body else []


class Body(Generic[T]):
    """One answer's body: raw bytes in, pieces out.

    Args:
        reader: Makes the pieces.
        response: The answer, for its headers.
        half_is_worth_having: Whether what there is of a body that broke off is handed over before the error.

    Raises:
        ProtocolError: If it has a content encoding that nobody asked for, other than gzip.
    """

    def __init__(self, reader: Reader[T], response: httpx2.Response, *, half_is_worth_having: bool = False) -> None:
        self._reader = reader
        self._half_is_worth_having = half_is_worth_having
        self._gzip = GzipReader() if is_gzip(response.headers.get("content-encoding", "")) else None

    @property
    def is_compressed(self) -> bool:
        """Whether it is fed with other bytes than its reader."""
        return self._gzip is not None

    @property
    def is_over(self) -> bool:
        """Whether no more bytes are wanted: the reader has found an error, or all there is."""
        return self._reader.failed or self._reader.finished

    def feed(self, data: bytes) -> Iterator[list[T]]:
        """Take the next bytes and yield the pieces that they complete: lists, none of which is empty.

        Raises:
            ProtocolError: If they can't be decompressed; and whatever the reader raises.
        """
        for part in (data,) if self._gzip is None else self._gzip.feed(data):
            if pieces := self._reader.feed(part):
                yield pieces
            if self.is_over:
                return

    def close(self) -> list[T]:
        """End the body and return what only its end completes.

        Raises:
            StreamInterruptedError: If its compressed bytes end too early; and whatever the reader raises.
        """
        if self._gzip is not None and not self.is_over:
            self._gzip.close()
        return self._reader.close()

    def salvage(self) -> list[T]:
        """Return what is worth having of a body that broke off."""
        return self._reader.close() if self._half_is_worth_having else []


def invocation_body(response: httpx2.Response, session_id: str) -> Body[str]:
    """Return what reads the successful answer to an invocation."""
    if media_type(response.headers) == SSE_TYPE:
        return Body(EventData(partial(event_error, response, session_id)), response)
    return Body(WholeText(), response, half_is_worth_having=True)

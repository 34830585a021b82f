"""What a call to a runtime returns: an answer that is still arriving, or what became of a session."""

from __future__ import annotations

from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Generic, TypeVar

from agentcore_mcp.runtime.failures import request_id_of
from agentcore_mcp.wire.eventstream import CommandEvent
from agentcore_mcp.wire.ids import session_in
from agentcore_mcp.wire.sse import SSEEvent

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator

    import httpx2

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Answer(Generic[T]):
    """A successful answer whose head has arrived. Iterate it once for the rest, inside its ``async with`` block.

    Or iterate ``batches``, lists of what one chunk completes: less work where the sender packs many into one.

    Attributes:
        session_id: The session that answered: the one asked for, unless the service says otherwise.
        content_type: As the answer's header has it, "" without one.
        status: The HTTP status.
        request_id: The id that AWS support asks for, when there is one.
        batches: The pieces in lists as they arrive, none of them empty.
        pieces: The pieces one by one, which is what iterating the answer goes through.
    """

    session_id: str
    content_type: str
    status: int
    request_id: str | None
    batches: AsyncGenerator[list[T], None] = field(repr=False)
    pieces: AsyncGenerator[T, None] = field(repr=False)

    def __aiter__(self) -> AsyncIterator[T]:
        return self.pieces

    async def events(self: Answer[str]) -> AsyncGenerator[SSEEvent, None]:
        """Iterate an agent's answer as events with their types and ids; what is no stream of events has neither."""
        async for piece in self.pieces:
            yield SSEEvent.of(piece)


# Each piece is the data of one SSE event, a line of JSON, a piece of text, or a whole body, always as a string. Those
# that have more to tell are of types of their own: ``wire.sse.NamedData`` has an event's type and id,
# ``wire.pieces.Text`` is nothing but text, also where it looks like JSON, ``wire.pieces.Binary`` has an image's bytes.
Invocation = Answer[str]
CommandRun = Answer[CommandEvent]


@dataclass(frozen=True, slots=True)
class StoppedSession:
    """What became of a session that was to be stopped.

    Attributes:
        session_id: The session.
        already_gone: The service knew no such session, so there was nothing left to stop.
    """

    session_id: str
    already_gone: bool


@asynccontextmanager
async def answer_of(
    response: httpx2.Response, session_id: str, batches: AsyncGenerator[list[T], None]
) -> AsyncGenerator[Answer[T], None]:
    """Give the answer whose head this is. Leaving the block ends both ways to iterate it."""
    async with aclosing(batches), aclosing(_one_by_one(batches)) as pieces:
        yield Answer(
            session_in(response.headers, session_id),
            response.headers.get("content-type", ""),
            response.status_code,
            request_id_of(response),
            batches,
            pieces,
        )


async def _one_by_one(batches: AsyncGenerator[list[T], None]) -> AsyncGenerator[T, None]:
    async for pieces in batches:
        for piece in pieces:
            yield piece

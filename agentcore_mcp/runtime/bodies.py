"""Reading answers: waits for the bytes of a body and passes them to ``readers``, which parse them.

The blocking half is generated from this module: see ``scripts/unasync.py``.
"""

from __future__ import annotations

from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Generic, TypeVar

from agentcore_mcp.errors import TransportError
from agentcore_mcp.runtime.failures import LINE_FAILURES, failure, reading_errors
from agentcore_mcp.runtime.timeouts import ERROR_BODY_TIMEOUT_S
from agentcore_mcp.runtime.turns import Turns
from agentcore_mcp.wire.eventstream import CommandEvent
from agentcore_mcp.wire.headers import ANSWER_HEADERS
from agentcore_mcp.wire.sse import SSEEvent

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
    from contextlib import AbstractAsyncContextManager

    from agentcore_mcp.runtime.readers import Body
    from agentcore_mcp.runtime.replies import Reply

# An error's body is a few hundred bytes of JSON, a proxy's HTML page a few thousand.
ERROR_BODY_MAX_BYTES = 65_536

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Answer(Generic[T]):
    """A successful answer whose head has arrived. Iterate it once for the rest, inside its ``async with`` block.

    Or iterate ``batches``, lists of what one chunk completes: less work where the sender packs many into one.

    Attributes:
        session_id: The session that answered: the requested one, unless the service names another.
        content_type: The answer's Content-Type header, "" without one.
        status: The HTTP status.
        request_id: The id that AWS support asks for, when there is one.
        endpoint_url: The URL of the session's own servers, if the runtime has allowed ports: every request there needs
            our credentials.
        batches: The pieces in lists as they arrive; no list is empty.
        pieces: The pieces one by one, the same as iterating the answer.
        headers: Further headers from the agent, by lower-case name: trace context, and those of MCP.
    """

    session_id: str
    content_type: str
    status: int
    request_id: str | None
    endpoint_url: str | None
    batches: AsyncGenerator[list[T], None] = field(repr=False)
    pieces: AsyncGenerator[T, None] = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)

    def __aiter__(self) -> AsyncIterator[T]:
        return self.pieces

    async def events(self: Answer[str]) -> AsyncGenerator[SSEEvent, None]:
        """Iterate an agent's answer as events with type and id; without either if the body is not an event stream."""
        async for piece in self.pieces:
            yield SSEEvent.of(piece)


# Each piece is the data of one SSE event, a line of JSON, a piece of text, or a whole body, always as a string. Three
# subclasses of str carry more: ``wire.sse.NamedData`` an event's type and id, ``wire.pieces.Binary`` the bytes of an
# image, and ``wire.pieces.Text`` marks plain text, even if it looks like JSON.
Invocation = Answer[str]
"""An agent's answer."""

CommandRun = Answer[CommandEvent]
"""What a command writes, and how it ends."""


@asynccontextmanager
async def answer_in(
    sending: AbstractAsyncContextManager[Reply], body_of: Callable[[Reply], Body[T]], media: str | None = None
) -> AsyncGenerator[Answer[T], None]:
    """Send a request and yield the answer. Leaving the block closes both of its iterators.

    Args:
        sending: The context manager that sends the request.
        body_of: Returns the body of a successful reply.
        media: The media type of a success; None is any.

    Raises:
        AgentRuntimeError: If the reply is not a success.
        ProtocolError: If the reply is a success with another media type.
    """
    async with sending as reply:
        await check_success(reply, media)
        with reading_errors(reply):
            body = body_of(reply)
        async with aclosing(_batches(reply, body)) as batches, aclosing(_one_by_one(batches)) as pieces:
            yield Answer(
                reply.session_id,
                reply.content_type,
                reply.response.status_code,
                reply.request_id,
                reply.endpoint_url,
                batches,
                pieces,
                {name: value for name, value in reply.response.headers.items() if name in ANSWER_HEADERS},
            )


async def check_success(reply: Reply, media: str | None = None) -> None:
    """Raise the error for a reply, unless it is a success with the expected media type.

    Raises:
        ServiceError: If AgentCore refused, or the reply is a redirect.
        AgentError: If the agent failed.
        ProtocolError: If it is a success with another type, or a web page that AgentCore did not send.
    """
    if not reply.is_success(media):
        body = b"" if reply.response.has_redirect_location else await _read_some(reply)
        raise failure(reply, body, media)


async def _batches(reply: Reply, body: Body[T]) -> AsyncGenerator[list[T], None]:
    """Yield the pieces of the body as soon as they are complete, in lists that are never empty."""
    response, turns = reply.response, Turns()
    try:
        with reading_errors(reply):
            async with aclosing(response.aiter_raw() if body.is_compressed else response.aiter_bytes()) as chunks:
                async for chunk in chunks:
                    for pieces in body.feed(chunk):
                        yield pieces
                        await turns.take_async()
                    if body.is_over:
                        break
                    await turns.take_async()
            # Reached only if the connection ended properly, not after a cut.
            if pieces := body.close():
                yield pieces
    except TransportError:
        if pieces := body.salvage():
            yield pieces
        raise


async def _one_by_one(batches: AsyncGenerator[list[T], None]) -> AsyncGenerator[T, None]:
    async for pieces in batches:
        for piece in pieces:
            yield piece


async def _read_some(reply: Reply) -> bytes:
    """Read the beginning of an error's body, within a short time; errors while reading are ignored."""
    body = bytearray()
    reply.deadline.set(min(ERROR_BODY_TIMEOUT_S, reply.read_timeout_s))
    with suppress(*LINE_FAILURES):
        async with aclosing(reply.response.aiter_bytes()) as chunks:
            async for chunk in chunks:
                body += chunk
                if len(body) >= ERROR_BODY_MAX_BYTES:
                    break
    return bytes(body[:ERROR_BODY_MAX_BYTES])

"""Reading answers, twice: on an event loop, and in the calling thread.

Only how to wait differs, so that is here, side by side; ``readers`` makes something of the bytes, and what a failure
means is in ``answers``.
"""

from __future__ import annotations

import time
from contextlib import aclosing, suppress
from functools import partial
from typing import TYPE_CHECKING, TypeVar

import anyio

from agentcore_mcp.errors import TransportError
from agentcore_mcp.runtime import failures as answers
from agentcore_mcp.runtime.readers import Body, invocation_body
from agentcore_mcp.wire.eventstream import CommandDecoder, CommandEvent
from agentcore_mcp.wire.headers import EVENT_STREAM_TYPE

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Generator

    import httpx2

# The end of a body comes with its last bytes or right behind them.
_END_TIMEOUT_S = 0.1

T = TypeVar("T")


async def invocation_batches(response: httpx2.Response, session_id: str) -> AsyncGenerator[list[str], None]:
    """Check the answer to InvokeAgentRuntime, and return what reads the rest of it: the pieces that come together.

    Raises:
        AgentRuntimeError: If it is no success.
    """
    await check_success(response, session_id)
    with answers.transport_errors(response.request, session_id, response):
        return _batches(response, session_id, invocation_body(response, session_id))


async def command_batches(response: httpx2.Response, session_id: str) -> AsyncGenerator[list[CommandEvent], None]:
    """Check the answer to InvokeAgentRuntimeCommand, and return what reads the rest of it: as above.

    Raises:
        AgentRuntimeError: If it is no success.
        ProtocolError: If it is a success of another kind.
    """
    await check_success(response, session_id, EVENT_STREAM_TYPE)
    with answers.transport_errors(response.request, session_id, response):
        return _batches(response, session_id, _command_body(response, session_id))


async def check_success(response: httpx2.Response, session_id: str, media: str | None = None) -> None:
    """Raise the error that an answer is, unless it is a success of the wanted media type.

    Raises:
        ServiceError: If AgentCore refused, or something answered with a redirect.
        AgentError: If the agent failed.
        ProtocolError: If it is a success of another type, or a web page that AgentCore did not send.
    """
    if not answers.is_success(response, media):
        body = b"" if response.has_redirect_location else await _read_some(response)
        raise answers.failure(response, body, session_id, media)


def blocking_invocation_pieces(response: httpx2.Response, session_id: str) -> Generator[str, None, None]:
    """Do as ``invocation_batches``, piece by piece."""
    blocking_check_success(response, session_id)
    with answers.transport_errors(response.request, session_id, response):
        return _blocking_pieces(response, session_id, invocation_body(response, session_id))


def blocking_command_events(response: httpx2.Response, session_id: str) -> Generator[CommandEvent, None, None]:
    """Do as ``command_batches``, event by event."""
    blocking_check_success(response, session_id, EVENT_STREAM_TYPE)
    with answers.transport_errors(response.request, session_id, response):
        return _blocking_pieces(response, session_id, _command_body(response, session_id))


def blocking_check_success(response: httpx2.Response, session_id: str, media: str | None = None) -> None:
    """Do as ``check_success``."""
    if not answers.is_success(response, media):
        body = b"" if response.has_redirect_location else _blocking_read_some(response)
        raise answers.failure(response, body, session_id, media)


def _command_body(response: httpx2.Response, session_id: str) -> Body[CommandEvent]:
    return Body(CommandDecoder(error_of=partial(answers.frame_error, response, session_id)), response)


async def _batches(response: httpx2.Response, session_id: str, body: Body[T]) -> AsyncGenerator[list[T], None]:
    """Yield what is made of the body, as soon as it is complete: one piece or several, never none."""
    try:
        with answers.transport_errors(response.request, session_id, response):
            async with aclosing(response.aiter_raw() if body.is_compressed else response.aiter_bytes()) as chunks:
                async for chunk in chunks:
                    for pieces in body.feed(chunk):
                        yield pieces
                    if body.is_over:
                        await _read_end(chunks)
                        break
            # An end is only an end if the connection says so: after a cut this is not reached.
            if pieces := body.close():
                yield pieces
    except TransportError:
        if pieces := body.salvage():
            yield pieces
        raise


def _blocking_pieces(response: httpx2.Response, session_id: str, body: Body[T]) -> Generator[T, None, None]:
    try:
        with answers.transport_errors(response.request, session_id, response):
            for chunk in response.iter_raw() if body.is_compressed else response.iter_bytes():
                for pieces in body.feed(chunk):
                    yield from pieces
                if body.is_over:
                    break
            yield from body.close()
    except TransportError:
        yield from body.salvage()
        raise


async def _read_end(chunks: AsyncGenerator[bytes, None]) -> None:
    """Read the end of a body that has nothing more to say, if it comes at once: then its connection can be kept."""
    with anyio.move_on_after(_END_TIMEOUT_S), suppress(*answers.LINE_FAILURES):
        async for _ in chunks:
            pass


async def _read_some(response: httpx2.Response) -> bytes:
    """Read the beginning of a body that only explains a failure: as much as comes, soon and without trouble."""
    body = bytearray()
    with anyio.move_on_after(answers.ERROR_BODY_TIMEOUT_S), suppress(*answers.LINE_FAILURES):
        async with aclosing(response.aiter_bytes()) as chunks:
            async for chunk in chunks:
                body += chunk
                if len(body) >= answers.ERROR_BODY_MAX_BYTES:
                    break
    return bytes(body[: answers.ERROR_BODY_MAX_BYTES])


def _blocking_read_some(response: httpx2.Response) -> bytes:
    """Do as ``_read_some``, in at most twice the time: nothing can interrupt a read but its own timeout."""
    body = bytearray()
    response.request.extensions["timeout"]["read"] = answers.ERROR_BODY_TIMEOUT_S
    deadline = time.monotonic() + answers.ERROR_BODY_TIMEOUT_S
    with suppress(*answers.LINE_FAILURES):
        for chunk in response.iter_bytes():
            body += chunk
            if len(body) >= answers.ERROR_BODY_MAX_BYTES or time.monotonic() > deadline:
                break
    return bytes(body[: answers.ERROR_BODY_MAX_BYTES])

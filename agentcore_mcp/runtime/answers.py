"""What comes back from a runtime: text pieces or command events as they arrive, or one of our exceptions.

``client`` sends and uses this to read. Every exception of httpx2 is translated here, in ``transport_errors``, because
what a failure means depends on how much of the answer had arrived.
"""

from __future__ import annotations

from contextlib import aclosing, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

import anyio
import httpx2

from agentcore_mcp.errors import (
    BODY_EXCERPT_CHARS,
    AgentCoreError,
    AgentError,
    AgentRuntimeError,
    ConnectError,
    ProtocolError,
    ResponseTimeoutError,
    ServiceError,
    StreamInterruptedError,
    TransportError,
    error_from_answer,
)
from agentcore_mcp.wire.eventstream import CommandDecoder, CommandEvent
from agentcore_mcp.wire.operations import EVENT_STREAM_TYPE, SESSION_HEADER, SSE_TYPE
from agentcore_mcp.wire.sse import SSEDecoder
from agentcore_mcp.wire.text import stream_failure

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Iterator

# A whole answer is held in memory. This is the service's limit for a request's payload, so an agent may echo one.
ANSWER_MAX_BYTES = 100_000_000
# An error's body is a few hundred bytes of JSON, a proxy's HTML page a few thousand. The status is known by then, so
# nobody should wait long for the words: in nearly all cases they come along with the head.
ERROR_BODY_MAX_BYTES = 65_536
ERROR_BODY_TIMEOUT_S = 3.0
# Enough of another library's message to recognise the failure.
DETAIL_MAX_CHARS = 200

_REQUEST_ID_HEADER = "x-amzn-requestid"

# What httpx2 raises before the first byte of the request has left.
_NOT_SENT = (
    httpx2.ConnectError,
    httpx2.ConnectTimeout,
    httpx2.PoolTimeout,
    httpx2.ProxyError,
    httpx2.UnsupportedProtocol,
)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Answer(Generic[T]):
    """A successful answer whose head has arrived. Iterate it once for the rest, inside its ``async with`` block.

    Attributes:
        session_id: The session that answered: the one asked for, unless the service says otherwise.
        content_type: As the answer's header has it, "" without one.
        status: The HTTP status.
        request_id: The id that AWS support asks for, when there is one.
        pieces: What iterating goes through.
    """

    session_id: str
    content_type: str
    status: int
    request_id: str | None
    pieces: AsyncGenerator[T, None] = field(repr=False)

    def __aiter__(self) -> AsyncIterator[T]:
        return self.pieces


# Each piece is the data of one SSE event, as the agent sent it, or the one whole body of any other answer.
Invocation = Answer[str]
CommandRun = Answer[CommandEvent]


@asynccontextmanager
async def read_invocation(response: httpx2.Response, session_id: str) -> AsyncGenerator[Invocation, None]:
    """Read the answer to InvokeAgentRuntime, or raise what it says."""
    await check_success(response, session_id)
    pieces = _event_data if _media_type(response) == SSE_TYPE else _whole_text
    async with _answer(response, session_id, pieces(response, session_id)) as answer:
        yield answer


@asynccontextmanager
async def read_command(response: httpx2.Response, session_id: str) -> AsyncGenerator[CommandRun, None]:
    """Read the answer to InvokeAgentRuntimeCommand, or raise what it says."""
    await check_success(response, session_id)
    if _media_type(response) != EVENT_STREAM_TYPE:
        content_type = response.headers.get("content-type", "")
        text = (await _read_some(response)).decode("utf-8", "replace")
        raise ProtocolError(
            f"the answer to a command is {content_type!r}, not {EVENT_STREAM_TYPE!r}: {text[:BODY_EXCERPT_CHARS]!r}",
            session_id=session_id,
        )
    async with _answer(response, session_id, _decoded(response, session_id, CommandDecoder())) as answer:
        yield answer


async def check_success(response: httpx2.Response, session_id: str) -> None:
    """Raise the error that an answer is, unless it is a success.

    Raises:
        ServiceError: If AgentCore refused, or something answered with a redirect.
        AgentError: If the agent failed.
    """
    if response.is_success:
        return
    session_id = response.headers.get(SESSION_HEADER, session_id)
    if response.has_redirect_location:
        raise ServiceError(
            f"{_host(response.request)} redirects to {_target(response)!r}, which is not followed: prompt, session "
            "id and credentials would go along; set the endpoint URL to where the runtime is",
            f"HTTP {response.status_code}",
            status=response.status_code,
            session_id=session_id,
        )
    body = await _read_some(response)
    raise error_from_answer(response.status_code, response.headers, body, session_id=session_id)


@contextmanager
def transport_errors(
    request: httpx2.Request, session_id: str, response: httpx2.Response | None = None
) -> Iterator[None]:
    """Translate httpx2's exceptions into ours, and complete ours with the ids of the call.

    Messages name the host and never a header: h11 quotes illegal ones in full.

    Args:
        request: What was sent or is being sent.
        session_id: The session of the call.
        response: The answer that is being read; None while its head has not arrived.
    """
    host = _host(request)
    try:
        yield
    except AgentCoreError as error:
        error.session_id = error.session_id or session_id
        if isinstance(error, AgentRuntimeError) and response is not None:
            error.request_id = error.request_id or response.headers.get(_REQUEST_ID_HEADER)
        raise
    except _NOT_SENT as error:
        message = f"can't connect to {host}, nothing was sent: {_detail(error)}"
        raise ConnectError(message, session_id=session_id) from error
    except httpx2.ReadTimeout as error:
        silent = f"{request.extensions['timeout']['read']:g} s"
        message = f"no answer from {host} within {silent}" if response is None else f"{host} fell silent for {silent}"
        raise ResponseTimeoutError(f"{message}; the work may still be going on", session_id=session_id) from error
    except httpx2.DecodingError as error:
        message = f"the answer from {host} is not in the content encoding it claims"
        raise ProtocolError(message, session_id=session_id) from error
    except httpx2.TransportError as error:
        if response is not None:
            message = f"the answer from {host} broke off: {_detail(error)}"
            raise StreamInterruptedError(message, session_id=session_id) from error
        message = (
            f"the connection to {host} failed: {_detail(error)}; it is unknown whether the request was carried out"
        )
        raise TransportError(message, session_id=session_id) from error


class _Decoder(Protocol[T]):
    @property
    def failed(self) -> bool: ...
    def feed(self, data: bytes, /) -> list[T]: ...
    def close(self) -> list[T]: ...


async def _decoded(response: httpx2.Response, session_id: str, decoder: _Decoder[T]) -> AsyncGenerator[T, None]:
    """Yield what a decoder makes of the body, each piece as soon as it is complete."""
    with transport_errors(response.request, session_id, response):
        async with aclosing(response.aiter_bytes()) as chunks:
            async for chunk in chunks:
                for piece in decoder.feed(chunk):
                    yield piece
                if decoder.failed:
                    break
        # An end is only an end if the connection says so: after a cut this is not reached, and half an event is lost.
        for piece in decoder.close():
            yield piece


async def _event_data(response: httpx2.Response, session_id: str) -> AsyncGenerator[str, None]:
    async with aclosing(_decoded(response, session_id, SSEDecoder())) as events:
        async for event in events:
            failure = stream_failure(event.data)
            if failure is not None:
                raise AgentError(
                    *failure,
                    request_id=response.headers.get(_REQUEST_ID_HEADER),
                    session_id=response.headers.get(SESSION_HEADER, session_id),
                )
            yield event.data


async def _whole_text(response: httpx2.Response, session_id: str) -> AsyncGenerator[str, None]:
    body = bytearray()
    interruption: TransportError | None = None
    try:
        with transport_errors(response.request, session_id, response):
            async with aclosing(response.aiter_bytes()) as chunks:
                async for chunk in chunks:
                    body += chunk
                    if len(body) > ANSWER_MAX_BYTES:
                        raise ProtocolError(f"the answer has more than the {ANSWER_MAX_BYTES} bytes that are allowed")
    except TransportError as error:
        interruption = error
    if body:
        yield body.decode("utf-8", "replace")
    if interruption is not None:
        raise interruption


@asynccontextmanager
async def _answer(
    response: httpx2.Response, session_id: str, pieces: AsyncGenerator[T, None]
) -> AsyncGenerator[Answer[T], None]:
    async with aclosing(pieces):
        yield Answer(
            response.headers.get(SESSION_HEADER, session_id),
            response.headers.get("content-type", ""),
            response.status_code,
            response.headers.get(_REQUEST_ID_HEADER),
            pieces,
        )


async def _read_some(response: httpx2.Response) -> bytes:
    """Read the beginning of a body that only explains a failure: as much as comes, soon and without trouble."""
    body = bytearray()
    with anyio.move_on_after(ERROR_BODY_TIMEOUT_S), suppress(httpx2.RequestError):
        async with aclosing(response.aiter_bytes()) as chunks:
            async for chunk in chunks:
                body += chunk
                if len(body) >= ERROR_BODY_MAX_BYTES:
                    break
    return bytes(body[:ERROR_BODY_MAX_BYTES])


def _media_type(response: httpx2.Response) -> str:
    return response.headers.get("content-type", "").partition(";")[0].strip().lower()


def _host(request: httpx2.Request) -> str:
    return request.url.netloc.decode("ascii")


def _target(response: httpx2.Response) -> str:
    """Return where a redirect points, without user name and query: both may be secrets."""
    if response.next_request is None:
        return "an unreadable address"
    url = response.next_request.url
    return f"{url.scheme}://{url.netloc.decode('ascii')}{url.path}"[:DETAIL_MAX_CHARS]


def _detail(error: httpx2.TransportError) -> str:
    text = str(error)
    if isinstance(error, httpx2.LocalProtocolError):
        text = ""
    elif isinstance(error, httpx2.RemoteProtocolError):
        text = text.partition(":")[0]
    return text[:DETAIL_MAX_CHARS] or type(error).__name__

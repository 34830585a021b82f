"""Sending calls and reading their answers, twice: on an event loop, and in the calling thread.

The only two things that differ are here, side by side, and as little of them as possible: ``calls`` says what goes
out, ``answers`` what comes back. The blocking half runs no event loop and starts no thread. A call is sent exactly
once, unless ``auth`` sends it again with another token after a 401.
"""

from __future__ import annotations

import threading
import time
from contextlib import aclosing, asynccontextmanager, contextmanager, suppress
from typing import TYPE_CHECKING, TypeVar

import anyio
import httpx2

from agentcore_mcp.errors import TransportError
from agentcore_mcp.runtime import answers
from agentcore_mcp.runtime.environment import environment_errors, trusts_environment
from agentcore_mcp.wire.eventstream import CommandDecoder, CommandEvent

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncGenerator, Generator

    from agentcore_mcp.runtime.calls import Call

# An idle connection is kept for the next call, but not until the other side gives it up: a request that crosses with
# its closing fails, and nobody can say whether it was carried out. uvicorn, which many agents run on, waits 5 s.
IDLE_CONNECTION_S = 4.0

# How many calls run at a time is for the caller to decide; one that waits here looks like silence.
_LIMITS = httpx2.Limits(max_connections=None, keepalive_expiry=IDLE_CONNECTION_S)

# The end of a body comes with its last bytes or right behind them.
_END_TIMEOUT_S = 0.1

T = TypeVar("T")


class AsyncConnections:
    """The connections of one client on one event loop, opened when they are needed.

    Args:
        endpoint_url: Where to send everything, instead of to the service's host for the ARN's region.
        connect_timeout_s: For a connection, its TLS handshake included.
        transport: What to send through instead; it is closed with the connections, and no proxy is used.
        tls: The certificates to trust; None are the system's. Reading those takes 20 ms, which one can share.
    """

    def __init__(
        self,
        endpoint_url: str | None,
        connect_timeout_s: float,
        transport: httpx2.AsyncBaseTransport | None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._endpoint_url = endpoint_url
        self._connect_timeout_s = connect_timeout_s
        self._transport = transport
        self._tls = tls
        self._http: httpx2.AsyncClient | None = None

    @asynccontextmanager
    async def send(self, call: Call, auth: httpx2.Auth) -> AsyncGenerator[httpx2.Response, None]:
        """Send a call. The block is entered with the head of the answer; leaving it closes the connection."""
        request = call.to_http(self._endpoint_url, self._connect_timeout_s)
        if self._http is None:
            with environment_errors():
                self._http = httpx2.AsyncClient(
                    verify=True if self._tls is None else self._tls,
                    transport=self._transport,
                    trust_env=trusts_environment(request.url),
                    limits=_LIMITS,
                    follow_redirects=False,
                )
        with answers.transport_errors(request, call.session_id):
            response = await self._http.send(request, auth=auth, stream=True)
        try:
            yield response
        finally:
            await response.aclose()

    async def aclose(self) -> None:
        """Close every connection. Answers that are still being read break off."""
        if self._http is not None:
            await self._http.aclose()


class Connections:
    """The connections of one client that blocks. Safe to share between threads. Arguments as above."""

    def __init__(
        self, endpoint_url: str | None, connect_timeout_s: float, transport: httpx2.BaseTransport | None
    ) -> None:
        self._endpoint_url = endpoint_url
        self._connect_timeout_s = connect_timeout_s
        self._transport = transport
        self._http: httpx2.Client | None = None
        self._lock = threading.Lock()

    @contextmanager
    def send(self, call: Call, auth: httpx2.Auth) -> Generator[httpx2.Response, None, None]:
        """Send a call. The block is entered with the head of the answer; leaving it closes the connection."""
        request = call.to_http(self._endpoint_url, self._connect_timeout_s)
        with self._lock:
            if self._http is None:
                with environment_errors():
                    self._http = httpx2.Client(
                        transport=self._transport,
                        trust_env=trusts_environment(request.url),
                        limits=_LIMITS,
                        follow_redirects=False,
                    )
        with answers.transport_errors(request, call.session_id):
            response = self._http.send(request, auth=auth, stream=True)
        try:
            yield response
        finally:
            response.close()

    def close(self) -> None:
        """Close every connection. Answers that are still being read break off."""
        if self._http is not None:
            self._http.close()


async def invocation_pieces(response: httpx2.Response, session_id: str) -> AsyncGenerator[str, None]:
    """Check the answer to InvokeAgentRuntime, and return what reads the rest of it.

    Raises:
        AgentRuntimeError: If it is no success.
    """
    await check_success(response, session_id)
    reader = answers.reader_of(response)
    return _pieces(response, session_id, reader, half_is_worth_having=isinstance(reader, answers.WholeText))


async def command_events(response: httpx2.Response, session_id: str) -> AsyncGenerator[CommandEvent, None]:
    """Check the answer to InvokeAgentRuntimeCommand, and return what reads the rest of it.

    Raises:
        AgentRuntimeError: If it is no success.
        ProtocolError: If it is a success of another kind.
    """
    await check_success(response, session_id)
    if not answers.is_command_stream(response):
        raise answers.no_command_stream(response, await _read_some(response), session_id)
    return _pieces(response, session_id, CommandDecoder())


async def check_success(response: httpx2.Response, session_id: str) -> None:
    """Raise the error that an answer is, unless it is a success.

    Raises:
        ServiceError: If AgentCore refused, or something answered with a redirect.
        AgentError: If the agent failed.
    """
    if not response.is_success:
        body = b"" if response.has_redirect_location else await _read_some(response)
        raise answers.refusal(response, body, session_id)


def blocking_invocation_pieces(response: httpx2.Response, session_id: str) -> Generator[str, None, None]:
    """Do as ``invocation_pieces``."""
    blocking_check_success(response, session_id)
    reader = answers.reader_of(response)
    return _blocking_pieces(response, session_id, reader, half_is_worth_having=isinstance(reader, answers.WholeText))


def blocking_command_events(response: httpx2.Response, session_id: str) -> Generator[CommandEvent, None, None]:
    """Do as ``command_events``."""
    blocking_check_success(response, session_id)
    if not answers.is_command_stream(response):
        raise answers.no_command_stream(response, _blocking_read_some(response), session_id)
    return _blocking_pieces(response, session_id, CommandDecoder())


def blocking_check_success(response: httpx2.Response, session_id: str) -> None:
    """Do as ``check_success``."""
    if not response.is_success:
        body = b"" if response.has_redirect_location else _blocking_read_some(response)
        raise answers.refusal(response, body, session_id)


async def _pieces(
    response: httpx2.Response, session_id: str, reader: answers.Reader[T], *, half_is_worth_having: bool = False
) -> AsyncGenerator[T, None]:
    """Yield what a reader makes of the body, each piece as soon as it is complete."""
    try:
        with answers.transport_errors(response.request, session_id, response):
            async with aclosing(response.aiter_bytes()) as chunks:
                async for chunk in chunks:
                    for piece in reader.feed(chunk):
                        yield piece
                    if reader.finished:
                        await _read_end(chunks)
                    if reader.failed or reader.finished:
                        break
            # An end is only an end if the connection says so: after a cut this is not reached.
            for piece in reader.close():
                yield piece
    except TransportError:
        if half_is_worth_having:
            for piece in reader.close():
                yield piece
        raise


def _blocking_pieces(
    response: httpx2.Response, session_id: str, reader: answers.Reader[T], *, half_is_worth_having: bool = False
) -> Generator[T, None, None]:
    try:
        with answers.transport_errors(response.request, session_id, response):
            for chunk in response.iter_bytes():
                yield from reader.feed(chunk)
                if reader.failed or reader.finished:
                    break
            yield from reader.close()
    except TransportError:
        if half_is_worth_having:
            yield from reader.close()
        raise


async def _read_end(chunks: AsyncGenerator[bytes, None]) -> None:
    """Read the end of a body that has nothing more to say, if it comes at once: then its connection can be kept."""
    with anyio.move_on_after(_END_TIMEOUT_S), suppress(httpx2.RequestError):
        async for _ in chunks:
            pass


async def _read_some(response: httpx2.Response) -> bytes:
    """Read the beginning of a body that only explains a failure: as much as comes, soon and without trouble."""
    body = bytearray()
    with anyio.move_on_after(answers.ERROR_BODY_TIMEOUT_S), suppress(httpx2.RequestError):
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
    with suppress(httpx2.RequestError):
        for chunk in response.iter_bytes():
            body += chunk
            if len(body) >= answers.ERROR_BODY_MAX_BYTES or time.monotonic() > deadline:
                break
    return bytes(body[: answers.ERROR_BODY_MAX_BYTES])

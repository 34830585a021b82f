"""RuntimeClient: the three operations over HTTP, async and streaming. It sends each request exactly once.

What a request looks like is decided in ``wire.operations``, where it goes in ``runtime.endpoints``, who it is from in
``runtime.auth``; here they meet, and what comes back becomes text, command events, or one of our exceptions.
"""

from __future__ import annotations

import uuid
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Generic, Self, TypeVar

from agentcore_mcp.runtime.answers import REQUEST_ID_HEADER, session_is_gone
from agentcore_mcp.runtime.auth import SigV4Auth
from agentcore_mcp.runtime.calls import (
    COMMAND_GRACE_S,
    CONNECT_TIMEOUT_S,
    READ_TIMEOUT_S,
    STOP_TIMEOUT_S,
    Call,
    parsed_arn,
)
from agentcore_mcp.runtime.endpoints import check_endpoint_url
from agentcore_mcp.runtime.exchange import AsyncConnections, check_success, command_events, invocation_pieces
from agentcore_mcp.wire.eventstream import CommandEvent
from agentcore_mcp.wire.operations import (
    COMMAND_TIMEOUT_DEFAULT_S,
    JSON_TYPE,
    SESSION_HEADER,
    SSE_TYPE,
    Runtime,
    command_request,
    invoke_request,
    stop_request,
)

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Mapping
    from types import TracebackType

    import httpx2

__all__ = ["CommandRun", "Invocation", "RuntimeClient", "StoppedSession"]

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


@dataclass(frozen=True, slots=True)
class StoppedSession:
    """What became of a session that was to be stopped.

    Attributes:
        session_id: The session.
        already_gone: The service knew no such session, so there was nothing left to stop.
    """

    session_id: str
    already_gone: bool


class RuntimeClient:
    """Calls agent runtimes. Safe to share between the tasks of one event loop.

    Opens connections at the first call and closes them at the end of its ``async with`` block or in ``aclose()``.

    Args:
        auth: How requests prove who sends them; None is SigV4 with the default chain's credentials.
        endpoint_url: Where to send everything, instead of to the service's host for the ARN's region.
        connect_timeout_s: For a connection, its TLS handshake included.
        read_timeout_s: For silence while an agent works: before its answer and between two pieces of it.
        command_grace_s: For silence of a command, on top of the command's own timeout.
        stop_timeout_s: For the answer to a stop.
        transport: An httpx2 transport to send through. It is closed with the client, and no proxy is used.

    Raises:
        ConfigurationError: If the endpoint URL is neither https nor on this machine.
    """

    def __init__(
        self,
        *,
        auth: httpx2.Auth | None = None,
        endpoint_url: str | None = None,
        # Timeouts
        connect_timeout_s: float = CONNECT_TIMEOUT_S,
        read_timeout_s: float = READ_TIMEOUT_S,
        command_grace_s: float = COMMAND_GRACE_S,
        stop_timeout_s: float = STOP_TIMEOUT_S,
        # Escape hatch
        transport: httpx2.AsyncBaseTransport | None = None,
    ) -> None:
        self._auth = SigV4Auth() if auth is None else auth
        self._read_timeout_s = read_timeout_s
        self._command_grace_s = command_grace_s
        self._stop_timeout_s = stop_timeout_s
        endpoint_url = None if endpoint_url is None else check_endpoint_url(endpoint_url)
        self._connections = AsyncConnections(endpoint_url, connect_timeout_s, transport)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close every connection. Answers that are still being read break off."""
        await self._connections.aclose()

    @asynccontextmanager
    async def invoke(
        self,
        arn: Runtime | str,
        payload: bytes,
        *,
        session_id: str,
        qualifier: str | None = None,
        content_type: str = JSON_TYPE,
        accept: str = f"{SSE_TYPE}, {JSON_TYPE}",
        user_id: str | None = None,
        headers: Mapping[str, str] | None = None,
        read_timeout_s: float | None = None,
    ) -> AsyncGenerator[Invocation, None]:
        """Ask an agent. The block is entered when the head of its answer has arrived.

        Leaving the block early closes the connection, which does not stop the agent's work.

        Args:
            arn: The runtime.
            payload: What the agent receives, at most 100,000,000 bytes.
            session_id: 33 to 256 visible ASCII characters; an unknown one begins a new session.
            qualifier: The endpoint's name; None leaves the choice to the service (DEFAULT).
            content_type: The payload's media type.
            accept: The media types wanted back.
            user_id: On whose behalf, at most 1024 characters.
            headers: Further headers, such as ``…-Runtime-Custom-*`` or trace context.
            read_timeout_s: Instead of the client's.

        Raises:
            InvalidRequestError: If an argument is outside these limits.
            CredentialsError: If there is nothing to sign with.
            TransportError: If the connection fails: see its three kinds.
            ProtocolError: If the answer is malformed or larger than 100,000,000 bytes.
            ServiceError: If AgentCore refuses.
            AgentError: If the agent fails, before its answer or in the middle of it.
        """
        arn = parsed_arn(arn)
        request = invoke_request(
            arn,
            payload,
            session_id=session_id,
            qualifier=qualifier,
            content_type=content_type,
            accept=accept,
            user_id=user_id,
            headers=headers,
        )
        timeout_s = self._read_timeout_s if read_timeout_s is None else read_timeout_s
        async with self._connections.send(Call(arn, request, session_id, timeout_s), self._auth) as response:
            pieces = await invocation_pieces(response, session_id)
            async with aclosing(pieces):
                yield _answer(response, session_id, pieces)

    @asynccontextmanager
    async def run_command(
        self,
        arn: Runtime | str,
        command: str,
        *,
        session_id: str,
        timeout_s: int = COMMAND_TIMEOUT_DEFAULT_S,
        qualifier: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> AsyncGenerator[CommandRun, None]:
        """Run a shell command in a session's environment. The block is entered when the head has arrived.

        A stream that ends without an exit code raises StreamInterruptedError: the command may still be running.

        Args:
            arn: The runtime.
            command: 1 to 65,536 characters.
            session_id: 33 to 256 visible ASCII characters; an unknown one boots a new, empty environment.
            timeout_s: After how many seconds the service ends the command, 1 to 3600.
            qualifier: The endpoint's name; None leaves the choice to the service (DEFAULT).
            headers: Further headers, such as trace context.

        Raises:
            InvalidRequestError, CredentialsError, TransportError, ProtocolError, ServiceError: As for ``invoke``.
        """
        arn = parsed_arn(arn)
        request = command_request(
            arn, command, session_id=session_id, timeout_s=timeout_s, qualifier=qualifier, headers=headers
        )
        call = Call(arn, request, session_id, timeout_s + self._command_grace_s)
        async with self._connections.send(call, self._auth) as response:
            events = await command_events(response, session_id)
            async with aclosing(events):
                yield _answer(response, session_id, events)

    async def stop_session(
        self, arn: Runtime | str, *, session_id: str, qualifier: str | None = None, client_token: str | None = None
    ) -> StoppedSession:
        """End a session, its environment and whatever runs in it. A session that is already gone is no error.

        Args:
            arn: The runtime.
            session_id: 33 to 256 visible ASCII characters.
            qualifier: The endpoint's name; None leaves the choice to the service (DEFAULT).
            client_token: 33 to 256 letters, digits and dashes, the same for the same stop; None is a new one.

        Raises:
            InvalidRequestError, CredentialsError, TransportError, ServiceError: As for ``invoke``.
        """
        arn = parsed_arn(arn)
        token = str(uuid.uuid4()) if client_token is None else client_token
        request = stop_request(arn, session_id=session_id, client_token=token, qualifier=qualifier)
        call = Call(arn, request, session_id, self._stop_timeout_s)
        async with self._connections.send(call, self._auth) as response:
            gone = session_is_gone(response)
            if not gone:
                await check_success(response, session_id)
            return StoppedSession(response.headers.get(SESSION_HEADER, session_id), already_gone=gone)


def _answer(response: httpx2.Response, session_id: str, pieces: AsyncGenerator[T, None]) -> Answer[T]:
    return Answer(
        response.headers.get(SESSION_HEADER, session_id),
        response.headers.get("content-type", ""),
        response.status_code,
        response.headers.get(REQUEST_ID_HEADER),
        pieces,
    )

"""RuntimeClient: the three operations over HTTP, async and streaming. It sends each request exactly once.

What a request looks like is decided in ``wire.operations``, where it goes in ``runtime.endpoints``, who it is from in
``runtime.auth``; here they meet, and what comes back becomes text, command events, or one of our exceptions.
"""

from __future__ import annotations

import uuid
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from typing import TYPE_CHECKING, Self

import httpx2

from agentcore_mcp.runtime.answers import (
    CommandRun,
    Invocation,
    check_success,
    read_command,
    read_invocation,
    transport_errors,
)
from agentcore_mcp.runtime.auth import REGION_EXTENSION, SigV4Auth
from agentcore_mcp.runtime.endpoints import check_endpoint_url, endpoint_for, is_loopback
from agentcore_mcp.wire.operations import (
    COMMAND_TIMEOUT_DEFAULT_S,
    JSON_TYPE,
    SESSION_HEADER,
    SSE_TYPE,
    Request,
    RuntimeArn,
    command_request,
    invoke_request,
    stop_request,
)

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping
    from types import TracebackType

__all__ = ["CommandRun", "Invocation", "RuntimeClient", "StoppedSession"]

# A TCP and TLS handshake across the world takes under a second; ten leave room for two lost packets and a proxy.
CONNECT_TIMEOUT_S = 10.0
# How long the other side may refuse to take the next piece of a request. 100 MB at once are allowed, so the network
# may be slow, but a minute without any progress is an end.
WRITE_TIMEOUT_S = 60.0
# Silence while an agent works. The service ends a synchronous request after 15 minutes itself, so nothing comes later.
READ_TIMEOUT_S = 900.0
# A command may be silent for as long as it may run; then the service needs time to end it and to say so.
COMMAND_GRACE_S = 30.0
# Stopping a session that is busy takes seconds, not minutes.
STOP_TIMEOUT_S = 60.0

# An idle connection is kept for the next call, but not until the other side gives it up: a request that crosses with
# its closing fails, and nobody can say whether it was carried out. uvicorn, which many agents run on, waits 5 s.
IDLE_CONNECTION_S = 4.0

_ERROR_TYPE_HEADER = "x-amzn-errortype"


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
        self._endpoint_url = None if endpoint_url is None else check_endpoint_url(endpoint_url)
        self._connect_timeout_s = connect_timeout_s
        self._read_timeout_s = read_timeout_s
        self._command_grace_s = command_grace_s
        self._stop_timeout_s = stop_timeout_s
        self._transport = transport
        self._http: httpx2.AsyncClient | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close every connection. Answers that are still being read break off."""
        if self._http is not None:
            await self._http.aclose()

    @asynccontextmanager
    async def invoke(
        self,
        arn: RuntimeArn | str,
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
        arn = _parsed(arn)
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
        async with (
            self._send(arn, request, session_id, timeout_s) as response,
            read_invocation(response, session_id) as answer,
        ):
            yield answer

    @asynccontextmanager
    async def run_command(
        self,
        arn: RuntimeArn | str,
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
        arn = _parsed(arn)
        request = command_request(
            arn, command, session_id=session_id, timeout_s=timeout_s, qualifier=qualifier, headers=headers
        )
        async with (
            self._send(arn, request, session_id, timeout_s + self._command_grace_s) as response,
            read_command(response, session_id) as answer,
        ):
            yield answer

    async def stop_session(
        self, arn: RuntimeArn | str, *, session_id: str, qualifier: str | None = None, client_token: str | None = None
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
        arn = _parsed(arn)
        token = str(uuid.uuid4()) if client_token is None else client_token
        request = stop_request(arn, session_id=session_id, client_token=token, qualifier=qualifier)
        async with self._send(arn, request, session_id, self._stop_timeout_s) as response:
            # Only if the service itself says so: a bare 404 may be any web server at a wrong endpoint URL.
            code = response.headers.get(_ERROR_TYPE_HEADER, "").partition(":")[0]
            gone = response.status_code == 404 and code == "ResourceNotFoundException"
            if not gone:
                await check_success(response, session_id)
            return StoppedSession(response.headers.get(SESSION_HEADER, session_id), already_gone=gone)

    @asynccontextmanager
    async def _send(
        self, arn: RuntimeArn, request: Request, session_id: str, read_timeout_s: float
    ) -> AsyncGenerator[httpx2.Response, None]:
        # Built here and not by httpx2's client, whose defaults would add cookies and an Accept of their own. The
        # encoding is boto3's: a proxy that compresses would hold pieces back.
        line = httpx2.Request(
            request.method,
            endpoint_for(arn, self._endpoint_url) + request.target,
            headers=[
                (b"User-Agent", _user_agent()),
                (b"Accept-Encoding", b"identity"),
                *((name.encode("ascii"), value.encode("latin-1")) for name, value in request.headers),
            ],
            content=request.body,
            extensions={
                "timeout": httpx2.Timeout(
                    connect=self._connect_timeout_s,
                    read=read_timeout_s,
                    write=WRITE_TIMEOUT_S,
                    pool=self._connect_timeout_s,
                ).as_dict(),
                REGION_EXTENSION: arn.region,
            },
        )
        with transport_errors(line, session_id):
            response = await self._connections(line.url).send(line, auth=self._auth, stream=True)
        try:
            yield response
        finally:
            await response.aclose()

    def _connections(self, url: httpx2.URL) -> httpx2.AsyncClient:
        if self._http is None:
            # As the AWS SDKs do, HTTPS_PROXY and NO_PROXY are followed; but no proxy reaches this machine's loopback.
            direct = dict.fromkeys(("http://", "https://", "all://")) if is_loopback(url.host) else None
            self._http = httpx2.AsyncClient(
                transport=self._transport,
                mounts=direct,
                # How many calls run at a time is for the caller to decide; one that waits here looks like silence.
                limits=httpx2.Limits(max_connections=None, keepalive_expiry=IDLE_CONNECTION_S),
                follow_redirects=False,
            )
        return self._http


def _parsed(arn: RuntimeArn | str) -> RuntimeArn:
    return RuntimeArn.parse(arn) if isinstance(arn, str) else arn


@cache
def _user_agent() -> bytes:
    return f"agentcore-mcp/{version('agentcore-mcp')}".encode()

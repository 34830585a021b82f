"""The endpoint of a session: HTTP and WebSocket requests, with our credentials, to servers that an agent started in it.

Its URL is in the response to an invocation. All requests go to its host and below its path; redirects are not followed.
"""

from __future__ import annotations

import hashlib
from contextlib import aclosing, asynccontextmanager, suppress
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote, unquote_to_bytes

import httpx2

from agentcore_mcp.errors import ConnectError, InvalidRequestError
from agentcore_mcp.runtime.auth.authorization import GuardedAuth
from agentcore_mcp.runtime.auth.sigv4 import REGION_EXTENSION, SigV4Auth
from agentcore_mcp.runtime.endpoints import check_session_endpoint
from agentcore_mcp.runtime.environment import trusts_environment
from agentcore_mcp.runtime.timeouts import CONNECT_TIMEOUT_S, WRITE_TIMEOUT_S
from agentcore_mcp.runtime.websocket.opening import upgraded
from agentcore_mcp.wire.headers import PORT_HEADER, end_to_end
from agentcore_mcp.wire.limits import PAYLOAD_MAX_BYTES, STREAM_MAX_S

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Mapping, Sequence

    from websockets.asyncio.client import ClientConnection

    from agentcore_mcp.wire.ids import RuntimeArn

# The body's SHA-256: with this header botocore signs the hash instead of reading the body.
_HASH_HEADER = "x-amz-content-sha256"
# Headers that the client sets itself.
_OURS = ("host", "authorization", "expect", "x-amz-", "x-aws-proxy-", "sec-websocket-")
_TIMEOUT = httpx2.Timeout(STREAM_MAX_S, connect=CONNECT_TIMEOUT_S, write=WRITE_TIMEOUT_S, pool=CONNECT_TIMEOUT_S)


class SessionEndpoint:
    """Sends requests to a session's endpoint.

    Args:
        url: The endpoint's URL from an answer.
        auth: The auth flow of the requests.
        arn: The runtime, whose region is signed for.
        tls: Reads the certificates to trust.
        endpoint_url: The endpoint URL of the runtime, if not AWS's.
        port: The session's port; None leaves the choice to the service.

    Raises:
        ConfigurationError: If the URL is not safe for credentials, see ``check_session_endpoint``.
    """

    def __init__(
        self,
        url: str,
        auth: httpx2.Auth,
        arn: RuntimeArn,
        *,
        tls: Callable[[], ssl.SSLContext],
        endpoint_url: str | None = None,
        port: int | None = None,
    ) -> None:
        self.url = check_session_endpoint(url, arn.partition, endpoint_url)
        self._auth = GuardedAuth(auth)
        self._signs_bodies = isinstance(auth, SigV4Auth)
        self._extensions = {REGION_EXTENSION: arn.region, "timeout": _TIMEOUT.as_dict()}
        self._own = {} if port is None else {PORT_HEADER: str(port)}
        self._tls = tls() if self.url.scheme == "https" else None
        self._http = httpx2.AsyncClient(
            verify=self._tls or False,
            trust_env=trusts_environment(self.url),
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
            # Servers may close a connection after a few idle seconds, just when a request is sent on it.
            limits=httpx2.Limits(max_connections=None, keepalive_expiry=2.0),
        )

    async def aclose(self) -> None:
        """Close all connections."""
        await self._http.aclose()

    @asynccontextmanager
    async def send(
        self, method: str, target: str, headers: Iterable[tuple[str, str]], body: AsyncIterator[bytes] | None
    ) -> AsyncGenerator[httpx2.Response, None]:
        """Send a request. The block is entered with the head of the response, whatever its status.

        Args:
            method: The request's method.
            target: Path and query, as on a request line.
            headers: The request's headers; those about the connection or credentials are dropped.
            body: The request's body, if any. It is streamed, except with SigV4: the signature precedes the body and
                covers it, so the body is read completely first, at most 100 MB.

        Raises:
            InvalidRequestError: If the target is outside the endpoint, or a signed body is too large.
            CredentialsError: If there are no usable credentials.
            ConnectError: If there is no response.
        """
        own: Mapping[str, str] = self._own
        content: AsyncIterator[bytes] | bytes | None = body
        if body is not None and self._signs_bodies:
            content = await _read(body)
            own = {**own, _HASH_HEADER: hashlib.sha256(content).hexdigest()}
        request = self._request(method, target, headers, content)
        try:
            response = await self._http.send(request, auth=_Bare(self._auth, own), stream=True)
        except httpx2.TransportError as error:
            raise ConnectError(f"no answer from {request.url.host}: {error or type(error).__name__}") from None
        async with aclosing(response):
            yield response

    async def connect(
        self, target: str, headers: Iterable[tuple[str, str]], subprotocols: Sequence[str]
    ) -> ClientConnection:
        """Open a WebSocket; raises as ``send``, and AgentRuntimeError if the upgrade is refused."""
        request = self._request("GET", target, headers, None)
        flow = _Bare(self._auth, self._own)
        connection, _ = await upgraded(flow, request, subprotocols=subprotocols, tls=self._tls)
        return connection

    def _request(
        self, method: str, target: str, headers: Iterable[tuple[str, str]], body: AsyncIterator[bytes] | bytes | None
    ) -> httpx2.Request:
        path, mark, query = target.partition("?")
        if not path.startswith("/") or {".", ".."} & set(unquote(path).replace("\\", "/").split("/")):
            raise InvalidRequestError(f"not a path below the endpoint: {path!r}")
        if self._signs_bodies:
            query = _canonical(query)
        passed = [
            (name.encode("latin-1"), value.encode("latin-1"))
            for name, value in end_to_end(headers)
            if not name.startswith(_OURS)
        ]
        return httpx2.Request(
            method, f"{self.url}{path}{mark}{query}", headers=passed, content=body, extensions=self._extensions
        )


class _Bare(httpx2.Auth):
    """Lets a flow authorize only method, URL and ``own`` headers of a request: other headers may change in transit."""

    def __init__(self, auth: httpx2.Auth, own: Mapping[str, str]) -> None:
        self._auth = auth
        self._own = own

    async def async_auth_flow(self, request: httpx2.Request) -> AsyncGenerator[httpx2.Request, httpx2.Response]:
        bare = httpx2.Request(request.method, request.url, extensions=request.extensions)
        known = set(bare.headers)
        bare.headers.update(self._own)
        async with aclosing(self._auth.async_auth_flow(bare)) as flow:
            signed = await anext(flow)
            with suppress(StopAsyncIteration):
                while True:
                    request.headers.update({name: signed.headers[name] for name in set(signed.headers) - known})
                    signed = await flow.asend((yield request))
                    if not isinstance(request.stream, httpx2.ByteStream):
                        return  # a streamed body can't be repeated; the next request will have the new token


def _canonical(query: str) -> str:
    """Return a query percent-encoded as AWS signs it, as the encodings of browsers differ."""

    def encoded(part: str) -> str:
        return quote(unquote_to_bytes(part.replace("+", "%20")), safe="-_.~")

    return "&".join("=".join(map(encoded, pair.split("=", 1))) for pair in query.split("&"))


async def _read(body: AsyncIterator[bytes]) -> bytes:
    read = bytearray()
    async for piece in body:
        read += piece
        if len(read) > PAYLOAD_MAX_BYTES:
            raise InvalidRequestError(f"the body has more than the {PAYLOAD_MAX_BYTES:,} bytes that can be signed")
    return bytes(read)

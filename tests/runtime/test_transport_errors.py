"""Each failure of the line becomes one of ours that says what it means, whichever httpx2 has for it."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import httpx2
import pytest

from agentcore_mcp.errors import (
    AgentCoreError,
    ConnectError,
    CredentialsError,
    InvalidRequestError,
    ResponseTimeoutError,
    StreamInterruptedError,
    TransportError,
)
from agentcore_mcp.runtime import BearerAuth, NoAuth
from agentcore_mcp.runtime.client import RuntimeClient
from agentcore_mcp.runtime.retries import Retries
from tests.support.clients import ARN, ONCE, SESSION_ID, client_of
from tests.support.sdk import Async, Blocking, sdk_of
from tests.support.servers import Exchange, loopback_server, reply

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

# What each means before the head of the answer: was the request sent? After the head, a stream is interrupted.
BEFORE_THE_HEAD: dict[type[httpx2.TransportError], type[AgentCoreError]] = {
    httpx2.TransportError: TransportError,
    httpx2.TimeoutException: TransportError,
    httpx2.ConnectTimeout: ConnectError,
    httpx2.ReadTimeout: ResponseTimeoutError,
    httpx2.WriteTimeout: TransportError,
    httpx2.PoolTimeout: ConnectError,
    httpx2.NetworkError: TransportError,
    httpx2.ConnectError: ConnectError,
    httpx2.ReadError: TransportError,
    httpx2.WriteError: TransportError,
    httpx2.CloseError: TransportError,
    httpx2.ProxyError: ConnectError,
    httpx2.UnsupportedProtocol: ConnectError,
    httpx2.ProtocolError: TransportError,
    httpx2.LocalProtocolError: CredentialsError,
    httpx2.RemoteProtocolError: TransportError,
    httpx2.SSEError: TransportError,
}
# These can only be raised while a connection is made or a request is sent.
NEVER_AFTER_THE_HEAD = {
    httpx2.ConnectTimeout,
    httpx2.WriteTimeout,
    httpx2.PoolTimeout,
    httpx2.ConnectError,
    httpx2.ProxyError,
    httpx2.UnsupportedProtocol,
}


def _and_its_kinds(root: type[httpx2.TransportError]) -> Iterator[type[httpx2.TransportError]]:
    yield root
    for kind in root.__subclasses__():
        yield from _and_its_kinds(kind)


def test_every_transport_error_of_httpx2_is_in_the_table() -> None:
    assert set(_and_its_kinds(httpx2.TransportError)) == set(BEFORE_THE_HEAD)


@pytest.mark.parametrize(("theirs", "ours"), BEFORE_THE_HEAD.items())
async def test_a_failure_before_the_head_says_whether_the_request_was_sent(
    theirs: type[httpx2.TransportError], ours: type[AgentCoreError]
) -> None:
    def fail(request: httpx2.Request) -> httpx2.Response:
        raise theirs("")

    async with RuntimeClient(auth=BearerAuth("s3cret"), transport=httpx2.MockTransport(fail), retries=ONCE) as client:
        with pytest.raises(AgentCoreError, match=r"bedrock-agentcore\.eu-west-1\.amazonaws\.com") as caught:
            await client.stop_session(ARN, session_id=SESSION_ID)

    assert type(caught.value) is ours
    # That of a header that can't be sent would quote it.
    assert isinstance(caught.value.__cause__, theirs) == (ours is not CredentialsError)
    assert caught.value.session_id == SESSION_ID
    assert ("nothing was sent" in str(caught.value)) == (ours in {ConnectError, CredentialsError})
    assert ("it is unknown whether the request was carried out" in str(caught.value)) == (ours is TransportError)


@pytest.mark.parametrize("theirs", [theirs for theirs in BEFORE_THE_HEAD if theirs not in NEVER_AFTER_THE_HEAD])
async def test_a_failure_after_the_head_is_an_interruption(theirs: type[httpx2.TransportError]) -> None:
    class Failing(httpx2.AsyncByteStream):
        async def __aiter__(self) -> AsyncIterator[bytes]:
            yield b"data: 1\n\n"
            raise theirs("")

    def answer(request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, headers={"content-type": "text/event-stream"}, stream=Failing())

    pieces: list[str] = []
    async with RuntimeClient(auth=BearerAuth("s3cret"), transport=httpx2.MockTransport(answer)) as client:
        with pytest.raises(TransportError) as caught:
            async with client.invoke(ARN, b"{}", session_id=SESSION_ID) as events:
                async for piece in events:
                    pieces.append(piece)  # noqa: PERF401 - those before the failure count

    assert pieces == ["1"]
    assert type(caught.value) is (ResponseTimeoutError if theirs is httpx2.ReadTimeout else StreamInterruptedError)


@pytest.mark.parametrize(
    ("theirs", "shown"),
    [
        (httpx2.ConnectError("[Errno 111] Connection refused"), ": [Errno 111] Connection refused"),
        (httpx2.ConnectTimeout(""), ": ConnectTimeout"),
        (httpx2.RemoteProtocolError("illegal header line: bytearray(b's3cret')"), ": illegal header line;"),
        (httpx2.LocalProtocolError("Illegal header value b's3cret '"), "a credential has characters"),
        (httpx2.ReadError("x" * 1000), f": {'x' * 200};"),
    ],
)
async def test_the_detail_is_short_and_shows_no_header(theirs: httpx2.TransportError, shown: str) -> None:
    def fail(request: httpx2.Request) -> httpx2.Response:
        raise theirs

    async with RuntimeClient(auth=BearerAuth("s3cret"), transport=httpx2.MockTransport(fail), retries=ONCE) as client:
        with pytest.raises(AgentCoreError) as caught:
            await client.stop_session(ARN, session_id=SESSION_ID)

    assert shown in str(caught.value)
    assert "s3cret" not in str(caught.value)


async def test_a_header_that_http_does_not_allow_is_not_quoted() -> None:
    """A blank at its end: h11, which would refuse it too, would quote the whole value."""

    async def accept(exchange: Exchange) -> None:
        await exchange.send(reply())

    async with client_of(accept, auth=BearerAuth("token")) as (client, server):
        with pytest.raises(InvalidRequestError, match="begins or ends with a blank") as caught:
            async with client.invoke(ARN, b"{}", session_id=SESSION_ID, headers={"X-Api-Key": "s3cret "}):
                pass

    assert "s3cret" not in str(caught.value)
    assert server.requests == []


@pytest.mark.parametrize(
    "failure",
    [FileNotFoundError("s3cret"), ValueError("s3cret"), CredentialsError("sign in"), InvalidRequestError("no region")],
)
@pytest.mark.parametrize("at", ["first", "after a refusal"])
@pytest.mark.parametrize("manner", [Blocking, Async])
async def test_a_failure_of_ones_own_auth_is_none_of_the_line(
    manner: type[Blocking | Async], at: str, failure: Exception
) -> None:
    """Nor is it a redirect, nor tried again."""
    flows = []

    class Own(httpx2.Auth):
        def auth_flow(self, request: httpx2.Request) -> Iterator[httpx2.Request]:  # type: ignore[override]
            flows.append(at)
            if at == "after a refusal":
                yield request
            raise failure

    async def refuse(exchange: Exchange) -> None:
        await exchange.send(reply("401 Unauthorized"))

    async with sdk_of(lambda client: manner(client, None), refuse, auth=Own(), retries=Retries()) as (client, server):
        with pytest.raises(AgentCoreError) as caught:
            await client.stop_runtime_session(session_id=SESSION_ID)

    if isinstance(failure, AgentCoreError):
        assert caught.value is failure
    else:
        assert type(caught.value) is CredentialsError
        assert str(caught.value) == f"there are no credentials: the client's auth failed with {type(failure).__name__}"
        assert caught.value.__cause__ is failure
    assert caught.value.session_id == SESSION_ID
    assert (len(flows), len(server.requests)) == (1, int(at == "after a refusal"))


async def test_nobody_listening_means_nothing_was_sent() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]

    async with RuntimeClient(auth=NoAuth(), endpoint_url=f"http://127.0.0.1:{port}", retries=ONCE) as client:
        with pytest.raises(ConnectError, match=rf"can't connect to 127.0.0.1:{port}, nothing was sent: "):
            await client.stop_session(ARN, session_id=SESSION_ID)


async def test_a_server_without_tls_gets_nothing_over_https() -> None:
    async def accept(exchange: Exchange) -> None:
        await exchange.send(reply())

    async with loopback_server(accept) as server:
        url = server.endpoint_url.replace("http", "https")
        async with RuntimeClient(
            auth=BearerAuth("s3cret"), endpoint_url=url, connect_timeout_s=1, retries=ONCE
        ) as client:
            with pytest.raises(ConnectError, match="nothing was sent"):
                await client.stop_session(ARN, session_id=SESSION_ID)

    assert server.requests == []


async def test_https_goes_through_the_proxy_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """As with the AWS SDKs. The proxy sees where to, and no credentials."""

    async def refuse(exchange: Exchange) -> None:
        await exchange.send(reply("407 Proxy Authentication Required"))

    async with loopback_server(refuse) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.endpoint_url)
        async with RuntimeClient(auth=BearerAuth("s3cret")) as client:
            with pytest.raises(ConnectError, match="nothing was sent: 407 Proxy Authentication Required"):
                await client.stop_session(ARN, session_id=SESSION_ID)

    (request,) = proxy.requests
    assert (request.method, request.target) == ("CONNECT", "bedrock-agentcore.eu-west-1.amazonaws.com:443")
    assert request.header("authorization") is None


async def test_loopback_never_goes_through_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    async def accept(exchange: Exchange) -> None:
        await exchange.send(reply())

    async with loopback_server(accept) as proxy, client_of(accept) as (client, server):
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.endpoint_url)
            monkeypatch.setenv(name.lower(), proxy.endpoint_url)
        await client.stop_session(ARN, session_id=SESSION_ID)

    assert (len(proxy.requests), len(server.requests)) == (0, 1)

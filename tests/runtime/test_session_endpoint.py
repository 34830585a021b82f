"""Requests to the endpoint of a session, on the line."""

from __future__ import annotations

import asyncio
import ssl
from typing import TYPE_CHECKING

import pytest
from botocore.session import Session
from websockets.asyncio.server import ServerConnection, serve

from agentcore_mcp.errors import AgentRuntimeError, ConfigurationError, ConnectError, InvalidRequestError
from agentcore_mcp.runtime import BearerAuth, SigV4Auth
from agentcore_mcp.runtime.auth.tokens import Token
from agentcore_mcp.runtime.session_endpoint import SessionEndpoint
from agentcore_mcp.wire.ids import RuntimeArn
from tests.support.aws import ACCESS_KEY_ID, SECRET_ACCESS_KEY
from tests.support.servers import Exchange, loopback_server, reply
from tests.support.tls import loopback_certificate
from tests.support.waiting import WAIT_S

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    import httpx2

ARN = RuntimeArn("aws", "eu-central-1", "123456789012", "shop-abcdefghij")


def signer() -> SigV4Auth:
    session = Session()
    session.set_credentials(ACCESS_KEY_ID, SECRET_ACCESS_KEY, "not-a-real-session-token")
    return SigV4Auth(session)


def endpoint(url: str, auth: httpx2.Auth, port: int | None = None) -> SessionEndpoint:
    """Its own URL is that of the runtime, too, as with a local AgentCore."""
    return SessionEndpoint(url, auth, ARN, tls=ssl.create_default_context, endpoint_url=url, port=port)


class Tokens:
    """Gives another token each time that one is refused."""

    def __init__(self) -> None:
        self.asked = 0

    def fetch(self, previous: Token | None) -> Token:
        assert (previous is None) == (self.asked == 0)
        self.asked += 1
        return Token(f"token-{self.asked}")


async def test_a_signature_covers_where_a_request_goes_and_its_body_and_no_header_that_may_change() -> None:
    async def pieces() -> AsyncIterator[bytes]:
        yield b"ab"
        yield b"c"

    async def talk(exchange: Exchange) -> None:
        await exchange.send(reply(body=b"ok"))

    async with loopback_server(talk) as server:
        headers = [("accept", "x"), ("authorization", "Bearer theirs"), ("transfer-encoding", "chunked")]
        there = endpoint(f"{server.endpoint_url}/base/", signer(), 9000)
        async with there.send("POST", "/a?b=c d+e&f", headers, pieces()) as answer:
            assert await answer.aread() == b"ok"
        await there.aclose()

    (sent,) = server.requests
    assert (sent.target, sent.body) == ("/base/a?b=c%20d%20e&f", b"abc")
    assert sent.header("x-amz-content-sha256") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert (sent.header("accept"), sent.header("content-length"), sent.header("x-aws-proxy-port")) == ("x", "3", "9000")
    authorization = sent.header("authorization") or ""
    assert f"/{ARN.region}/bedrock-agentcore/aws4_request" in authorization
    signed = "host;x-amz-content-sha256;x-amz-date;x-amz-security-token;x-aws-proxy-port"
    assert f"SignedHeaders={signed}," in authorization


async def test_with_a_token_a_body_is_sent_while_it_comes() -> None:
    begun = asyncio.Event()

    async def pieces() -> AsyncIterator[bytes]:
        yield b"first"
        await asyncio.wait_for(begun.wait(), WAIT_S)
        yield b"second"

    async def receive(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"first")
        begun.set()
        await reader.readuntil(b"second")
        writer.write(reply())
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(receive, "127.0.0.1", 0) as server:
        there = endpoint(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", BearerAuth("t"))
        async with there.send("PUT", "/x", [], pieces()) as answer:
            assert answer.status_code == 200
        await there.aclose()


async def test_a_refused_token_is_replaced_at_once_or_before_the_next_request() -> None:
    async def piece() -> AsyncIterator[bytes]:
        yield b"x"

    async def talk(exchange: Exchange) -> None:
        refused = exchange.request.header("authorization") in ("Bearer token-1", "Bearer token-2")
        await exchange.send(reply("401 Unauthorized" if refused else "200 OK"))

    async with loopback_server(talk) as server:
        there = endpoint(server.endpoint_url, BearerAuth(Tokens()))
        statuses = []
        for body in (piece(), None):
            async with there.send("POST", "/x", [], body) as answer:
                statuses.append(answer.status_code)
        await there.aclose()

    assert statuses == [401, 200]
    assert [sent.header("authorization") for sent in server.requests] == [f"Bearer token-{n}" for n in (1, 2, 3)]


async def test_no_redirect_is_followed_and_no_cookie_kept() -> None:
    async def talk(exchange: Exchange) -> None:
        await exchange.send(reply("302 Found", location="http://127.0.0.1:9/", set_cookie="a=1"))

    async with loopback_server(talk) as server:
        there = endpoint(server.endpoint_url, BearerAuth("t"))
        for _ in range(2):
            async with there.send("GET", "/x", [], None) as answer:
                assert answer.status_code == 302
        await there.aclose()

    assert [sent.header("cookie") for sent in server.requests] == [None, None]


@pytest.mark.parametrize(
    "target", ["", "x", "/..", "/a/../b", "/%2E%2e/b", "/a%2f..%2fb", "/a\\..\\b", "/.", "http://x/"]
)
async def test_a_path_that_leads_out_of_the_endpoint_is_sent_nowhere(target: str) -> None:
    there = endpoint("http://127.0.0.1:9/base", BearerAuth("t"))
    with pytest.raises(InvalidRequestError, match="not a path below the endpoint"):
        async with there.send("GET", target, [], None):
            pass
    with pytest.raises(InvalidRequestError, match="not a path below the endpoint"):
        await there.connect(target, [], [])
    await there.aclose()


@pytest.mark.parametrize(
    ("url", "partition", "endpoint_url"),
    [
        ("https://s-1.bedrock-agentcore.eu-central-1.amazonaws.com/x", "aws", None),
        ("https://S-1.Eu-Central-1.API.AWS:8443", "aws", None),
        ("https://s-1.eu-central-1.on.aws/", "aws", "https://agents.example.com"),
        ("https://s-1.us-gov-west-1.on.aws", "aws-us-gov", None),
        ("https://s-1.cn-north-1.amazonaws.com.cn", "aws-cn", None),
        ("https://s-1.cn-north-1.on.amazonwebservices.com.cn", "aws-cn", None),
        ("https://s-1.eusc-de-east-1.amazonaws.eu", "aws-eusc", None),
        ("https://agents.example.com/session/1", "aws", "https://agents.example.com/agentcore"),
        ("https://agents.example.com:443/1", "aws", "https://Agents.Example.com"),
        ("http://127.0.0.1:8080/1", "aws", "http://127.0.0.1:8080"),
    ],
)
async def test_credentials_go_to_hosts_of_aws_and_to_the_one_that_is_configured(
    url: str, partition: str, endpoint_url: str | None
) -> None:
    arn = RuntimeArn(partition, "eu-central-1", "123456789012", "shop-abcdefghij")
    there = SessionEndpoint(url, BearerAuth("t"), arn, tls=ssl.create_default_context, endpoint_url=endpoint_url)

    assert str(there.url).rstrip("/").casefold() == url.replace(":443", "").rstrip("/").casefold()
    await there.aclose()


@pytest.mark.parametrize(
    ("url", "partition", "endpoint_url"),
    [
        ("https://evil.example", "aws", None),
        ("https://evil.example:443/x.amazonaws.com", "aws", "https://agents.example.com"),
        ("https://amazonaws.com.evil.example", "aws", None),
        ("https://x.amazonaws.com.evil.example", "aws", None),
        ("https://evilamazonaws.com", "aws", None),
        ("https://evil-amazonaws.com", "aws", None),
        ("https://evil.exampleon.aws", "aws", None),
        ("https://amazonaws.com", "aws", None),
        ("https://on.aws", "aws", None),
        ("https://evil.aws", "aws", None),
        ("https://x.amazonaws.com.", "aws", None),
        ("https://x.amazonaws.com.cn", "aws", None),
        ("https://x.amazonaws.com", "aws-cn", None),
        ("https://evil.example/.amazonaws.com", "aws", None),
        ("https://evil.example\\.amazonaws.com", "aws", None),
        ("https://evil.example%2f.amazonaws.com", "aws", None),
        ("https://evil.example%00.amazonaws.com", "aws", None),
        ("https://evil.example;.amazonaws.com", "aws", None),
        ("https://52.94.0.1", "aws", None),
        ("https://[2600:1f18::1]/", "aws", None),
        ("https://2130706433", "aws", None),
        ("https://127.0.0.1:8080", "aws", None),
        ("http://127.0.0.1:8080", "aws", None),
        ("http://127.0.0.1:8081", "aws", "http://127.0.0.1:8080"),
        ("http://localhost:8080", "aws", "http://127.0.0.1:8080"),
        ("https://127.0.0.1:8080", "aws", "http://127.0.0.1:8080"),
        ("https://agents.example.com:8443", "aws", "https://agents.example.com"),
        ("https://agents.example.com.evil.example", "aws", "https://agents.example.com"),
        ("https://x.agents.example.com", "aws", "https://agents.example.com"),
    ],
)
def test_credentials_go_to_no_other_host_that_an_answer_names(
    url: str, partition: str, endpoint_url: str | None
) -> None:
    arn = RuntimeArn(partition, "eu-central-1", "123456789012", "shop-abcdefghij")
    with pytest.raises(ConfigurationError, match="so no credentials are sent there; ask the agent"):
        SessionEndpoint(url, BearerAuth("t"), arn, tls=ssl.create_default_context, endpoint_url=endpoint_url)


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example@x.amazonaws.com",
        "https://x.amazonaws.com@evil.example",
        "https://evil.example#.amazonaws.com",
        "https://evil.example?.amazonaws.com",
        "https://evil.example\n.amazonaws.com",
        "http://x.amazonaws.com",
    ],
)
def test_an_address_that_hides_its_host_or_encrypts_nothing_is_refused_as_an_endpoint_url_is(url: str) -> None:
    with pytest.raises(ConfigurationError, match="endpoint URL"):
        SessionEndpoint(url, BearerAuth("t"), ARN, tls=ssl.create_default_context)


async def test_an_endpoint_that_is_not_safe_or_not_there_is_an_error() -> None:
    for url in ("http://example.com", "https://user@example.com", "file:///x"):
        with pytest.raises(ConfigurationError):
            endpoint(url, BearerAuth("t"))
    there = endpoint("http://127.0.0.1:9", BearerAuth("t"))
    with pytest.raises(ConnectError, match=r"no answer from 127\.0\.0\.1"):
        async with there.send("GET", "/", [], None):
            pass
    await there.aclose()


async def test_https_and_wss_trust_the_certificates_that_are_named(tmp_path: Path) -> None:
    certificate, authority = loopback_certificate(tmp_path)

    async def echo(socket: ServerConnection) -> None:
        async for message in socket:
            await socket.send(message)

    async with serve(echo, "127.0.0.1", 0, ssl=certificate, subprotocols=["chat"]) as server:  # type: ignore[list-item]
        url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        trusting = SessionEndpoint(
            url, signer(), ARN, tls=lambda: ssl.create_default_context(cafile=str(authority)), endpoint_url=url
        )
        async with await trusting.connect("/ws", [], ["soap", "chat"]) as socket:
            await socket.send("hi")
            assert (await socket.recv(), socket.subprotocol) == ("hi", "chat")
        async with trusting.send("GET", "/", [], None) as answer:
            assert answer.status_code == 426, "it speaks WebSocket alone"
        await trusting.aclose()
        strict = endpoint(url, signer())
        with pytest.raises(ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
            async with strict.send("GET", "/", [], None):
                pass
        await strict.aclose()


async def test_a_websocket_that_is_refused_is_the_error_that_it_is() -> None:
    async def talk(exchange: Exchange) -> None:
        await exchange.send(reply("403 Forbidden", x_amzn_errortype="AccessDenied"))

    async with loopback_server(talk) as server:
        there = endpoint(server.endpoint_url, BearerAuth("t"), 9000)
        with pytest.raises(AgentRuntimeError) as refused:
            await there.connect("/ws?a=b", [("cookie", "a=1"), ("sec-websocket-key", "theirs")], [])
        await there.aclose()

    assert refused.value.status == 403
    sent = server.requests[0]
    assert (sent.target, sent.header("cookie"), sent.header("x-aws-proxy-port")) == ("/ws?a=b", "a=1", "9000")
    assert sent.header("authorization") == "Bearer t"

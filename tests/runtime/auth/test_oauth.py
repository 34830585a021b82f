"""Client credentials at a real authorization server, and what is said when one refuses, misbehaves or is none."""

from __future__ import annotations

import asyncio
import base64
import logging
import traceback
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import quote_plus

import pytest

from agentcore_mcp.errors import ConfigurationError, CredentialsError
from agentcore_mcp.runtime import BearerAuth
from agentcore_mcp.runtime.auth.oauth import ClientCredentials
from agentcore_mcp.runtime.auth.token_endpoint import ANSWER_MAX_BYTES
from agentcore_mcp.runtime.auth.tokens import TokenCache, read_claims
from tests.support.clients import ARN, SESSION_ID, client_of
from tests.support.oauth import CLIENT_ID, CLIENT_SECRET, authorization_server
from tests.support.servers import Exchange, chunk, chunked, head, loopback_server, reply
from tests.support.waiting import WAIT_S

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from tests.support.oauth import AuthorizationServer


@pytest.fixture
def server() -> Iterator[AuthorizationServer]:
    with authorization_server() as running:
        yield running


def credentials(server: AuthorizationServer, **others: Any) -> ClientCredentials:
    return ClientCredentials(server.token_url, CLIENT_ID, CLIENT_SECRET, **others)


async def failure_at(answer: Callable[[Exchange], Awaitable[None]], *, timeout_s: float = WAIT_S) -> str:
    """Return what is said when a scripted server answers, after making sure that no secret shows anywhere."""
    async with loopback_server(answer) as scripted:
        source = ClientCredentials(f"{scripted.endpoint_url}/token", "client", "s3cret", timeout_s=timeout_s)
        with pytest.raises(CredentialsError) as caught:
            await TokenCache(source).aget()
        with pytest.raises(CredentialsError) as direct:
            await asyncio.to_thread(source.fetch, None)
        host = scripted.endpoint_url.removeprefix("http://")
    assert caught.value.__context__ is None
    for error in (caught.value, direct.value):
        assert "s3cret" not in "".join(traceback.format_exception(error)) + repr(error) + repr(vars(error))
    return str(caught.value).replace(host, "HOST")


def basic_of(client_id: str, client_secret: str) -> str:
    return base64.b64encode(f"{quote_plus(client_id)}:{quote_plus(client_secret)}".encode()).decode()


# At a server that does what it should.


@pytest.mark.parametrize("auth_method", ["client_secret_basic", "client_secret_post"])
def test_a_client_gets_a_token_with_either_way_to_send_its_secret(
    server: AuthorizationServer, auth_method: str
) -> None:
    token = credentials(server, auth_method=auth_method).fetch(None)

    assert read_claims(token.value)["sub"] == CLIENT_ID
    assert token.refresh_token is None


def test_scope_audience_and_resources_are_asked_for(server: AuthorizationServer) -> None:
    source = credentials(
        server,
        scope="agents/invoke agents/stop",
        extra={"audience": "https://agents.example.com/?a=b&c", "resource": ["urn:one", "urn:two"]},
    )

    claims = read_claims(source.fetch(None).value)

    assert claims["scope"] == ["agents/invoke", "agents/stop"]
    assert claims["audience"] == ["https://agents.example.com/?a=b&c"]
    assert claims["resource"] == ["urn:one", "urn:two"]


async def test_a_token_is_asked_for_once_and_sent_with_each_call(server: AuthorizationServer) -> None:
    async def accept(exchange: Exchange) -> None:
        await exchange.send(reply())

    async with client_of(accept, auth=BearerAuth(credentials(server))) as (client, runtime):
        await asyncio.gather(*(client.stop_session(ARN, session_id=SESSION_ID) for _ in range(10)))
        await client.stop_session(ARN, session_id=SESSION_ID)

    assert len(server.asked) == 1
    assert len({request.header("authorization") for request in runtime.requests}) == 1
    assert len(runtime.requests) == 11


@pytest.mark.parametrize(("expires_in", "asked"), [(3600, 1), (None, 1), (0, 3)])
async def test_a_token_is_kept_for_as_long_as_the_server_says(
    server: AuthorizationServer, expires_in: int | None, asked: int
) -> None:
    server.expires_in = expires_in
    cache = TokenCache(credentials(server))
    for _ in range(3):
        await cache.aget()

    assert len(server.asked) == asked


def test_blocking_callers_get_tokens_too(server: AuthorizationServer) -> None:
    assert read_claims(TokenCache(credentials(server)).get())["sub"] == CLIENT_ID


@pytest.mark.parametrize("auth_method", ["client_secret_basic", "client_secret_post"])
def test_a_wrong_secret_names_the_settings_and_is_not_repeated(server: AuthorizationServer, auth_method: Any) -> None:
    """This server repeats it."""
    source = replace(credentials(server, auth_method=auth_method), client_secret="wr0ng s3cret")

    with pytest.raises(CredentialsError) as caught:
        source.fetch(None)

    host = server.token_url.removeprefix("http://").partition("/")[0]
    assert str(caught.value) == (
        f"{host} refused client {CLIENT_ID!r} a token: HTTP 401 (invalid_client: no ***!); "
        "check client_id, client_secret and auth_method"
    )


def test_a_scope_that_is_not_allowed_names_the_setting(server: AuthorizationServer) -> None:
    with pytest.raises(CredentialsError, match=r"HTTP 400 \(invalid_scope\); check scope, and which"):
        credentials(server, scope="agents/everything").fetch(None)


# At others.


@pytest.mark.parametrize(
    ("status", "body", "told"),
    [
        ("400 Bad Request", '{"error": "unauthorized_client"}', " (unauthorized_client); allow this client the client"),
        ("400 Bad Request", '{"error": "invalid_target"}', "check the resource or audience in extra"),
        (
            "400 Bad Request",
            '{"error": "invalid_grant", "error_description": "s3cret."}',
            " (invalid_grant: ***); check",
        ),
        ("400 Bad Request", '{"error": "s3cret"}', "HTTP 400 (***); check token_url"),
        ("400 Bad Request", '{"error": "x\\u001b[31m\\r\\ny"}', "HTTP 400 (x [31m y); check token_url"),
        ("400 Bad Request", '{"error": ["s3cret"], "error_description": 1}', "HTTP 400; check token_url"),
        ("401 Unauthorized", '{"error": "x", "error_description": "c3MzY3JldA"}', "(x: c3MzY3JldA)"),
        ("401 Unauthorized", '{"error": "Y2xpZW50OnMzY3JldA=="}', "HTTP 401 (***)"),
        ("404 Not Found", "<html>s3cret</html>", "HTTP 404; check token_url"),
        ("405 Method Not Allowed", "", "HTTP 405; check token_url"),
        ("429 Too Many Requests", "", "HTTP 429; try again later"),
        ("503 Service Unavailable", "<html>", "HTTP 503; try again later"),
        ("200 OK", "", "HTTP 200; check token_url"),
        ("200 OK", "[]", "HTTP 200; check token_url"),
        ("200 OK", "[" * 100_000, "HTTP 200; check token_url"),
        ("200 OK", '{"access_token": ""}', "HTTP 200; check token_url"),
        ("200 OK", '{"access_token": ["s3cret"]}', "HTTP 200; check token_url"),
        ("200 OK", '{"access_token": "s3cret", "token_type": "DPoP"}', "issues tokens of another type than bearer"),
        ("200 OK", '{"access_token": "s3cret token"}', "HOST gives a token of 12 characters; a bearer token is not"),
        ("200 OK", '{"error": "bad_verification_code"}', "HTTP 200 (bad_verification_code); check token_url"),
    ],
)
async def test_an_answer_without_a_token_says_what_to_do(status: str, body: str, told: str) -> None:
    async def answer(exchange: Exchange) -> None:
        await exchange.send(reply(status, body.encode(), content_type="application/json"))

    assert told in await failure_at(answer)


@pytest.mark.parametrize("token_type", ['"bearer"', '"BEARER"', '""', "null"])
async def test_a_bearer_token_is_one_however_it_is_spelled(token_type: str) -> None:
    async def answer(exchange: Exchange) -> None:
        await exchange.send(reply(body=f'{{"access_token": "t", "token_type": {token_type}}}'.encode()))

    async with loopback_server(answer) as scripted:
        assert await TokenCache(ClientCredentials(scripted.endpoint_url, "client", "s3cret")).aget() == "t"


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent"])
async def test_no_redirect_is_followed(status: str) -> None:
    async with loopback_server(lambda _: asyncio.sleep(0)) as elsewhere:

        async def answer(exchange: Exchange) -> None:
            await exchange.send(reply(status, location=f"{elsewhere.endpoint_url}/s3cret"))

        assert await failure_at(answer) == (
            "HOST redirects, which is not followed because secrets would be sent there; "
            "set token_url to where tokens are issued"
        )
        assert elsewhere.requests == []


async def test_a_redirect_to_nowhere_is_a_failure_too() -> None:
    async def answer(exchange: Exchange) -> None:
        await exchange.send(reply("302 Found", location="https://_.xn--/s3cret"))

    assert "the exchange with HOST failed" in await failure_at(answer)


async def test_an_answer_that_comes_too_slowly_is_given_up() -> None:
    """Each byte comes in time; all of them together don't."""

    async def answer(exchange: Exchange) -> None:
        await exchange.send(chunked("application/json"))
        while True:
            await exchange.send(chunk(b" "))
            await asyncio.sleep(0.05)

    assert await failure_at(answer, timeout_s=0.5) == (
        "no answer from HOST within 0.5 s; check token_url and the network"
    )


async def test_a_head_that_comes_too_slowly_is_given_up() -> None:
    async def answer(exchange: Exchange) -> None:
        await exchange.send(head()[:-2])
        while True:
            await exchange.send(b"X-Header: s3cret\r\n")
            await asyncio.sleep(0.05)

    assert "no answer from HOST within 0.5 s" in await failure_at(answer, timeout_s=0.5)


async def test_an_answer_without_an_end_is_not_read_to_it() -> None:
    async def answer(exchange: Exchange) -> None:
        await exchange.send(chunked("application/json"))
        while True:
            await exchange.send(chunk(b"s3cret" * 10_000))

    assert await failure_at(answer) == f"HOST answers with more than the {ANSWER_MAX_BYTES} bytes allowed"


@pytest.mark.parametrize(
    "sent",
    [b"", head(content_length="100") + b'{"access_token": "s3cret"', b"s3cret, not HTTP\r\n\r\n", b"HTTP/1.1 200 s3c"],
    ids=["nothing", "half", "garbage", "half a head"],
)
async def test_an_answer_that_breaks_off_is_not_quoted(sent: bytes) -> None:
    async def answer(exchange: Exchange) -> None:
        await exchange.send(sent)

    told = await failure_at(answer)

    assert told == "the exchange with HOST failed: RemoteProtocolError; check token_url and the network"


async def test_an_answer_in_another_encoding_than_it_says_is_not_quoted() -> None:
    async def answer(exchange: Exchange) -> None:
        await exchange.send(reply(body=b"s3cret", content_encoding="gzip"))

    assert "the exchange with HOST failed: DecodingError" in await failure_at(answer)


def test_a_server_that_is_not_there_is_named() -> None:
    source = ClientCredentials("http://127.0.0.1:1/token", "client", "s3cret")

    with pytest.raises(
        CredentialsError, match=r"^can't connect to 127\.0\.0\.1:1: .*; check token_url and the network$"
    ):
        source.fetch(None)


async def test_a_server_without_tls_gets_no_secret() -> None:
    async def answer(exchange: Exchange) -> None:
        await exchange.send(reply())

    async with loopback_server(answer) as scripted:
        url = scripted.endpoint_url.replace("http://", "https://")
        with pytest.raises(CredentialsError, match=r"can't connect to 127\.0\.0\.1:\d+: ConnectTimeout"):
            await TokenCache(ClientCredentials(url, "client", "s3cret", timeout_s=0.6)).aget()

    assert scripted.requests == []


async def test_a_proxy_of_the_environment_is_not_used_for_this_machine(
    server: AuthorizationServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
        monkeypatch.setenv(name.lower(), "http://127.0.0.1:1")

    assert await TokenCache(credentials(server)).aget()


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("HTTPS_PROXY", "gopher://user:s3cret@127.0.0.1"),
        ("SSL_CERT_FILE", "/nowhere/s3cret"),
        ("ALL_PROXY", "socks5://"),
    ],
)
def test_an_environment_that_can_not_work_is_named(variable: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variable, value)

    with pytest.raises(CredentialsError, match=f"can't connect to idp.example.com: .*{variable}") as caught:
        ClientCredentials("https://idp.example.com/token", "client", "secret").fetch(None)

    assert "s3cret" not in "".join(traceback.format_exception(caught.value))


async def test_other_servers_are_asked_through_the_proxy_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    async def refuse(exchange: Exchange) -> None:
        await exchange.send(reply("407 Proxy Authentication Required"))

    async with loopback_server(refuse) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.endpoint_url)
        with pytest.raises(CredentialsError, match=r"can't connect to idp\.example\.com: 407 Proxy Authentication"):
            await TokenCache(ClientCredentials("https://idp.example.com/token", "client", "s3cret")).aget()

    (request,) = proxy.requests
    assert (request.method, request.target) == ("CONNECT", "idp.example.com:443")
    assert request.header("authorization") is None


# What can't be set.


@pytest.mark.parametrize(
    "url",
    [
        "http://idp.example.com/token",
        "https://user:s3cret@idp.example.com/token",
        "https://idp.example.com/token#s3cret",
        "ftp://127.0.0.1/s3cret",
        "https:///s3cret",
        "s3cret",
        "",
        "https://idp.example.com:s3cret/",
        "https://idp.example.com:70000/s3cret",
        "https://idp.example.com:0/s3cret",
    ],
)
def test_a_token_url_that_is_not_safe_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError, match="token_url") as caught:
        ClientCredentials(url, "client", "secret")

    assert "s3cret" not in "".join(traceback.format_exception(caught.value))


async def test_a_token_url_keeps_its_query_and_does_not_show_it() -> None:
    async def answer(exchange: Exchange) -> None:
        await exchange.send(reply("400 Bad Request"))

    async with loopback_server(answer) as scripted:
        source = ClientCredentials(f"{scripted.endpoint_url}/token?p=s3cret", "client", "secret")
        with pytest.raises(CredentialsError) as caught:
            await TokenCache(source).aget()

    assert scripted.requests[0].target == "/token?p=s3cret"
    assert "s3cret" not in repr(source) + str(caught.value)


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"client_id": ""}, "a client_id and a client_secret, neither of them empty"),
        ({"client_secret": ""}, "a client_id and a client_secret, neither of them empty"),
        ({"auth_method": "private_key_jwt"}, "'client_secret_basic' or 'client_secret_post', not 'private_key_jwt'"),
        ({"extra": {"scope": "x", "client_secret": "s3cret"}}, "extra can't set client_secret, scope"),
    ],
)
def test_settings_that_contradict_oauth_are_refused(settings: dict[str, Any], told: str) -> None:
    valid = {"token_url": "https://idp.example.com/token", "client_id": "client", "client_secret": "s3cret"}

    with pytest.raises(ConfigurationError, match=told):
        ClientCredentials(**{**valid, **settings})


async def test_no_secret_is_in_a_log(server: AuthorizationServer, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    for auth_method in ("client_secret_basic", "client_secret_post"):
        source = credentials(server, auth_method=auth_method)
        token = await TokenCache(source).aget()
        with pytest.raises(CredentialsError):
            await TokenCache(replace(source, scope="x")).aget()

        assert " 401 " not in caplog.text
        assert " 400 " in caplog.text
        for secret in (CLIENT_SECRET, quote_plus(CLIENT_SECRET), basic_of(CLIENT_ID, CLIENT_SECRET), token):
            assert secret not in caplog.text


def test_a_source_does_not_show_its_secrets(server: AuthorizationServer) -> None:
    shown = repr(credentials(server, extra={"assertion": "s3cret"}))

    assert shown == (
        f"ClientCredentials(client_id={CLIENT_ID!r}, scope=None, auth_method='client_secret_basic', timeout_s=30.0)"
    )
    assert quote_plus(CLIENT_SECRET) not in shown

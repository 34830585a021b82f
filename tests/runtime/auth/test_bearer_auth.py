"""A refused token is replaced and the request sent once more, by clients on an event loop and by those that block."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import httpx2
import pytest

from agentcore_mcp.errors import ConfigurationError, CredentialsError, ServiceError
from agentcore_mcp.runtime import BearerAuth
from agentcore_mcp.runtime.auth.tokens import Token, TokenFile
from tests.support.clients import ARN, SESSION_ID, client_of
from tests.support.servers import Exchange, LoopbackServer, chunk, chunked, loopback_server, reply
from tests.support.tokens import Numbered
from tests.support.waiting import WAIT_S

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
    from pathlib import Path

    Send = Callable[[LoopbackServer, httpx2.Auth], Awaitable[httpx2.Response]]

BODY = b'{"prompt": "hello"}'
UNAUTHORIZED = reply("401 Unauthorized", b'{"message":"no"}', content_type="application/json")


async def on_the_loop(server: LoopbackServer, auth: httpx2.Auth) -> httpx2.Response:
    async with httpx2.AsyncClient(auth=auth, trust_env=False, timeout=WAIT_S) as client:
        return await client.post(server.endpoint_url, content=BODY)


async def blocking(server: LoopbackServer, auth: httpx2.Auth) -> httpx2.Response:
    def send() -> httpx2.Response:
        with httpx2.Client(auth=auth, trust_env=False, timeout=WAIT_S) as client:
            return client.post(server.endpoint_url, content=BODY)

    return await asyncio.to_thread(send)


@pytest.fixture(params=[on_the_loop, blocking], ids=["async", "sync"])
def send(request: pytest.FixtureRequest) -> Send:
    param: Send = request.param
    return param


def accepting(*tokens: str, refusal: bytes = UNAUTHORIZED) -> Callable[[Exchange], Awaitable[None]]:
    """Answer requests with one of the tokens, refuse all others."""

    async def answer(exchange: Exchange) -> None:
        accepted = exchange.request.header("authorization") in {f"Bearer {token}" for token in tokens}
        await exchange.send(reply(body=b"{}") if accepted else refusal)

    return answer


def tokens_of(server: LoopbackServer) -> list[str | None]:
    return [request.header("authorization") for request in server.requests]


async def test_a_token_that_is_accepted_is_sent_once(send: Send) -> None:
    async with loopback_server(accepting("token-1")) as server:
        auth = BearerAuth(Numbered())
        assert [(await send(server, auth)).status_code for _ in range(3)] == [200] * 3

    assert tokens_of(server) == ["Bearer token-1"] * 3


async def test_a_refused_token_is_replaced_and_the_request_sent_once_more(send: Send) -> None:
    async with loopback_server(accepting("token-2")) as server:
        assert (await send(server, BearerAuth(Numbered()))).status_code == 200

    assert tokens_of(server) == ["Bearer token-1", "Bearer token-2"]
    assert [request.body for request in server.requests] == [BODY, BODY]


async def test_a_second_refusal_is_the_answer(send: Send) -> None:
    source = Numbered()
    async with loopback_server(accepting()) as server:
        answer = await send(server, BearerAuth(source))

    assert answer.status_code == 401
    assert answer.content == b'{"message":"no"}'
    assert len(server.requests) == 2
    assert len(source.asked) == 2


@pytest.mark.parametrize("status", ["400 Bad Request", "403 Forbidden", "409 Conflict", "500 Internal Server Error"])
async def test_no_other_refusal_is_a_reason_to_send_again(send: Send, status: str) -> None:
    async with loopback_server(accepting(refusal=reply(status))) as server:
        assert (await send(server, BearerAuth(Numbered()))).status_code == int(status[:3])

    assert len(server.requests) == 1


@pytest.mark.parametrize("token", ["token", Numbered(lambda _: Token("token"))], ids=["value", "source"])
async def test_the_same_token_is_not_sent_twice(send: Send, token: str | Numbered) -> None:
    async with loopback_server(accepting()) as server:
        answer = await send(server, BearerAuth(token))

    assert answer.content == b'{"message":"no"}'
    assert tokens_of(server) == ["Bearer token"]


async def test_a_file_that_has_changed_meanwhile_is_read_again(send: Send, tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text("old")

    async def answer(exchange: Exchange) -> None:
        path.write_text("new")
        await accepting("new")(exchange)

    async with loopback_server(answer) as server:
        assert (await send(server, BearerAuth(TokenFile(path)))).status_code == 200

    assert tokens_of(server) == ["Bearer old", "Bearer new"]


async def test_a_token_that_can_not_be_renewed_says_why(send: Send) -> None:
    source = Numbered()

    async def answer(exchange: Exchange) -> None:
        source.failure = CredentialsError("the identity provider is away")
        await exchange.send(UNAUTHORIZED)

    async with loopback_server(answer) as server:
        with pytest.raises(CredentialsError, match="the identity provider is away"):
            await send(server, BearerAuth(source))

    assert len(server.requests) == 1


async def test_a_refusal_without_an_end_is_not_waited_for(send: Send) -> None:
    """httpx2 would read it to its end before it sends the request again."""

    async def answer(exchange: Exchange) -> None:
        if exchange.request.header("authorization") == "Bearer token-2":
            await exchange.send(reply(body=b"{}"))
            return
        start = chunked("application/json").replace(b"200 OK", b"401 Unauthorized")
        await exchange.send(start + chunk(b'{"message":'))
        await exchange.peer_closed()

    async with asyncio.timeout(WAIT_S), loopback_server(answer) as server:
        assert (await send(server, BearerAuth(Numbered()))).status_code == 200


async def test_nothing_is_sent_without_a_token(send: Send) -> None:
    source = Numbered()
    source.failure = CredentialsError("the identity provider is away")
    async with loopback_server(accepting()) as server:
        with pytest.raises(CredentialsError, match="the identity provider is away"):
            await send(server, BearerAuth(source))

    assert server.requests == []


async def test_a_token_of_a_source_is_not_sent_in_the_clear_either() -> None:
    with pytest.raises(ConfigurationError, match=r"credentials are not sent to 'agents.example.com' over 'http'"):
        await on_the_loop(LoopbackServer("http://agents.example.com"), BearerAuth(Numbered()))


async def test_a_body_that_comes_in_pieces_is_sent_again_whole() -> None:
    async def pieces() -> AsyncIterator[bytes]:
        yield b"one "
        yield b"two"

    def blocking_pieces() -> Iterator[bytes]:
        yield b"one "
        yield b"two"

    def post(url: str) -> int:
        with httpx2.Client(auth=BearerAuth(Numbered()), trust_env=False, timeout=WAIT_S) as client:
            return client.post(url, content=blocking_pieces(), headers={"Content-Length": "7"}).status_code

    async with loopback_server(accepting("token-2")) as server:
        async with httpx2.AsyncClient(auth=BearerAuth(Numbered()), trust_env=False, timeout=WAIT_S) as client:
            answer = await client.post(server.endpoint_url, content=pieces(), headers={"Content-Length": "7"})
        assert answer.status_code == 200
        assert await asyncio.to_thread(post, server.endpoint_url) == 200

    assert [request.body for request in server.requests] == [b"one two"] * 4


# Through the client of runtimes.


async def test_many_calls_whose_token_is_refused_renew_it_once() -> None:
    source = Numbered()
    async with client_of(accepting("token-2"), auth=BearerAuth(source)) as (client, server):

        async def call() -> None:
            async with client.invoke(ARN, BODY, session_id=SESSION_ID) as answer:
                assert [piece async for piece in answer] == ["{}"]

        await asyncio.gather(*(call() for _ in range(10)))

    assert sorted(map(str, tokens_of(server))) == ["Bearer token-1"] * 10 + ["Bearer token-2"] * 10
    assert len(source.asked) == 2


async def test_an_agent_is_never_reached_twice() -> None:
    """Two requests, one of them refused at the door; whatever the second is answered with, there is no third."""
    reached: list[str] = []

    async def answer(exchange: Exchange) -> None:
        if exchange.request.header("authorization") == "Bearer token-1":
            await exchange.send(UNAUTHORIZED)
        else:
            reached.append(exchange.request.target)
            await exchange.send(reply("500 Internal Server Error", b'{"message":"oh"}'))

    async with client_of(answer, auth=BearerAuth(Numbered())) as (client, server):
        with pytest.raises(ServiceError, match="HTTP 500: oh"):
            async with client.invoke(ARN, BODY, session_id=SESSION_ID):
                pass

    assert len(reached) == 1
    assert len(server.requests) == 2


async def test_the_error_of_a_call_without_a_token_has_its_session_and_nobody_elses() -> None:
    source = Numbered(held=True)
    source.failure = CredentialsError("the identity provider is away")
    other = SESSION_ID.replace("a", "b")
    async with client_of(accepting(), auth=BearerAuth(source)) as (client, server):
        stops = [asyncio.create_task(client.stop_session(ARN, session_id=each)) for each in (SESSION_ID, other)]
        await asyncio.to_thread(source.entered.wait, WAIT_S)
        source.release.set()
        errors = await asyncio.gather(*stops, return_exceptions=True)

    assert [error.session_id for error in errors if isinstance(error, CredentialsError)] == [SESSION_ID, other]
    assert server.requests == []

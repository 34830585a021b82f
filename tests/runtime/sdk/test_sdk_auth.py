"""The ``auth`` of AgentCoreRuntimeClient: tokens that are renewed, for its calls and for the upgrade to a WebSocket."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import TYPE_CHECKING

import pytest
from websockets.asyncio.server import serve

from agentcore_mcp.errors import ConnectError, CredentialsError, InvalidRequestError, ServiceError
from agentcore_mcp.runtime import BearerAuth
from agentcore_mcp.runtime.sdk.client import AgentCoreRuntimeClient
from tests.support.aws import fake_session
from tests.support.clients import ARN
from tests.support.sdk import Async, Blocking, Manner, sdk_of
from tests.support.servers import Exchange, reply
from tests.support.tokens import Numbered
from tests.support.waiting import WAIT_S

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from websockets.asyncio.server import Server, ServerConnection
    from websockets.http11 import Request, Response


@pytest.mark.parametrize("manner", [Blocking, Async])
async def test_calls_without_a_token_have_the_clients(manner: Callable[..., Manner]) -> None:
    async def script(exchange: Exchange) -> None:
        sent = exchange.request.header("authorization")
        await exchange.send(reply("401 Unauthorized") if sent == "Bearer token-1" else reply(body=f"{sent}".encode()))

    async with sdk_of(lambda client: manner(client, None), script, auth=BearerAuth(Numbered())) as (client, server):
        assert await client.invoke({}) == "Bearer token-2"

    assert len(server.requests) == 2


def test_what_to_connect_with_has_the_clients_token_and_presigned_urls_a_signature() -> None:
    client = AgentCoreRuntimeClient(session=fake_session(), auth=BearerAuth("of.the.client"))

    assert client.generate_ws_connection(ARN)[1]["Authorization"] == "Bearer of.the.client"
    assert client.generate_ws_connection_oauth(ARN, "of.the.call")[1]["Authorization"] == "Bearer of.the.call"
    assert "X-Amz-Signature=" in client.generate_presigned_url(ARN)


@pytest.mark.parametrize("token", ["", None])
def test_without_a_token_there_is_no_connecting_by_one(token: str) -> None:
    """And nothing is signed in its place."""
    with pytest.raises(InvalidRequestError, match=r"the bearer token \(0 characters\)"):
        AgentCoreRuntimeClient(session=fake_session()).generate_ws_connection_oauth(ARN, token)


class Door:
    """A WebSocket server that refuses the upgrade with a status for all but one token."""

    def __init__(self, accepted: str, status: HTTPStatus = HTTPStatus.UNAUTHORIZED) -> None:
        self.accepted = accepted
        self.status = status
        self.seen: list[str] = []
        self.on_refusal: Callable[[], object] = str

    @asynccontextmanager
    async def serve(self) -> AsyncIterator[Server]:
        async with serve(self._greet, "127.0.0.1", 0, process_request=self._check) as server:
            yield server

    async def _greet(self, connection: ServerConnection) -> None:
        await connection.send("hello")

    def _check(self, connection: ServerConnection, request: Request) -> Response | None:
        self.seen.append(request.headers["Authorization"].removeprefix("Bearer "))
        if self.seen[-1] == self.accepted:
            return None
        self.on_refusal()
        return connection.respond(self.status, "no")


def client_of(server: Server, source: Numbered) -> AgentCoreRuntimeClient:
    url = f"http://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}"
    return AgentCoreRuntimeClient(auth=BearerAuth(source), endpoint_url=url)


async def test_a_token_that_the_upgrade_is_refused_with_is_renewed_once() -> None:
    door, source = Door("token-2"), Numbered()
    async with asyncio.timeout(WAIT_S), door.serve() as server:
        for _ in range(2):
            async with client_of(server, source).connect_ws(ARN) as websocket:
                assert await websocket.receive() == "hello"
            source.asked.clear()

    assert door.seen == ["token-1", "token-2"] * 2


async def test_a_second_refusal_is_the_answer() -> None:
    door, source = Door("never"), Numbered()
    async with asyncio.timeout(WAIT_S), door.serve() as server:
        with pytest.raises(ServiceError, match="no") as caught:
            async with client_of(server, source).connect_ws(ARN):
                pass

    assert caught.value.status == 401
    assert door.seen == ["token-1", "token-2"]


async def test_another_refusal_is_no_reason_to_try_again() -> None:
    door, source = Door("never", HTTPStatus.FORBIDDEN), Numbered()
    async with asyncio.timeout(WAIT_S), door.serve() as server:
        with pytest.raises(ServiceError):
            async with client_of(server, source).connect_ws(ARN):
                pass

    assert door.seen == ["token-1"]


async def test_a_refusal_that_the_conversation_itself_meets_is_not_tried_again() -> None:
    door, source = Door("token-1"), Numbered()
    refusal = ServiceError("of something else", status=401)
    async with asyncio.timeout(WAIT_S), door.serve() as server:
        with pytest.raises(ServiceError) as caught:
            async with client_of(server, source).connect_ws(ARN):
                raise refusal

    assert caught.value is refusal
    assert door.seen == ["token-1"]


async def test_a_token_that_can_not_be_renewed_says_why() -> None:
    door, source = Door("never"), Numbered()
    async with asyncio.timeout(WAIT_S), door.serve() as server:
        door.on_refusal = lambda: setattr(source, "failure", CredentialsError("the identity provider is away"))
        with pytest.raises(CredentialsError, match="the identity provider is away"):
            async with client_of(server, source).connect_ws(ARN):
                pass

    assert door.seen == ["token-1"]


async def test_a_connection_that_can_not_be_made_is_no_refusal() -> None:
    door, source = Door("never"), Numbered()
    async with door.serve() as server:
        client = client_of(server, source)
    with pytest.raises(ConnectError, match="can't connect"):
        async with client.connect_ws(ARN):
            pass

    assert source.asked == [None]

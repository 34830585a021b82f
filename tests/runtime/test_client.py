"""RuntimeClient and its blocking twin: what each takes and gives, beyond what tests see through the SDK's names."""

from __future__ import annotations

import asyncio
import json
import re
import ssl
import threading
from typing import TYPE_CHECKING, Any

import httpx2
import pytest

from agentcore_mcp import (
    BearerAuth,
    BlockingRuntimeClient,
    CommandEvent,
    ContentDelta,
    ContentStart,
    ContentStop,
    InvalidRequestError,
    NoAuth,
    ProtocolError,
    RuntimeClient,
    ServiceError,
    StoppedSession,
)
from agentcore_mcp.runtime.bodies import check_success
from agentcore_mcp.runtime.replies import Reply
from agentcore_mcp.runtime.retries import Retries
from agentcore_mcp.runtime.timeouts import ERROR_BODY_TIMEOUT_S
from agentcore_mcp.wire.eventstream import encode_command_event
from agentcore_mcp.wire.pieces import ANSWER_MAX_BYTES
from tests.support.clients import ARN, ONCE, SESSION_ID, client_of
from tests.support.servers import LAST_CHUNK, Exchange, chunk, chunked, loopback_server, reply
from tests.support.tls import loopback_certificate

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from pathlib import Path

SESSION_NAME = "x-amzn-bedrock-agentcore-runtime-session-id"
SSE = "text/event-stream"
UUID = re.compile(r"[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}")


async def echo(exchange: Exchange) -> None:
    if "/commands" in exchange.request.target:
        events: list[CommandEvent] = [ContentStart(), ContentDelta("out"), ContentStop(0, "COMPLETED")]
        body = b"".join(map(encode_command_event, events))
        await exchange.send(reply(body=body, content_type="application/vnd.amazon.eventstream"))
    elif "/stopruntimesession" in exchange.request.target:
        await exchange.send(reply("404 Gone", b'{"message":"no"}', x_amzn_errortype="ResourceNotFoundException"))
    else:
        await exchange.send(reply(body=b"data: 1\n\nevent: two\ndata: 2\n\n", content_type=SSE))


async def test_the_blocking_client_gives_the_same_types_and_facts() -> None:
    def call(client: BlockingRuntimeClient) -> tuple[Any, ...]:
        with client.invoke(ARN, b"{}", session_id=SESSION_ID) as answer:
            pieces = [*answer]
        with client.invoke(ARN, b"{}") as another:
            events = [(event.event, event.data) for event in another.events()]
        with client.run_command(ARN, "true", session_id=SESSION_ID) as run:
            batches = [*run.batches]
        return answer, pieces, events, batches, client.stop_session(ARN, session_id=SESSION_ID)

    async with loopback_server(echo) as server:
        with BlockingRuntimeClient(auth=NoAuth(), endpoint_url=server.endpoint_url, retries=ONCE) as client:
            answer, pieces, events, batches, stopped = await asyncio.to_thread(call, client)

    assert (answer.session_id, answer.content_type, answer.status, answer.request_id) == (SESSION_ID, SSE, 200, None)
    assert pieces == ["1", "2"]
    assert events == [("message", "1"), ("two", "2")]
    assert [event for batch in batches for event in batch][1:] == [ContentDelta("out"), ContentStop(0, "COMPLETED")]
    assert stopped == StoppedSession(SESSION_ID, already_gone=True, status=404)


async def test_without_a_session_id_a_session_begins_and_is_told() -> None:
    async with (
        client_of(echo) as (client, server),
        client.invoke(ARN, b"{}") as answer,
        client.run_command(ARN, "true") as run,
    ):
        told = [answer.session_id, run.session_id]

    assert [request.header(SESSION_NAME) for request in server.requests] == told
    assert all(UUID.fullmatch(session_id) for session_id in told)
    assert len(set(told)) == 2


async def test_a_call_may_have_an_auth_of_its_own() -> None:
    async with client_of(echo, auth=BearerAuth("the-clients")) as (client, server):
        own = BearerAuth("the-calls")
        async with client.invoke(ARN, b"{}", auth=own), client.run_command(ARN, "true", auth=own):
            pass
        await client.stop_session(ARN, session_id=SESSION_ID, auth=own)
        await client.stop_session(ARN, session_id=SESSION_ID)

    sent = [request.header("authorization") for request in server.requests]
    assert sent == ["Bearer the-calls"] * 3 + ["Bearer the-clients"]


async def test_a_session_that_is_gone_is_an_error_if_it_must_not_be() -> None:
    async with client_of(echo) as (client, _):
        with pytest.raises(ServiceError, match="ResourceNotFoundException"):
            await client.stop_session(ARN, session_id=SESSION_ID, missing_ok=False)


@pytest.mark.parametrize(
    "call",
    [
        lambda client: client.invoke(ARN, b"{}", session_id="short"),
        lambda client: client.invoke(ARN, b"{}", read_timeout_s=0),
        lambda client: client.run_command(ARN, "true", timeout_s=0),
        lambda client: client.run_command(ARN, "true", timeout_s="5"),
        lambda client: client.run_command("arn", "true"),
    ],
)
@pytest.mark.parametrize("kind", [RuntimeClient, BlockingRuntimeClient])
def test_an_argument_that_would_be_refused_is_an_error_before_the_block(
    kind: Callable[..., Any], call: Callable[[Any], object]
) -> None:
    with pytest.raises(InvalidRequestError):
        call(kind(auth=NoAuth()))


async def test_an_answer_may_take_longer_than_its_head() -> None:
    """Each piece comes in time, and all of them together take longer than the head may."""
    patience_s = 1.0

    async def slowly(exchange: Exchange) -> None:
        await exchange.send(chunked(SSE))
        for number in range(8):
            await exchange.send(chunk(b"data: %d\n\n" % number))
            await asyncio.sleep(0.3)
        await exchange.send(LAST_CHUNK)

    async with (
        client_of(slowly) as (client, _),
        client.invoke(ARN, b"{}", session_id=SESSION_ID, read_timeout_s=patience_s) as answer,
    ):
        assert [piece async for piece in answer] == [str(number) for number in range(8)]


async def test_of_a_whole_answer_over_the_limit_nothing_is_handed_over() -> None:
    class Endless(httpx2.AsyncByteStream):
        async def __aiter__(self) -> AsyncIterator[bytes]:
            while True:
                yield b" " * 1_000_000

    def answer(request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, headers={"content-type": "image/png"}, stream=Endless())

    pieces: list[str] = []
    async with RuntimeClient(auth=BearerAuth("t"), transport=httpx2.MockTransport(answer)) as client:
        with pytest.raises(ProtocolError, match=f"more than the {ANSWER_MAX_BYTES} bytes"):
            async with client.invoke(ARN, b"{}", session_id=SESSION_ID) as over:
                async for piece in over:
                    pieces.append(piece)  # noqa: PERF401 - those before the failure count

    assert pieces == []


@pytest.mark.parametrize("kind", [RuntimeClient, BlockingRuntimeClient])
async def test_certificates_are_read_once_at_the_first_call_that_needs_them(
    kind: Callable[..., Any], tmp_path: Path
) -> None:
    for_server, trusted_file = loopback_certificate(tmp_path)
    read_in: list[int] = []

    def certificates() -> ssl.SSLContext:
        read_in.append(threading.get_ident())
        return ssl.create_default_context(cafile=trusted_file)

    async with loopback_server(echo, tls=for_server) as server:
        client = kind(auth=NoAuth(), endpoint_url=server.endpoint_url, tls=certificates)
        assert read_in == []
        for _ in range(2):
            if isinstance(client, RuntimeClient):
                await client.stop_session(ARN, session_id=SESSION_ID)
            else:
                await asyncio.to_thread(client.stop_session, ARN, session_id=SESSION_ID)

    assert len(read_in) == 1
    assert read_in != [threading.get_ident()], "it would hold up the event loop"


@pytest.mark.parametrize("refusals", [1, 2])
async def test_a_refused_attempt_gives_its_connection_back_to_a_transport_of_ones_own(refusals: int) -> None:
    closed: list[int] = []

    class Body(httpx2.AsyncByteStream, httpx2.SyncByteStream):
        def __init__(self, status: int) -> None:
            self.status = status

        async def __aiter__(self) -> AsyncIterator[bytes]:
            yield b""

        def __iter__(self) -> Iterator[bytes]:
            yield b""

        async def aclose(self) -> None:
            closed.append(self.status)

    statuses = iter([429] * refusals + [200])

    def answer(request: httpx2.Request) -> httpx2.Response:
        status = next(statuses)
        return httpx2.Response(status, stream=Body(status))

    retries = Retries(first_pause_s=0)
    transport = httpx2.MockTransport(answer)
    async with RuntimeClient(auth=BearerAuth("t"), transport=transport, retries=retries) as client:
        await client.stop_session(ARN, session_id=SESSION_ID)

    assert closed == [429] * refusals + [200]


async def test_a_payload_goes_as_it_is() -> None:
    payload = json.dumps({"prompt": "größer"}).encode()
    async with client_of(echo) as (client, server), client.invoke(ARN, payload):
        pass

    assert [request.body for request in server.requests] == [payload]


@pytest.mark.parametrize(("patience_s", "waits_s"), [(0.5, 0.5), (900.0, ERROR_BODY_TIMEOUT_S)])
async def test_the_words_of_a_refusal_are_waited_for_no_longer_than_an_answer(
    patience_s: float, waits_s: float
) -> None:
    timeout = httpx2.Timeout(patience_s).as_dict()
    request = httpx2.Request("POST", "https://example.com", extensions={"timeout": timeout})
    refused = Reply.of(httpx2.Response(503, request=request, content=b"oh"), SESSION_ID)

    with pytest.raises(ServiceError, match="HTTP 503: oh"):
        await check_success(refused)

    assert refused.deadline.timeout_s == waits_s

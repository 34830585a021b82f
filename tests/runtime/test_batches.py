"""An answer in batches: what arrives together comes together, and nothing else is different."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

import anyio.lowlevel
import httpx2
import pytest

from agentcore_mcp.errors import AgentError, StreamInterruptedError
from agentcore_mcp.runtime import NoAuth, RuntimeClient
from agentcore_mcp.wire.eventstream import CommandEvent, ContentDelta, ContentStart, ContentStop, encode_command_event
from tests.support.clients import ARN, SESSION_ID, client_of
from tests.support.servers import LAST_CHUNK, Exchange, chunk, chunked
from tests.support.sse import encode_sse
from tests.support.waiting import WAIT_S

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

ONE_AND_TWO = chunked("text/event-stream") + chunk(encode_sse("one") + encode_sse("two"))
FAILURE = json.dumps({"error": "oh", "error_type": "KeyError", "message": "An error occurred during streaming"})


async def batches_of(client: RuntimeClient, batches: list[list[str]]) -> None:
    async with client.invoke(ARN, b"{}", session_id=SESSION_ID) as answer:
        async for batch in answer.batches:
            batches.append(batch)  # noqa: PERF401 - those before a failure count too


async def test_events_that_arrive_together_are_one_batch_and_later_ones_another() -> None:
    seen = asyncio.Event()

    async def answer(exchange: Exchange) -> None:
        await exchange.send(ONE_AND_TWO + chunk(b": a comment is no piece\n\n"))
        await seen.wait()
        await exchange.send(chunk(b"data: thr") + chunk(b"ee\n\ndata: four") + LAST_CHUNK)

    async with client_of(answer) as (client, _), client.invoke(ARN, b"{}", session_id=SESSION_ID) as invocation:
        assert await asyncio.wait_for(anext(invocation.batches), WAIT_S) == ["one", "two"]
        seen.set()
        assert [batch async for batch in invocation.batches] == [["three"], ["four"]]


async def test_the_events_of_a_command_come_in_batches_too() -> None:
    events: list[CommandEvent] = [ContentStart(), ContentDelta("out"), ContentStop(0, "COMPLETED")]

    async def answer(exchange: Exchange) -> None:
        frames = b"".join(map(encode_command_event, events))
        await exchange.send(chunked("application/vnd.amazon.eventstream") + chunk(frames) + LAST_CHUNK)

    async with client_of(answer) as (client, _), client.run_command(ARN, "true", session_id=SESSION_ID) as run:
        assert [batch async for batch in run.batches] == [events]


@pytest.mark.parametrize(
    ("end", "error"),
    [(chunk(encode_sse(FAILURE)) + LAST_CHUNK, AgentError), (b"", StreamInterruptedError)],
    ids=["the agent fails", "a cut"],
)
async def test_a_failure_is_told_after_the_batches_before_it(end: bytes, error: type[Exception]) -> None:
    async def answer(exchange: Exchange) -> None:
        await exchange.send(ONE_AND_TWO + end)

    batches: list[list[str]] = []
    async with client_of(answer) as (client, _):
        with pytest.raises(error):
            await asyncio.wait_for(batches_of(client, batches), WAIT_S)

    assert batches == [["one", "two"]]


async def test_leaving_in_the_middle_of_a_batch_closes_the_connection_and_ends_both_ways_to_iterate() -> None:
    closed = asyncio.Event()

    async def answer(exchange: Exchange) -> None:
        await exchange.send(ONE_AND_TWO)
        await exchange.peer_closed()
        closed.set()

    async with client_of(answer) as (client, _):
        async with client.invoke(ARN, b"{}", session_id=SESSION_ID) as invocation:
            assert await asyncio.wait_for(anext(aiter(invocation)), WAIT_S) == "one"
        await asyncio.wait_for(closed.wait(), WAIT_S)

        assert [piece async for piece in invocation] == []
        assert [batch async for batch in invocation.batches] == []


@pytest.mark.parametrize(
    ("content_type", "piece", "chunk_bytes"),
    [
        ("application/x-ndjson", b'{"a":1}\n', 1_000_000),
        ("text/plain", b"x", 1),
        ("text/event-stream", b"\n", 1),
        ("text/event-stream", b"data: a\n\n", 1),
    ],
)
async def test_what_one_read_brings_does_not_hold_the_loop(content_type: str, piece: bytes, chunk_bytes: int) -> None:
    """Others get their turn before all of it is read."""
    body = piece * (100_000 // len(piece))
    chunks = [body[start : start + chunk_bytes] for start in range(0, len(body), chunk_bytes)] * (
        40 if chunk_bytes > 1 else 1
    )
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await anyio.lowlevel.checkpoint()

    async def answer(request: httpx2.Request) -> httpx2.Response:
        async def everything() -> AsyncIterator[bytes]:
            for data in chunks:
                yield data

        return httpx2.Response(200, headers={"content-type": content_type}, content=everything())

    transport = httpx2.MockTransport(answer)
    client = RuntimeClient(auth=NoAuth(), transport=transport, endpoint_url="http://127.0.0.1:1")
    async with client, anyio.create_task_group() as tasks:
        async with client.invoke(ARN, b"{}") as invocation:
            tasks.start_soon(count)
            async for _ in invocation.batches:
                pass
        tasks.cancel_scope.cancel()

    assert turns > 1

"""``invoke_harness`` of both clients, against a scripted server and boto3's exceptions."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest

from agentcore_mcp.errors import (
    AgentError,
    InvalidRequestError,
    ProtocolError,
    ServiceError,
    StreamInterruptedError,
)
from agentcore_mcp.runtime import AnswerText, BlockingRuntimeClient, NoAuth, tool_results
from agentcore_mcp.wire.eventstream.events import encode_event, encode_exception
from tests.support.clients import ARN, SESSION_ID, client_of
from tests.support.servers import Exchange, reply

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

HARNESS_ARN = ARN.replace(":runtime/", ":harness/")
EVENT_STREAM = "application/vnd.amazon.eventstream"
EVENTS: list[dict[str, Any]] = [
    {"messageStart": {"role": "assistant"}},
    {"contentBlockDelta": {"contentBlockIndex": 0, "delta": {"text": "It is cold."}}},
    {"contentBlockStop": {"contentBlockIndex": 0}},
    {"messageStop": {"stopReason": "end_turn"}},
]


def answering(raw: bytes, **head: Any) -> Callable[[Exchange], Awaitable[None]]:
    async def answer(exchange: Exchange) -> None:
        await exchange.send(reply(**{"body": raw, "content_type": EVENT_STREAM} | head))

    return answer


def encoded(*events: dict[str, Any]) -> bytes:
    return b"".join(encode_event(name, value) for event in events for name, value in event.items())


async def test_both_clients_give_the_events_and_the_facts() -> None:
    async with client_of(answering(encoded(*EVENTS))) as (client, server):
        async with client.invoke_harness(HARNESS_ARN, "Hi", session_id=SESSION_ID) as answer:
            pieces = [piece async for piece in answer]

        def ask() -> list[str]:
            with (
                BlockingRuntimeClient(auth=NoAuth(), endpoint_url=server.endpoint_url) as blocking,
                blocking.invoke_harness(HARNESS_ARN, "Hi", session_id=SESSION_ID) as same,
            ):
                assert (same.session_id, same.status, same.content_type) == (SESSION_ID, 200, EVENT_STREAM)
                return list(same)

        assert await asyncio.to_thread(ask) == pieces

    assert list(map(json.loads, pieces)) == EVENTS
    assert (answer.session_id, answer.status) == (SESSION_ID, 200)
    mine, blockings = server.requests
    assert (mine.target, mine.body) == (blockings.target, blockings.body)


async def test_without_a_session_id_a_session_begins_whose_id_a_harness_takes() -> None:
    async with (
        client_of(answering(encoded(*EVENTS))) as (client, server),
        client.invoke_harness(HARNESS_ARN, "Hi") as answer,
    ):
        assert len(answer.session_id) == 36

    assert server.requests[0].header("x-amzn-bedrock-agentcore-runtime-session-id") == answer.session_id


@pytest.mark.parametrize(
    "arguments",
    [
        {"arn": ARN, "messages": "Hi"},
        {"arn": HARNESS_ARN, "messages": " "},
        {"arn": HARNESS_ARN, "messages": "Hi", "session_id": "s" * 101},
        {"arn": HARNESS_ARN, "messages": "Hi", "options": {"maxturns": 1}},
        {"arn": HARNESS_ARN, "messages": "Hi", "user_id": ""},
        {"arn": HARNESS_ARN, "messages": "Hi", "read_timeout_s": 0},
    ],
    ids=lambda arguments: list(arguments)[-1],
)
async def test_what_would_be_refused_is_an_error_and_not_sent(arguments: dict[str, Any]) -> None:
    async with client_of(answering(b"")) as (client, server):
        with pytest.raises(InvalidRequestError):
            client.invoke_harness(**arguments)

    assert server.requests == []


async def test_an_error_in_the_stream_comes_after_what_came_before_it() -> None:
    pieces: list[str] = []
    raw = encoded(*EVENTS[:2]) + encode_exception("RuntimeClientError", "the tool crashed")
    async with client_of(answering(raw, **{"x-amzn-requestid": "r-1"})) as (client, _):
        with pytest.raises(AgentError, match="the tool crashed") as caught:
            async with client.invoke_harness(HARNESS_ARN, "Hi", session_id=SESSION_ID) as answer:
                async for piece in answer:
                    pieces.append(piece)  # noqa: PERF401 - it fails halfway

    assert list(map(json.loads, pieces)) == EVENTS[:2]
    assert (caught.value.session_id, caught.value.request_id) == (SESSION_ID, "r-1")


@pytest.mark.parametrize("raw", [b"", encoded(*EVENTS[:3]), encoded(*EVENTS)[:-3]], ids=["empty", "no stop", "cut"])
async def test_an_answer_that_breaks_off_is_an_error(raw: bytes) -> None:
    async with client_of(answering(raw)) as (client, _):
        with pytest.raises(StreamInterruptedError, match=r"before the end of a message|without the end of a message"):
            async with client.invoke_harness(HARNESS_ARN, "Hi") as answer:
                _ = [piece async for piece in answer]


@pytest.mark.parametrize(
    ("head", "error"),
    [
        ({"status": 402, "x-amzn-errortype": "ServiceQuotaExceededException"}, ServiceError),
        ({"status": 404, "x-amzn-errortype": "ResourceNotFoundException"}, ServiceError),
        ({"status": 424, "x-amzn-errortype": "RuntimeClientError"}, AgentError),
        ({"content_type": "application/json"}, ProtocolError),
        ({"content_type": "text/html"}, ProtocolError),
    ],
)
async def test_a_refusal_is_raised_before_the_block(head: dict[str, Any], error: type[Exception]) -> None:
    async with client_of(answering(b'{"message": "no"}', **{"content_type": "application/json"} | head)) as (client, _):
        with pytest.raises(error):
            async with client.invoke_harness(HARNESS_ARN, "Hi"):
                raise AssertionError("entered")


async def test_a_call_that_is_left_to_the_caller_is_answered_in_the_next_request() -> None:
    call = {"toolUseId": "t1", "name": "weather"}
    asks = [
        {"messageStart": {"role": "assistant"}},
        {"contentBlockStart": {"contentBlockIndex": 0, "start": {"toolUse": call}}},
        {"contentBlockDelta": {"contentBlockIndex": 0, "delta": {"toolUse": {"input": '{"in":"Oslo"}'}}}},
        {"contentBlockStop": {"contentBlockIndex": 0}},
        {"messageStop": {"stopReason": "tool_use"}},
    ]

    async def answer(exchange: Exchange) -> None:
        events = EVENTS if b"toolResult" in exchange.request.body else asks
        await exchange.send(reply(body=encoded(*events), content_type=EVENT_STREAM))

    async with client_of(answer) as (client, server):
        text = AnswerText()
        async with client.invoke_harness(HARNESS_ARN, "Weather?", session_id=SESSION_ID) as first:
            pieces = [piece async for piece in first]
        for piece in pieces:
            text.feed(piece)
        calls = [interrupt["toolUse"] for interrupt in json.loads(pieces[-1])["interrupts"]]
        async with client.invoke_harness(HARNESS_ARN, tool_results(calls, "12 °C"), session_id=SESSION_ID) as second:
            assert [json.loads(piece) async for piece in second] == EVENTS

    assert [pause.id for pause in text.pauses] == ["t1"]
    assert json.loads(server.requests[1].body)["messages"] == [
        {"role": "assistant", "content": [{"toolUse": {**call, "input": {"in": "Oslo"}}}]},
        {"role": "user", "content": [{"toolResult": {"toolUseId": "t1", "content": [{"text": "12 °C"}]}}]},
    ]

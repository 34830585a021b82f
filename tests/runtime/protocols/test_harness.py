"""Harnesses: what they are sent, and what is kept of their answers for the next turn."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from agentcore_mcp.errors import AgentError, InvalidRequestError, StreamInterruptedError
from agentcore_mcp.runtime.protocols.harness import HarnessAgent
from agentcore_mcp.runtime.protocols.turn import Route, Turn
from agentcore_mcp.wire.eventstream.events import encode_exception
from agentcore_mcp.wire.pauses import Pause
from agentcore_mcp.wire.text import AnswerText
from tests.support.clients import ARN, SESSION_ID, client_of
from tests.support.converse import message, stream, text_block, tool_block
from tests.support.servers import Exchange, reply

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

HARNESS_ARN = ARN.replace(":runtime/", ":harness/")
HELLO = stream(*message(text_block(0, "Hello.")))
CALLS = stream(*message(tool_block(0, "t1", "weather", '{"in": "Oslo"}'), stop="tool_use"))
CALL = {"toolUseId": "t1", "name": "weather", "type": "tool_use", "input": {"in": "Oslo"}}


def answering(*bodies: bytes) -> Callable[[Exchange], Awaitable[None]]:
    following = iter(bodies)

    async def answer(exchange: Exchange) -> None:
        await exchange.send(reply(body=next(following), content_type="application/vnd.amazon.eventstream"))

    return answer


async def test_a_prompt_is_a_message_and_what_is_configured_goes_along() -> None:
    async with client_of(answering(HELLO)) as (client, server):
        route = Route(client, HARNESS_ARN, qualifier="prod", headers={"baggage": "a=b"}, user_id="ann")
        async with HarnessAgent(route, {"maxIterations": 3}).ask(Turn("hi", SESSION_ID)) as answer:
            pieces = [piece async for piece in answer]
            assert (answer.session_id, answer.kept) == (SESSION_ID, {})

    (request,) = server.requests
    assert "".join(map(AnswerText().feed, pieces)) == "Hello."
    assert json.loads(request.body) == {
        "messages": [{"role": "user", "content": [{"text": "hi"}]}],
        "maxIterations": 3,
    }
    assert request.target.endswith("demo-abcdefghij&qualifier=prod")
    assert request.header("baggage") == "a=b"
    assert request.header("X-Amzn-Bedrock-AgentCore-Runtime-User-Id") == "ann"


async def test_a_turn_that_leaves_a_call_is_answered_with_the_call_and_its_result() -> None:
    async with client_of(answering(CALLS, HELLO, HELLO)) as (client, server):
        agent, text = HarnessAgent(Route(client, HARNESS_ARN)), AnswerText()
        async with agent.ask(Turn("weather?", SESSION_ID)) as first:
            async for piece in first:
                text.feed(piece)
        async with agent.ask(Turn("12 °C", SESSION_ID, text.pauses, first.kept)) as second:
            _ = [piece async for piece in second]
        async with agent.ask(Turn("thanks", SESSION_ID, (), first.kept)) as third:
            _ = [piece async for piece in third]

    assert first.kept == {"toolUses": [CALL]}
    assert [pause.id for pause in text.pauses] == ["t1"]
    assert second.kept == {}
    assert [json.loads(request.body)["messages"][-1]["content"] for request in server.requests] == [
        [{"text": "weather?"}],
        [{"toolResult": {"toolUseId": "t1", "content": [{"text": "12 °C"}]}}],
        [{"text": "thanks"}],
    ]
    assert json.loads(server.requests[1].body)["messages"][0] == {"role": "assistant", "content": [{"toolUse": CALL}]}


async def test_a_pause_whose_call_is_not_known_any_more_is_answered_with_the_words() -> None:
    async with (
        client_of(answering(HELLO)) as (client, server),
        HarnessAgent(Route(client, HARNESS_ARN)).ask(Turn("yes", SESSION_ID, [Pause("?")])) as answer,
    ):
        _ = [piece async for piece in answer]

    assert json.loads(server.requests[0].body)["messages"] == [{"role": "user", "content": [{"text": "yes"}]}]


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (CALLS[:-1], StreamInterruptedError),
        (CALLS + encode_exception("RuntimeClientError", "it broke"), AgentError),
    ],
    ids=["cut", "exception"],
)
async def test_an_answer_that_fails_keeps_no_call(body: bytes, error: type[Exception]) -> None:
    async with (
        client_of(answering(body)) as (client, _),
        HarnessAgent(Route(client, HARNESS_ARN)).ask(Turn("weather?", SESSION_ID)) as answer,
    ):
        with pytest.raises(error):
            _ = [piece async for piece in answer]

    assert answer.kept == {}


async def test_a_runtime_is_no_harness() -> None:
    async with client_of(answering()) as (client, server):
        with pytest.raises(InvalidRequestError, match="not the ARN of a harness"):
            async with HarnessAgent(Route(client, ARN)).ask(Turn("hi")):
                pass

    assert server.requests == []

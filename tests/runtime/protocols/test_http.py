"""Plain HTTP: the body that an agent gets, and its answer as it comes."""

from __future__ import annotations

import json

from agentcore_mcp.runtime.protocols.http import HttpAgent
from agentcore_mcp.runtime.protocols.turn import Route, Turn
from agentcore_mcp.wire.pauses import Pause
from tests.support.clients import ARN, SESSION_ID, client_of
from tests.support.servers import LAST_CHUNK, Exchange, chunk, chunked
from tests.support.sse import encode_sse

PAUSE = Pause("allow?", id="i-1", takes_response=True)


async def speak(exchange: Exchange) -> None:
    await exchange.send(chunked("text/event-stream") + chunk(encode_sse("one") + encode_sse("two")) + LAST_CHUNK)


async def test_the_prompt_is_sent_as_json_and_the_pieces_come_back() -> None:
    async with client_of(speak) as (client, server):
        route = Route(client, ARN, qualifier="prod", headers={"X-Shop": "a"}, user_id="ann")
        async with HttpAgent(route).ask(Turn("hi", SESSION_ID)) as answer:
            assert [piece async for piece in answer] == ["one", "two"]
            assert (answer.session_id, answer.kept) == (SESSION_ID, {})

    (request,) = server.requests
    assert json.loads(request.body) == {"prompt": "hi"}
    assert request.target.endswith("/invocations?qualifier=prod")
    assert request.header("X-Shop") == "a"
    assert request.header("X-Amzn-Bedrock-AgentCore-Runtime-User-Id") == "ann"


async def test_a_turn_that_answers_a_pause_is_sent_as_the_agent_takes_it() -> None:
    async with client_of(speak) as (client, server):
        agent = HttpAgent(Route(client, ARN), lambda prompt, session_id: json.dumps([prompt, session_id]).encode())
        async with agent.ask(Turn("yes", SESSION_ID, [PAUSE])) as answer:
            assert [batch async for batch in answer.batches] == [["one", "two"]]

    reply = [{"interruptResponse": {"interruptId": "i-1", "response": "yes"}}]
    assert json.loads(server.requests[0].body) == [reply, SESSION_ID]


async def test_a_turn_without_a_session_begins_a_new_one() -> None:
    first, second = Turn("hi"), Turn("hi")

    assert first.session_id != second.session_id
    assert len(first.session_id) >= 33

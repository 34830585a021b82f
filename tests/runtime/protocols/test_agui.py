"""AG-UI: what a run is given, and what its events come to."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from ag_ui.core import RunAgentInput

from agentcore_mcp.errors import AgentCoreError, AgentError, StreamInterruptedError, WrongProtocolError
from agentcore_mcp.runtime import AguiAgent, AnswerText, Pause, Route, Turn
from tests.support.clients import ARN, SESSION_ID, client_of
from tests.support.servers import LAST_CHUNK, Exchange, chunk, chunked
from tests.support.sse import encode_sse

if TYPE_CHECKING:
    from collections.abc import Sequence

STARTED = {"type": "RUN_STARTED", "threadId": "t", "runId": "r"}
WORDS = {"type": "TEXT_MESSAGE_CHUNK", "messageId": "m", "role": "assistant", "delta": "one"}
FINISHED = {"type": "RUN_FINISHED", "threadId": "t", "runId": "r"}
ASKED = {"id": "i-1", "reason": "confirmation", "message": "Shall I?", "responseSchema": {"type": "boolean"}}
INTERRUPTED = {**FINISHED, "outcome": {"type": "interrupt", "interrupts": [ASKED]}}


async def run(events: Sequence[Any], turn: Turn) -> tuple[str, list[Pause], dict[str, Any], RunAgentInput]:
    """Ask, and return the words, the pauses, what is kept, and the input as the protocol's own package reads it."""

    async def answer(exchange: Exchange) -> None:
        body = b"".join(encode_sse(event if isinstance(event, str) else json.dumps(event)) for event in events)
        await exchange.send(chunked("text/event-stream") + chunk(body) + LAST_CHUNK)

    text, words = AnswerText(), ""
    async with client_of(answer) as (client, server):
        try:
            async with AguiAgent(Route(client, ARN)).ask(turn) as answered:
                async for piece in answered:
                    words += text.feed(piece)
        except AgentCoreError as raised:
            raised.add_note(words)
            raise
    return words + text.close(), text.pauses, answered.kept, RunAgentInput.model_validate_json(server.requests[0].body)


async def test_a_prompt_is_a_run_of_its_own_in_the_thread_of_the_session() -> None:
    words, pauses, kept, first = await run([STARTED, WORDS, FINISHED], Turn("hi", SESSION_ID))
    *_, second = await run([STARTED, FINISHED], Turn("hi", SESSION_ID))

    assert (words, pauses, kept) == ("one", [], {})
    assert (first.thread_id, [message.content for message in first.messages]) == (SESSION_ID, ["hi"])
    assert (first.resume, first.tools, first.context) == (None, [], [])
    assert first.run_id != second.run_id
    assert first.messages[0].id != second.messages[0].id


@pytest.mark.parametrize(
    ("reply", "payload"),
    [("true", True), ("yes", "yes"), ('{"approved": false}', {"approved": False}), ("[" * 9_999, "[" * 9_999)],
)
async def test_an_interrupt_is_resumed_with_the_message_of_its_run(reply: str, payload: Any) -> None:
    _, pauses, kept, asked = await run([STARTED, INTERRUPTED], Turn("delete it", SESSION_ID))
    *_, resumed = await run([STARTED, FINISHED], Turn(reply, SESSION_ID, pauses, kept))
    assert resumed.resume is not None
    (entry,) = resumed.resume

    assert [(pause.question, pause.id, pause.schema) for pause in pauses] == [("Shall I?", "i-1", {"type": "boolean"})]
    assert (entry.interrupt_id, entry.status, entry.payload) == ("i-1", "resolved", payload)
    assert resumed.messages == asked.messages
    assert resumed.run_id != asked.run_id


async def test_several_interrupts_get_one_answer_or_one_each() -> None:
    pauses = [Pause("A?", id="a"), Pause("B?", id="b", schema={"type": "string"})]
    each = [{"interruptId": "a", "status": "cancelled"}, {"interruptId": "b", "status": "resolved", "payload": 1}]
    *_, one = await run([STARTED, FINISHED], Turn("7", SESSION_ID, pauses))
    *_, two = await run([STARTED, FINISHED], Turn(json.dumps(each), SESSION_ID, pauses))
    assert one.resume is not None
    assert two.resume is not None

    assert [(entry.interrupt_id, entry.payload) for entry in one.resume] == [("a", "7"), ("b", "7")]
    assert [(entry.interrupt_id, entry.status) for entry in two.resume] == [("a", "cancelled"), ("b", "resolved")]


async def test_a_question_without_an_id_is_answered_by_a_message() -> None:
    *_, run_input = await run([STARTED, FINISHED], Turn("Paris", SESSION_ID, [Pause("Which city?")]))

    assert (run_input.resume, run_input.messages[0].content) == (None, "Paris")


async def test_a_long_prompt_is_kept_in_part() -> None:
    *_, kept, _ = await run([STARTED, INTERRUPTED], Turn("x" * 100_000, SESSION_ID))

    assert len(json.dumps(kept)) < 5_000


async def test_a_run_that_fails_is_an_error_after_what_came_before() -> None:
    for error, told in (
        ({"message": "boom", "code": "TIMEOUT"}, "TIMEOUT: boom"),
        ({"message": "boom"}, "RUN_ERROR: boom"),
    ):
        with pytest.raises(AgentError, match=told) as raised:
            await run([STARTED, WORDS, {"type": "RUN_ERROR", **error}], Turn("hi", SESSION_ID))

        assert raised.value.__notes__ == ["one"]


@pytest.mark.parametrize(
    ("event", "speaks"), [({"jsonrpc": "2.0", "id": None, "error": {"code": -32600}}, "a2a"), ('"hello"', "http")]
)
async def test_an_answer_that_is_no_run_is_one_in_another_protocol(event: Any, speaks: str) -> None:
    with pytest.raises(WrongProtocolError) as raised:
        await run([event], Turn("hi", SESSION_ID))

    assert raised.value.speaks == speaks


async def test_a_run_that_does_not_end_has_broken_off() -> None:
    with pytest.raises(StreamInterruptedError, match="without RUN_FINISHED") as raised:
        await run([STARTED, WORDS], Turn("hi", SESSION_ID))

    assert raised.value.__notes__ == ["one"]


async def test_what_keeps_a_stream_alive_is_no_answer_in_another_protocol() -> None:
    async def answer(exchange: Exchange) -> None:
        events = b"".join(encode_sse(json.dumps(event)) for event in (STARTED, WORDS, FINISHED))
        await exchange.send(chunked("text/event-stream") + chunk(b"event: ping\ndata: {}\n\n" + events) + LAST_CHUNK)

    async with client_of(answer) as (client, _), AguiAgent(Route(client, ARN)).ask(Turn("hi", SESSION_ID)) as answered:
        assert len([piece async for piece in answered]) == 4

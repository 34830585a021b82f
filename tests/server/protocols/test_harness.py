"""Tools whose agent is a harness: a stand-in that sends what harnesses do, and the local AgentCore's."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from mcp import Client

from agentcore_mcp.local.agentcore import LocalAgentCore
from agentcore_mcp.server.assembly import create_server
from agentcore_mcp.wire.eventstream.events import encode_exception
from tests.support.converse import Event, message, stream, text_block, tool_block
from tests.support.mcp_hosts import MODES
from tests.support.servers import Exchange, loopback_server, reply
from tests.support.tools import (
    EVENT_STREAM,
    HANDOFF_S,
    SESSION,
    Slow,
    begun,
    collected,
    data_of,
    operations,
    say_hello,
    settings,
    text_of,
)
from tests.support.waiting import WAIT_S

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agentcore_mcp.config import Settings

HARNESS_ARN = "arn:aws:bedrock-agentcore:us-east-1:123456789012:harness/helper-0123456789"
HELLO = message(text_block(0, "Hel", "lo."))


def of_harness(endpoint_url: str, harness: dict[str, Any] | None = None, **others: Any) -> Settings:
    agent = {"arn": HARNESS_ARN} | ({} if harness is None else {"harness": harness})
    return settings(endpoint_url, agent=agent, **others)


class Harness:
    """Answers each call with the next of its answers."""

    def __init__(self, *answers: bytes | list[Event]) -> None:
        self._answers = iter(answers)

    async def __call__(self, exchange: Exchange) -> None:
        if not exchange.request.target.startswith("/harnesses/invoke?"):
            await say_hello(exchange)
            return
        answer = next(self._answers)
        body = answer if isinstance(answer, bytes) else stream(*answer)
        await exchange.send(reply(body=body, content_type=EVENT_STREAM))


async def test_its_words_are_the_answer_and_its_tools_are_progress() -> None:
    seen: list[str] = []

    async def on_progress(progress: float, total: float | None, message: str | None) -> None:
        seen.append(message or "")

    calls = message(text_block(0, "Let me see. "), tool_block(1, "t", "search", '{"q": "cats"}'), stop="tool_use")
    async with (
        loopback_server(Harness([*calls, *message(text_block(0, "Cats purr."))])) as runtime,
        Client(create_server(of_harness(runtime.endpoint_url, {"model": "m", "max_iterations": 3}))) as client,
    ):
        result = data_of(await client.call_tool("invoke_agent", {"prompt": "hi"}, progress_callback=on_progress))

    assert (result["status"], result["text"]) == ("COMPLETED", "Let me see. \nCats purr.")
    assert '[using tool search(q="cats")]' in "".join(seen)
    assert json.loads(runtime.requests[0].body) == {
        "messages": [{"role": "user", "content": [{"text": "hi"}]}],
        "model": {"bedrockModelConfig": {"modelId": "m"}},
        "maxIterations": 3,
    }
    assert 33 <= len(result["session_id"]) <= 100


async def test_raw_events_are_those_of_the_stream() -> None:
    async with (
        loopback_server(Harness(HELLO)) as runtime,
        Client(create_server(of_harness(runtime.endpoint_url))) as client,
    ):
        result = data_of(await client.call_tool("invoke_agent", {"prompt": "hi", "raw_events": True}))

    lines = result["text"].removesuffix("\n").split("\n")
    assert [json.loads(line) for line in lines] == [{name: value} for name, value in HELLO]


@pytest.mark.parametrize("mode", MODES)
async def test_a_call_of_a_tool_that_it_leaves_to_its_caller_is_answered_by_the_next_call(mode: str) -> None:
    calls = message(text_block(0, "One moment."), tool_block(1, "t1", "weather", '{"in": "Oslo"}'), stop="tool_use")
    async with (
        loopback_server(Harness(calls, HELLO, HELLO)) as runtime,
        Client(create_server(of_harness(runtime.endpoint_url)), mode=mode) as client,
    ):
        first = data_of(await client.call_tool("invoke_agent", {"prompt": "weather?", "session_id": "trip"}))
        second = data_of(await client.call_tool("invoke_agent", {"prompt": "12 °C", "session_id": "trip"}))
        third = data_of(await client.call_tool("invoke_agent", {"prompt": "thanks", "session_id": "trip"}))

    question = 'run the tool weather with {"in": "Oslo"} and answer with its result'
    assert (first["status"], second["status"], third["status"]) == ("INPUT_REQUIRED", "COMPLETED", "COMPLETED")
    assert first["text"] == f"One moment.\nwaiting for an answer: {question} (id t1)"
    assert [one["question"] for one in first["questions"]] == [question]
    contents = [json.loads(request.body)["messages"][-1]["content"] for request in runtime.requests]
    assert contents == [
        [{"text": "weather?"}],
        [{"toolResult": {"toolUseId": "t1", "content": [{"text": "12 °C"}]}}],
        [{"text": "thanks"}],
    ]
    assert first["session_id"] == second["session_id"] == third["session_id"]


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (stream(*HELLO[:3]) + encode_exception("RuntimeClientError", "the tool crashed"), "the tool crashed"),
        (stream(*HELLO[:3]) + encode_exception("ValidationException", "too long"), "too long"),
        (stream(*HELLO[:3]), "without the end of a message"),
        (stream(*HELLO)[:-2], "broke off"),
        (b"", "without the end of a message"),
    ],
    ids=["agent", "service", "no end", "cut", "empty"],
)
async def test_an_answer_that_fails_is_an_error_with_the_words_so_far(answer: bytes, said: str) -> None:
    async with (
        loopback_server(Harness(answer)) as runtime,
        Client(create_server(of_harness(runtime.endpoint_url))) as client,
    ):
        result = await client.call_tool("invoke_agent", {"prompt": "hi"})

    assert result.is_error
    assert said in text_of(result)
    assert ("Hel" in text_of(result)) == bool(answer)
    assert len(runtime.requests) == 1


@pytest.mark.parametrize("reason", ["max_tokens", "content_filtered", "max_iterations_exceeded", "timeout_exceeded"])
async def test_an_answer_that_ended_early_says_why(reason: str) -> None:
    async with (
        loopback_server(Harness(message(text_block(0, "So far"), stop=reason))) as runtime,
        Client(create_server(of_harness(runtime.endpoint_url))) as client,
    ):
        result = data_of(await client.call_tool("invoke_agent", {"prompt": "hi"}))

    assert result["text"] == f"So far\n(the answer ended early: {reason})"


@pytest.mark.parametrize("session_id", ["s" * 101, "a session!" * 4, "é" * 40, "s" * 39 + "."])
async def test_a_session_id_that_no_harness_takes_is_refused_and_nothing_is_sent(session_id: str) -> None:
    async with (
        loopback_server(Harness()) as runtime,
        Client(create_server(of_harness(runtime.endpoint_url))) as client,
    ):
        for tool, arguments in (("invoke_agent", {"prompt": "hi"}), ("run_command", {"command": "ls"})):
            result = await client.call_tool(tool, {**arguments, "session_id": session_id})
            assert result.is_error
            assert "33 to 100 letters" in text_of(result)

    assert runtime.requests == []


async def test_an_empty_prompt_is_refused_and_nothing_is_sent() -> None:
    async with (
        loopback_server(Harness()) as runtime,
        Client(create_server(of_harness(runtime.endpoint_url))) as client,
    ):
        result = await client.call_tool("invoke_agent", {"prompt": " "})

    assert "the prompt is empty" in text_of(result)
    assert runtime.requests == []


async def test_commands_and_stops_go_to_the_arn_of_the_harness() -> None:
    async with (
        loopback_server(Harness()) as runtime,
        Client(create_server(of_harness(runtime.endpoint_url))) as client,
    ):
        data_of(await client.call_tool("run_command", {"command": "ls", "session_id": SESSION}))
        data_of(await client.call_tool("stop_session", {"session_id": SESSION}))

    assert operations(runtime) == ["commands", "stopruntimesession"]
    assert all("%3Aharness%2Fhelper-" in request.target for request in runtime.requests)


async def test_a_long_call_is_handed_over_and_collected() -> None:
    slow = Slow(stream(*HELLO[:2]), stream(*HELLO[2:]), EVENT_STREAM)
    with anyio.fail_after(WAIT_S):
        async with (
            loopback_server(slow) as runtime,
            Client(create_server(of_harness(runtime.endpoint_url, handoff_after_s=HANDOFF_S))) as client,
        ):
            first = data_of(await begun(client, "invoke_agent", {"prompt": "hi"}))
            slow.go_on.set()
            rest = await collected(client, "invoke_agent", first["handle"])

    assert (first["text"], rest["text"]) == ("Hel", "lo.")
    assert len(runtime.requests) == 1


# --- the local AgentCore's


@pytest.fixture(scope="module")
def local() -> Iterator[LocalAgentCore]:
    with LocalAgentCore(protocol="harness") as local:
        yield local


async def test_the_local_harness_is_asked_runs_commands_and_is_stopped(local: LocalAgentCore) -> None:
    server = create_server(settings(local.endpoint_url, agent={"arn": local.agent_runtime_arn}))
    async with Client(server) as client:
        arguments = {"session_id": "fox"}
        first = data_of(await client.call_tool("invoke_agent", {"prompt": "remember the fox", **arguments}))
        data_of(await client.call_tool("run_command", {"command": "touch fox", **arguments}))
        second = data_of(await client.call_tool("invoke_agent", {"prompt": "files", **arguments}))
        stopped = data_of(await client.call_tool("stop_session", arguments))
        failed = await client.call_tool("invoke_agent", {"prompt": "fail", **arguments})

    assert first["text"] == "I will remember that, for as long as this session lives."
    assert second["text"] == "fox"
    assert stopped["status"] == "stopped"
    assert failed.is_error
    assert "you told me to fail" in text_of(failed)
    assert "This begins well, but " in text_of(failed)

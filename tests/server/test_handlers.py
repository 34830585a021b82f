"""Long calls, large outputs, several agents, sessions and commands: what the settings make of the tools."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import anyio
import httpx2
import pytest
from mcp import Client
from mcp.types import ElicitResult

from agentcore_mcp.config import Agent, Settings
from agentcore_mcp.server.assembly import create_server
from agentcore_mcp.server.output import RESULT_MAX_CHARS
from agentcore_mcp.wire.arns import RuntimeArn
from agentcore_mcp.wire.eventstream import CommandEvent, ContentDelta, ContentStop, encode_command_event
from agentcore_mcp.wire.sse import encode_sse
from tests.support.mcp_hosts import MODES
from tests.support.servers import LAST_CHUNK, Exchange, LoopbackServer, chunk, chunked, loopback_server, reply

if TYPE_CHECKING:
    from pathlib import Path

    from mcp.types import CallToolResult

LIMIT_S = 20
EVENT_STREAM = "application/vnd.amazon.eventstream"
PREFIX = "arn:aws:bedrock-agentcore:us-east-1:123456789012:runtime"
SESSION = "a-session-of-this-test-0123456789abcdef"


def settings(endpoint_url: str, *names: str, agent: dict[str, Any] | None = None, **others: Any) -> Settings:
    agents = [
        Agent.model_validate(
            {
                "name": name,
                "arn": RuntimeArn.parse(f"{PREFIX}/{name}-0123456789"),
                "description": f"knows about {name}",
                "endpoint_url": endpoint_url,
                "auth": {"none": True},
                **(agent or {}),
            }
        )
        for name in names or ("solo",)
    ]
    return Settings.model_validate({"agents": tuple(agents), **others})


def text_of(result: CallToolResult) -> str:
    return "".join(block.text for block in result.content if block.type == "text")


def data_of(result: CallToolResult) -> dict[str, Any]:
    assert not result.is_error, text_of(result)
    assert result.structured_content is not None
    return dict(result.structured_content)


async def say_hello(exchange: Exchange) -> None:
    if exchange.request.target.endswith("/commands"):
        frames = encode_command_event(ContentDelta("done\n")) + encode_command_event(ContentStop(0, "COMPLETED"))
        await exchange.send(reply(body=frames, content_type=EVENT_STREAM))
    elif exchange.request.target.endswith("/stopruntimesession"):
        await exchange.send(reply(body=b"{}", content_type="application/json"))
    else:
        await exchange.send(reply(body=b'"hello"', content_type="application/json"))


def operations(runtime: LoopbackServer) -> list[str]:
    return [request.target.rpartition("/")[2] for request in runtime.requests]


class Slow:
    """Sends the first half at once, and the second when it may."""

    def __init__(self, first: bytes, second: bytes, content_type: str) -> None:
        self.go_on = anyio.Event()
        self.hung_up = anyio.Event()
        self._parts = first, second
        self._content_type = content_type

    async def __call__(self, exchange: Exchange) -> None:
        if exchange.request.target.endswith("/stopruntimesession"):
            await say_hello(exchange)
            return
        await exchange.send(chunked(self._content_type) + chunk(self._parts[0]))
        async with anyio.create_task_group() as tasks:

            async def watch() -> None:
                await exchange.peer_closed()
                self.hung_up.set()
                tasks.cancel_scope.cancel()

            tasks.start_soon(watch)
            await self.go_on.wait()
            tasks.cancel_scope.cancel()
        await exchange.send(chunk(self._parts[1]) + b"0\r\n\r\n")


def slow_agent() -> Slow:
    return Slow(encode_sse('"first "'), encode_sse('"second"'), "text/event-stream")


def slow_command() -> Slow:
    return Slow(
        encode_command_event(ContentDelta("first\n", "careful\n")),
        encode_command_event(ContentDelta("second\n")) + encode_command_event(ContentStop(3, "COMPLETED")),
        EVENT_STREAM,
    )


@pytest.mark.parametrize("mode", MODES)
async def test_a_call_that_takes_too_long_for_the_host_is_collected_later(mode: str) -> None:
    slow = slow_agent()
    with anyio.fail_after(LIMIT_S):
        async with (
            loopback_server(slow) as runtime,
            Client(create_server(settings(runtime.endpoint_url, handoff_after_s=1.5)), mode=mode) as client,
        ):
            begun = await client.call_tool("invoke_agent", {"prompt": "hi"})
            waited = await client.call_tool("invoke_agent", {"handle": data_of(begun)["handle"]})
            slow.go_on.set()
            rest = await client.call_tool("invoke_agent", {"handle": data_of(begun)["handle"]})
            again = await client.call_tool("invoke_agent", {"handle": data_of(begun)["handle"]})

    assert (data_of(begun)["status"], data_of(begun)["text"]) == ("RUNNING", "first ")
    assert data_of(begun)["handle"] in text_of(begun)
    assert (data_of(waited)["status"], data_of(waited)["text"]) == ("RUNNING", "")
    assert (data_of(rest)["status"], data_of(rest)["text"]) == ("COMPLETED", "second")
    assert data_of(rest)["session_id"] == data_of(begun)["session_id"]
    assert again.is_error
    assert len(runtime.requests) == 1


async def test_a_running_command_is_collected_with_its_exit_code_and_can_be_read_meanwhile() -> None:
    slow = slow_command()
    with anyio.fail_after(LIMIT_S):
        async with (
            loopback_server(slow) as runtime,
            Client(create_server(settings(runtime.endpoint_url, handoff_after_s=1.5)), mode="legacy") as client,
        ):
            begun = data_of(await client.call_tool("run_command", {"command": "make"}))
            read = data_of(await client.call_tool("read_output", {"handle": begun["handle"], "stream": "stderr"}))
            wrong = await client.call_tool("invoke_agent", {"handle": begun["handle"]})
            slow.go_on.set()
            rest = data_of(await client.call_tool("run_command", {"handle": begun["handle"]}))

    assert (begun["status"], begun["exit_code"], begun["stdout"]) == ("RUNNING", None, "first\n")
    assert (read["text"], read["finished"]) == ("careful\n", False)
    assert "a call of run_command" in text_of(wrong)
    assert (rest["status"], rest["exit_code"], rest["stdout"], rest["stderr"]) == ("COMPLETED", 3, "second\n", "")


async def test_a_call_that_nobody_collected_ends_with_the_server() -> None:
    slow = slow_agent()
    with anyio.fail_after(LIMIT_S):
        async with loopback_server(slow) as runtime:
            async with Client(
                create_server(settings(runtime.endpoint_url, handoff_after_s=0.1)), mode="legacy"
            ) as client:
                await client.call_tool("invoke_agent", {"prompt": "hi"})
            await slow.hung_up.wait()


async def test_what_a_result_left_out_can_be_read() -> None:
    answer = "".join(f"line {number}\n" for number in range(20_000))

    async def talk(exchange: Exchange) -> None:
        await exchange.send(reply(body=json.dumps(answer).encode(), content_type="application/json"))

    async with (
        loopback_server(talk) as runtime,
        Client(create_server(settings(runtime.endpoint_url)), mode="legacy") as client,
    ):
        result = data_of(await client.call_tool("invoke_agent", {"prompt": "hi"}))
        read = await read_all(client, result["handle"])
        unknown = await client.call_tool("read_output", {"handle": "no-such-handle"})
        too_much = await client.call_tool("read_output", {"handle": result["handle"], "limit": 40_001})

    assert result["omitted_chars"] == len(answer) - 40_000
    assert read == answer
    assert "no call has the handle" in text_of(unknown)
    assert "1 to 40000" in text_of(too_much)


async def read_all(client: Client, handle: str) -> str:
    pages: list[str] = []
    offset = 0
    while True:
        page = data_of(
            await client.call_tool("read_output", {"handle": handle, "offset": offset, "limit": RESULT_MAX_CHARS})
        )
        if not page["text"]:
            return "".join(pages)
        pages.append(page["text"])
        offset = page["next_offset"]


async def test_what_the_result_of_a_running_call_left_out_can_be_read_when_it_has_ended() -> None:
    answer = "".join(f"line {number:04}\n" for number in range(10_000))
    slow = Slow(encode_sse(json.dumps(answer)), encode_sse('"END"'), "text/event-stream")
    with anyio.fail_after(LIMIT_S):
        async with (
            loopback_server(slow) as runtime,
            Client(create_server(settings(runtime.endpoint_url, handoff_after_s=1.5)), mode="legacy") as client,
        ):
            begun = data_of(await client.call_tool("invoke_agent", {"prompt": "hi"}))
            slow.go_on.set()
            rest = data_of(await client.call_tool("invoke_agent", {"handle": begun["handle"]}))
            read = await read_all(client, rest["handle"])

    assert begun["omitted_chars"] == len(answer) - RESULT_MAX_CHARS
    assert "60,000 characters were left out: read them with read_output" in begun["note"]
    assert (rest["status"], rest["text"], "omitted_chars" in rest) == ("COMPLETED", "END", False)
    assert "60,000 characters were left out" in rest["note"]
    assert read == f"{answer}END"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"prompt": "something new"}, "so prompt can't go with it; pass the handle alone"),
        ({"prompt": "new", "session_id": "review", "raw_events": True}, "so prompt, session_id, raw_events can't go"),
        ({"agent": "beta"}, "is of a call of alpha, not of beta"),
    ],
)
async def test_a_handle_with_more_than_its_agent_is_refused_and_still_good(
    arguments: dict[str, Any], sentence: str
) -> None:
    slow = slow_agent()
    with anyio.fail_after(LIMIT_S):
        async with (
            loopback_server(slow) as runtime,
            Client(
                create_server(settings(runtime.endpoint_url, "alpha", "beta", handoff_after_s=1.5)), mode="legacy"
            ) as client,
        ):
            begun = data_of(await client.call_tool("invoke_agent", {"prompt": "hi", "agent": "alpha"}))
            refused = await client.call_tool("invoke_agent", {"handle": begun["handle"], **arguments})
            slow.go_on.set()
            rest = data_of(await client.call_tool("invoke_agent", {"handle": begun["handle"], "agent": "alpha"}))

    assert refused.is_error
    assert sentence in text_of(refused)
    assert rest["text"] == "second"
    assert len(runtime.requests) == 1


async def test_the_result_of_a_running_command_shows_the_line_that_it_has_begun() -> None:
    slow = Slow(
        encode_command_event(ContentDelta("old\rPassword: ", "1%\r50%\r")),
        encode_command_event(ContentDelta("***\nin\n", "99%\r100%\n"))
        + encode_command_event(ContentStop(0, "COMPLETED")),
        EVENT_STREAM,
    )
    with anyio.fail_after(LIMIT_S):
        async with (
            loopback_server(slow) as runtime,
            Client(create_server(settings(runtime.endpoint_url, handoff_after_s=1.5)), mode="legacy") as client,
        ):
            begun = data_of(await client.call_tool("run_command", {"command": "login"}))
            slow.go_on.set()
            rest = data_of(await client.call_tool("run_command", {"handle": begun["handle"]}))

    assert (begun["stdout"], begun["stderr"]) == ("Password: ", "50%")
    assert (rest["stdout"], rest["stderr"]) == ("***\nin\n", "\n100%\n")


async def test_what_the_error_of_a_call_left_out_can_be_read() -> None:
    """Also of a text that the error shows whole, because the other one was cut."""
    stdout, stderr = "o" * 100_000, "e" * 5_000

    async def talk(exchange: Exchange) -> None:
        await exchange.send(reply(body=encode_command_event(ContentDelta(stdout, stderr)), content_type=EVENT_STREAM))

    async with (
        loopback_server(talk) as runtime,
        Client(create_server(settings(runtime.endpoint_url)), mode="legacy") as client,
    ):
        failed = await client.call_tool("run_command", {"command": "make"})
        named = re.search(
            r"65,000 characters were left out: read them with read_output, handle '(.+)'", text_of(failed)
        )
        assert named is not None
        read = await read_all(client, named[1])
        other = data_of(await client.call_tool("read_output", {"handle": named[1], "stream": "stderr"}))

    assert failed.is_error
    assert (read, other["text"]) == (stdout, stderr)


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ((39_000, 900), (39_000, 900)),
        ((10, 39_000), (10, 39_000)),
        ((35_000, 20_000), (30_000, 10_000)),
        ((100_000, 2_000), (38_000, 2_000)),
        ((5_000, 100_000), (5_000, 35_000)),
    ],
)
async def test_what_one_text_of_a_command_does_not_need_of_a_result_is_the_others(
    written: tuple[int, int], shown: tuple[int, int]
) -> None:
    texts = ["".join(f"{number:09}\n" for number in range(count // 10)) for count in written]

    async def talk(exchange: Exchange) -> None:
        frames = encode_command_event(ContentDelta(*texts)) + encode_command_event(ContentStop(0, "COMPLETED"))
        await exchange.send(reply(body=frames, content_type=EVENT_STREAM))

    async with (
        loopback_server(talk) as runtime,
        Client(create_server(settings(runtime.endpoint_url)), mode="legacy") as client,
    ):
        result = data_of(await client.call_tool("run_command", {"command": "make"}))
        read = [""]
        while "handle" in result and (len(read) == 1 or read[-1]):
            arguments = {"handle": result["handle"], "stream": "stderr", "offset": len("".join(read)), "limit": 40_000}
            read.append(data_of(await client.call_tool("read_output", arguments))["text"])

    lengths = [len(re.sub(r"\n\[\.\.\. .* left out \.\.\.\]\n", "", result[name])) for name in ("stdout", "stderr")]
    assert tuple(lengths) == shown
    assert result.get("omitted_chars", 0) == sum(written) - sum(shown)
    assert "".join(read) == (texts[1] if "handle" in result else "")


async def test_raw_events_are_the_events_and_not_the_words() -> None:
    body = encode_sse('{"event": {"contentBlockDelta":\n{"delta": {"text": "hi"}}}}') + encode_sse('"there"')

    async def talk(exchange: Exchange) -> None:
        await exchange.send(reply(body=body, content_type="text/event-stream"))

    async with (
        loopback_server(talk) as runtime,
        Client(create_server(settings(runtime.endpoint_url)), mode="legacy") as client,
    ):
        result = data_of(await client.call_tool("invoke_agent", {"prompt": "hi", "raw_events": True}))

    assert result["text"] == '{"event": {"contentBlockDelta": {"delta": {"text": "hi"}}}}\n"there"\n'


async def test_tool_use_is_told_as_progress_and_is_no_part_of_the_answer() -> None:
    events = [
        {"event": {"contentBlockDelta": {"delta": {"text": "Let me see. "}}}},
        {"event": {"contentBlockStart": {"start": {"toolUse": {"name": "search", "toolUseId": "1"}}}}},
        {"event": {"contentBlockDelta": {"delta": {"toolUse": {"input": '{"query": "cats"}'}}}}},
        {"event": {"contentBlockStop": {}}},
        {"event": {"contentBlockDelta": {"delta": {"text": "Cats purr."}}}},
    ]
    seen: list[str] = []

    async def talk(exchange: Exchange) -> None:
        body = b"".join(encode_sse(json.dumps(event)) for event in events)
        await exchange.send(reply(body=body, content_type="text/event-stream"))

    async def on_progress(progress: float, total: float | None, message: str | None) -> None:
        seen.append(message or "")

    async with (
        loopback_server(talk) as runtime,
        Client(create_server(settings(runtime.endpoint_url)), mode="legacy") as client,
    ):
        result = data_of(await client.call_tool("invoke_agent", {"prompt": "hi"}, progress_callback=on_progress))

    assert result["text"] == "Let me see. Cats purr."
    assert 'Let me see. \n[using tool search(query="cats")]\nCats purr.' in "".join(seen)


async def test_the_words_can_be_said_to_be_at_a_path() -> None:
    async def talk(exchange: Exchange) -> None:
        await exchange.send(reply(body=b'{"result": {"say": "hello"}, "cost": 1}', content_type="application/json"))

    async with (
        loopback_server(talk) as runtime,
        Client(
            create_server(settings(runtime.endpoint_url, agent={"response": "result.say"})), mode="legacy"
        ) as client,
    ):
        result = data_of(await client.call_tool("invoke_agent", {"prompt": "hi"}))

    assert result["text"] == "hello"


async def test_progress_bars_and_colours_of_a_command_do_not_reach_the_result() -> None:
    async def talk(exchange: Exchange) -> None:
        frames = [ContentDelta("10%\r50"), ContentDelta("%\r\x1b[3"), ContentDelta("2m100%\x1b[0m\n")]
        body = b"".join([encode_command_event(frame) for frame in frames])
        body += encode_command_event(ContentStop(0, "COMPLETED"))
        await exchange.send(reply(body=body, content_type=EVENT_STREAM))

    async with (
        loopback_server(talk) as runtime,
        Client(create_server(settings(runtime.endpoint_url)), mode="legacy") as client,
    ):
        result = data_of(await client.call_tool("run_command", {"command": "make"}))

    assert result["stdout"] == "100%\n"


async def test_what_a_command_writes_is_shown_plain_line_by_line_and_says_which_is_stderr() -> None:
    events: list[CommandEvent] = [
        ContentDelta("a\x1b[31mred\x1b[0"),
        ContentDelta("m\r"),
        ContentDelta(stderr="\x1b[33mwarn1\nwarn2"),
        ContentDelta(stderr="b\x1b[0m\n"),
        ContentDelta("10%\r50%"),
        ContentDelta("\r100%\n"),
        ContentDelta("Password: ", "careful"),
        ContentStop(0, "COMPLETED"),
    ]
    seen: list[str] = []

    async def talk(exchange: Exchange) -> None:
        body = b"".join(map(encode_command_event, events))
        await exchange.send(reply(body=body, content_type=EVENT_STREAM))

    async def on_progress(progress: float, total: float | None, message: str | None) -> None:
        seen.append(message or "")

    async with (
        loopback_server(talk) as runtime,
        Client(create_server(settings(runtime.endpoint_url)), mode="legacy") as client,
    ):
        result = data_of(await client.call_tool("run_command", {"command": "make"}, progress_callback=on_progress))

    assert seen[0] == f"session_id: {result['session_id']}"
    shown = "".join(seen[1:])
    assert shown == "ared\n[stderr] warn1\n[stderr] warn2b\n100%\nPassword: \n[stderr] careful"
    assert (result["stdout"], result["stderr"]) == ("100%\nPassword: ", "warn1\nwarn2b\ncareful")


async def test_several_agents_are_an_enumeration_and_a_session_knows_its_agent() -> None:
    async with (
        loopback_server(say_hello) as runtime,
        Client(create_server(settings(runtime.endpoint_url, "alpha", "beta")), mode="legacy") as client,
    ):
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
        unnamed = await client.call_tool("invoke_agent", {"prompt": "hi"})
        unknown = await client.call_tool("invoke_agent", {"prompt": "hi", "agent": "gamma"})
        asked = data_of(await client.call_tool("invoke_agent", {"prompt": "hi", "agent": "beta"}))
        data_of(await client.call_tool("run_command", {"command": "ls", "session_id": asked["session_id"]}))
        data_of(await client.call_tool("invoke_agent", {"prompt": "hi", "agent": "alpha", "session_id": "review"}))
        data_of(await client.call_tool("run_command", {"command": "ls", "session_id": "review"}))
        listed = data_of(await client.call_tool("list_agents", {}))
        stopped = data_of(await client.call_tool("stop_session", {"session_id": "all"}))
        again = data_of(await client.call_tool("stop_session", {"session_id": asked["session_id"]}))
        nothing = await client.call_tool("stop_session", {"session_id": "all"})
        left = data_of(await client.call_tool("list_agents", {}))

    agent = tools["invoke_agent"].input_schema["properties"]["agent"]
    assert agent["enum"] == ["alpha", "beta"]
    assert "beta: knows about beta" in agent["description"]
    assert "alpha, beta" in text_of(unnamed)
    assert "alpha, beta" in text_of(unknown)
    called = [request.target.split("%2F")[1].partition("-")[0] for request in runtime.requests]
    # A session is stopped again at its agent, where it is known whether there still is one.
    assert called[:4] + sorted(called[4:6]) + called[6:] == ["beta", "beta", "alpha", "alpha", "alpha", "beta", "beta"]
    assert again["session_id"] == asked["session_id"]
    assert text_of(nothing).startswith("no session is open")
    assert [agent["name"] for agent in listed["agents"]] == ["alpha", "beta"]
    assert {session["agent"] for session in listed["sessions"]} == {"alpha", "beta"}
    assert len(stopped["stopped"]) == 2
    assert left["sessions"] == []


async def test_a_running_call_names_the_tool_that_it_is_collected_with() -> None:
    slow = slow_agent()
    with anyio.fail_after(LIMIT_S):
        async with (
            loopback_server(slow) as runtime,
            Client(
                create_server(settings(runtime.endpoint_url, "alpha", "beta", expose="agents", handoff_after_s=0.5)),
                mode="legacy",
            ) as client,
        ):
            begun = await client.call_tool("ask_beta", {"prompt": "hi"})
            slow.go_on.set()
            rest = await client.call_tool("ask_beta", {"handle": data_of(begun)["handle"]})

    assert "call ask_beta with handle" in data_of(begun)["note"]
    assert data_of(begun)["note"] in text_of(begun)
    assert data_of(rest)["text"].endswith("second")


@pytest.mark.parametrize(
    ("tool", "arguments", "end"),
    [
        ("invoke_agent", {"prompt": "hi"}, b""),
        ("invoke_agent", {"prompt": "hi"}, LAST_CHUNK),
        ("run_command", {"command": "make"}, b""),
        ("run_command", {"command": "make"}, LAST_CHUNK),
    ],
)
async def test_a_call_whose_session_is_stopped_meanwhile_says_so_and_keeps_what_came(
    tool: str, arguments: dict[str, Any], end: bytes
) -> None:
    """The stream breaks off, or just ends, before the stop is answered, as it may with the real one."""
    cut = anyio.Event()
    first = {"invoke_agent": encode_sse('"begun "'), "run_command": encode_command_event(ContentDelta("begun "))}
    content_type = {"invoke_agent": "text/event-stream", "run_command": EVENT_STREAM}
    begun = anyio.Event()
    texts: list[str] = []

    async def talk(exchange: Exchange) -> None:
        if exchange.request.target.endswith("/stopruntimesession"):
            cut.set()
            await failed.wait()
            await say_hello(exchange)
            return
        await exchange.send(chunked(content_type[tool]) + chunk(first[tool]))
        await cut.wait()
        await exchange.send(end)

    async def on_progress(progress: float, total: float | None, message: str | None) -> None:
        if "begun" in (message or ""):
            begun.set()

    failed = anyio.Event()
    with anyio.fail_after(LIMIT_S):
        async with (
            loopback_server(talk) as runtime,
            Client(create_server(settings(runtime.endpoint_url)), mode="legacy") as client,
            anyio.create_task_group() as tasks,
        ):

            async def call() -> None:
                result = await client.call_tool(tool, {**arguments, "session_id": "job"}, progress_callback=on_progress)
                texts.append(text_of(result))
                failed.set()

            tasks.start_soon(call)
            await begun.wait()
            stopped = data_of(await client.call_tool("stop_session", {"session_id": "job"}))
            afterwards = await client.call_tool("list_agents", {})

    assert stopped["status"] == "stopped"
    assert "the session was stopped while this call ran (session_id: job-" in texts[0]
    assert "may still be running" not in texts[0]
    assert texts[0].endswith("begun ")
    assert data_of(afterwards)["sessions"] == []


async def test_one_session_that_cannot_be_stopped_does_not_keep_the_others() -> None:
    async def talk(exchange: Exchange) -> None:
        session = exchange.request.header("X-Amzn-Bedrock-AgentCore-Runtime-Session-Id") or ""
        if exchange.request.target.endswith("/stopruntimesession") and session.startswith("two-"):
            await exchange.send(reply("403 Forbidden", b'{"message": "no"}', content_type="application/json"))
        else:
            await say_hello(exchange)

    async with (
        loopback_server(talk) as runtime,
        Client(create_server(settings(runtime.endpoint_url)), mode="legacy") as client,
    ):
        for name in ("one", "two", "three"):
            data_of(await client.call_tool("invoke_agent", {"prompt": "hi", "session_id": name}))
        failed = await client.call_tool("stop_session", {"session_id": "all"})
        left = data_of(await client.call_tool("list_agents", {}))["sessions"]

    assert failed.is_error
    assert "session_id: two-" in text_of(failed)
    assert "session one-" in text_of(failed)
    assert "session three-" in text_of(failed)
    assert [session["session_id"].partition("-")[0] for session in left] == ["two"]


async def test_each_agent_can_be_a_tool_of_its_own() -> None:
    async with (
        loopback_server(say_hello) as runtime,
        Client(
            create_server(settings(runtime.endpoint_url, "al-pha", "beta", expose="agents")), mode="legacy"
        ) as client,
    ):
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
        data_of(await client.call_tool("ask_al-pha", {"prompt": "hi"}))

    assert list(tools) == ["ask_al-pha", "ask_beta", "run_command", "stop_session", "list_agents", "read_output"]
    assert "agent" not in tools["ask_beta"].input_schema["properties"]
    assert (tools["ask_beta"].description or "").startswith("knows about beta")
    assert "al-pha" in runtime.requests[0].target


async def test_the_payload_is_what_the_agent_expects() -> None:
    template = {"input": {"text": "{prompt}"}, "meta": ["{session_id}", 1]}
    headers = {"X-Amzn-Bedrock-AgentCore-Runtime-Custom-Tenant": "blue"}
    async with (
        loopback_server(say_hello) as runtime,
        Client(
            create_server(settings(runtime.endpoint_url, agent={"payload": template, "headers": headers})),
            mode="legacy",
        ) as client,
    ):
        data_of(await client.call_tool("invoke_agent", {"prompt": 'say "hi"', "session_id": SESSION}))

    assert json.loads(runtime.requests[0].body) == {"input": {"text": 'say "hi"'}, "meta": [SESSION, 1]}
    assert runtime.requests[0].header("X-Amzn-Bedrock-AgentCore-Runtime-Custom-Tenant") == "blue"


async def test_a_gateway_gets_the_configured_headers_with_every_request() -> None:
    async with (
        loopback_server(say_hello) as runtime,
        Client(
            create_server(settings(runtime.endpoint_url, agent={"headers": {"X-Api-Key": "for-the-gateway"}})),
            mode="legacy",
        ) as client,
    ):
        data_of(await client.call_tool("invoke_agent", {"prompt": "hi", "session_id": SESSION}))
        data_of(await client.call_tool("run_command", {"command": "ls", "session_id": SESSION}))
        data_of(await client.call_tool("stop_session", {"session_id": SESSION}))

    assert operations(runtime) == ["invocations", "commands", "stopruntimesession"]
    assert [request.header("X-Api-Key") for request in runtime.requests] == ["for-the-gateway"] * 3


async def test_aws_gets_with_a_command_those_headers_alone_that_it_has_for_one() -> None:
    sent: list[httpx2.Request] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        sent.append(request)
        if request.url.path.endswith("/commands"):
            done = encode_command_event(ContentStop(0, "COMPLETED"))
            return httpx2.Response(200, content=done, headers={"content-type": EVENT_STREAM})
        return httpx2.Response(200, content=b"{}", headers={"content-type": "application/json"})

    headers = {"X-Amzn-Bedrock-AgentCore-Runtime-Custom-Tenant": "blue", "baggage": "tenant=blue"}
    agent = {"headers": headers, "endpoint_url": None, "auth": {"token": "not-a-real-token"}}
    server = create_server(settings("", agent=agent), transport=httpx2.MockTransport(answer))
    async with Client(server, mode="legacy") as client:
        data_of(await client.call_tool("invoke_agent", {"prompt": "hi", "session_id": SESSION}))
        data_of(await client.call_tool("run_command", {"command": "ls", "session_id": SESSION}))
        data_of(await client.call_tool("stop_session", {"session_id": SESSION}))

    own = [sorted(headers[name] for name in headers if name in request.headers) for request in sent]
    assert own == [["blue", "tenant=blue"], ["tenant=blue"], []]


@pytest.mark.parametrize("mode", MODES)
async def test_a_cancelled_call_stops_the_session_if_the_settings_say_so(mode: str) -> None:
    slow = slow_agent()
    started = anyio.Event()

    async def on_progress(progress: float, total: float | None, message: str | None) -> None:
        if "first" in (message or ""):
            started.set()

    with anyio.fail_after(LIMIT_S):
        async with (
            loopback_server(slow) as runtime,
            Client(create_server(settings(runtime.endpoint_url, agent={"on_cancel": "stop"})), mode=mode) as client,
        ):
            async with anyio.create_task_group() as tasks:

                async def call() -> None:
                    await client.call_tool("invoke_agent", {"prompt": "hi"}, progress_callback=on_progress)

                tasks.start_soon(call)
                await started.wait()
                tasks.cancel_scope.cancel()
            await slow.hung_up.wait()

    assert operations(runtime) == ["invocations", "stopruntimesession"]


@pytest.mark.parametrize(("on_exit", "ended"), [("keep", []), ("stop", ["stopruntimesession"] * 2)])
async def test_the_end_of_the_server_stops_the_sessions_if_the_settings_say_so(on_exit: str, ended: list[str]) -> None:
    async with (
        loopback_server(say_hello) as runtime,
        Client(create_server(settings(runtime.endpoint_url, on_exit=on_exit)), mode="legacy") as client,
    ):
        for name in ("one", "two"):
            data_of(await client.call_tool("invoke_agent", {"prompt": "hi", "session_id": name}))

    assert operations(runtime) == ["invocations", "invocations", *ended]


@pytest.mark.parametrize(
    ("commands", "command", "sentence"),
    [
        ({"allow": ["git *"]}, "rm -rf /", "this command is not allowed: allowed are git *; run another one"),
        ({"allow": ["git *"]}, "git log; rm -rf /", "not allowed: allowed are git *, each without ; &"),
        ({"deny": ["*rm *"]}, "sudo rm -rf /", "this command is not allowed: denied are *rm *; run"),
        (
            {"mode": "ask"},
            "ls",
            "this host can't ask; the user may set commands.without_elicitation of the agent solo to allow",
        ),
    ],
)
async def test_a_command_that_the_policy_forbids_is_not_sent(
    commands: dict[str, Any], command: str, sentence: str
) -> None:
    async with (
        loopback_server(say_hello) as runtime,
        Client(create_server(settings(runtime.endpoint_url, agent={"commands": commands})), mode="legacy") as client,
    ):
        refused = await client.call_tool("run_command", {"command": command})

    assert refused.is_error
    assert sentence in text_of(refused)
    assert runtime.requests == []


async def test_commands_that_are_off_for_every_agent_are_no_tool() -> None:
    async with (
        loopback_server(say_hello) as runtime,
        Client(
            create_server(settings(runtime.endpoint_url, agent={"commands": {"mode": "off"}})), mode="legacy"
        ) as client,
    ):
        names = [tool.name for tool in (await client.list_tools()).tools]
        refused = await client.call_tool("run_command", {"command": "ls"})

    assert "run_command" not in names
    assert refused.is_error
    assert runtime.requests == []


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("action", "runs"), [("accept", True), ("decline", False), ("cancel", False)])
async def test_the_user_is_asked_where_the_settings_say_so(mode: str, action: Any, runs: bool) -> None:
    questions: list[str] = []

    async def ask(context: Any, params: Any) -> ElicitResult:
        questions.append(params.message)
        return ElicitResult(action=action, content={"run": True} if action == "accept" else None)

    async with (
        loopback_server(say_hello) as runtime,
        Client(
            create_server(settings(runtime.endpoint_url, agent={"commands": {"mode": "ask"}})),
            mode=mode,
            elicitation_callback=ask,
        ) as client,
    ):
        result = await client.call_tool("run_command", {"command": "make install", "session_id": SESSION})

    assert len(questions) == 1
    assert "make install" in questions[0]
    assert SESSION in questions[0]
    assert result.is_error != runs
    assert operations(runtime) == (["commands"] if runs else [])


async def test_a_command_is_wrapped_in_a_shell_and_a_folder_if_the_settings_say_so() -> None:
    commands = {"shell": True, "working_directory": "/srv/my app"}
    async with (
        loopback_server(say_hello) as runtime,
        Client(create_server(settings(runtime.endpoint_url, agent={"commands": commands})), mode="legacy") as client,
    ):
        data_of(await client.call_tool("run_command", {"command": "echo 'a b' # end"}))
        empty = await client.call_tool("run_command", {"command": " "})

    sent = json.loads(runtime.requests[0].body)["command"]
    shell = await anyio.run_process(["/bin/bash", "-c", sent.replace("/srv/my app", "/tmp")])
    assert sent.startswith("/bin/bash -lc ")
    assert shell.stdout == b"a b\n"
    assert "the command is empty" in text_of(empty)


@pytest.mark.parametrize(
    ("narrowing", "names"),
    [
        ({"read_only": True}, ["invoke_agent", "list_agents", "read_output"]),
        ({"tools": {"invoke_agent", "stop_session"}}, ["invoke_agent", "stop_session"]),
    ],
)
async def test_what_the_settings_forbid_is_neither_listed_nor_callable(
    narrowing: dict[str, Any], names: list[str]
) -> None:
    async with (
        loopback_server(say_hello) as runtime,
        Client(create_server(settings(runtime.endpoint_url, **narrowing)), mode="legacy") as client,
    ):
        listed = [tool.name for tool in (await client.list_tools()).tools]
        refused = await client.call_tool("run_command", {"command": "ls"})

    assert listed == names
    assert refused.is_error
    assert runtime.requests == []


async def test_agents_of_the_configuration_are_listed_even_if_the_others_cannot_be(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    for name in ("AWS_ACCESS_KEY_ID", "AWS_PROFILE", "AWS_WEB_IDENTITY_TOKEN_FILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    mine = {"name": "mine", "arn": f"{PREFIX}/mine-0123456789", "auth": {"token": "not-a-real-token"}}
    found = Settings.model_validate({"agents": (mine,), "discover": {"region": "us-east-1"}})
    async with Client(create_server(found), mode="legacy") as client:
        listed = await client.call_tool("list_agents", {})
        unknown = await client.call_tool("invoke_agent", {"prompt": "hi", "agent": "other"})

    assert [agent["name"] for agent in data_of(listed)["agents"]] == ["mine"]
    assert "there may be more agents: can't list the runtimes: no AWS credentials found" in text_of(listed)
    assert "can't list the runtimes: no AWS credentials found" in text_of(unknown)


async def test_the_runtimes_of_an_account_are_agents_once_somebody_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    def runtime_of(name: str) -> dict[str, Any]:
        return {
            "agentRuntimeArn": f"{PREFIX}/{name}-0123456789",
            "agentRuntimeId": f"{name}-0123456789",
            "agentRuntimeName": name,
            "agentRuntimeVersion": "1",
            "description": f"knows about {name}",
            "lastUpdatedAt": "2026-01-01T00:00:00Z",
            "status": "READY",
        }

    async def control_plane(exchange: Exchange) -> None:
        body = json.dumps(
            {"agentRuntimes": [runtime_of(name) for name in ("prod_one", "test_two", "prod_three")]}
        ).encode()
        await exchange.send(reply(body=body, content_type="application/json"))

    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "not-a-real-secret")
    async with loopback_server(control_plane) as control:
        monkeypatch.setenv("AWS_ENDPOINT_URL_BEDROCK_AGENTCORE_CONTROL", control.endpoint_url)
        # It has another name here, and stays the one agent that it is.
        mine = {"name": "mine", "arn": f"{PREFIX}/prod_three-0123456789", "auth": {"token": "not-a-real-token"}}
        found = Settings.model_validate({"agents": (mine,), "discover": {"region": "us-east-1", "include": ["prod_*"]}})
        async with Client(create_server(found), mode="legacy") as client:
            tools = {tool.name: tool for tool in (await client.list_tools()).tools}
            asked_at_start = len(control.requests)
            listed = [data_of(await client.call_tool("list_agents", {})) for _ in range(2)]
            unknown = await client.call_tool("invoke_agent", {"prompt": "hi", "agent": "test_two"})

    assert asked_at_start == 0
    assert tools["invoke_agent"].input_schema["properties"]["agent"]["type"] == "string"
    assert [agent["name"] for agent in listed[0]["agents"]] == ["mine", "prod_one"]
    assert listed[0] == listed[1]
    assert "one of mine, prod_one" in text_of(unknown)
    assert len(control.requests) == 1

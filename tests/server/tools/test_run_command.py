"""Running a command: whether it may be, what is sent, and what of its output is shown."""

from __future__ import annotations

import json
from typing import Any

import anyio
import pytest
from mcp import Client

from agentcore_mcp.config.commands import CommandPolicy
from agentcore_mcp.server.assembly import create_server
from agentcore_mcp.wire.eventstream import CommandEvent, ContentDelta, ContentStop, encode_command_event
from tests.support.agentcore import new_session_id
from tests.support.servers import Exchange, loopback_server, reply
from tests.support.tools import (
    EVENT_STREAM,
    data_of,
    say_hello,
    settings,
    text_of,
)


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


async def test_nothing_is_typed_where_commands_are_off_for_one_agent_not_even_a_key() -> None:
    both = settings("http://127.0.0.1:9", "a", "b")
    off = both.agents[0].model_copy(update={"commands": CommandPolicy(mode="off")})
    server = create_server(both.model_copy(update={"agents": (off, both.agents[1])}))
    async with Client(server, mode="legacy") as client:
        for text in ("^C", "\n", "ls"):
            given = {"agent": "a", "session_id": new_session_id(), "shell": "main", "input": text}
            assert "commands are switched off" in text_of(await client.call_tool("run_command", given))

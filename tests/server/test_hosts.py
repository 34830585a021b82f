"""What each host can take, by the name that it gives: when a call is handed over, and how much a result shows."""

from __future__ import annotations

import json
from typing import Any

import pytest
from mcp import Client
from mcp.types import Implementation

from agentcore_mcp.server.assembly import create_server
from agentcore_mcp.wire.eventstream import ContentDelta, ContentStop, encode_command_event
from tests.support.mcp_hosts import MODES
from tests.support.servers import Exchange, loopback_server, reply
from tests.support.tools import EVENT_STREAM, data_of, settings, text_of

# clientInfo.name, whether calls are handed over to it, and how many characters of a result it shows.
HOSTS = [
    ("claude-ai", True, 38_000),
    ("claude-code", False, 38_000),
    ("Cline", True, 4_200),
    ("@cline/core", True, 4_200),
    ("codex-mcp-client", True, 11_000),
    ("continue-cli-client", True, 38_000),
    ("gemini-cli-mcp-client", True, 38_000),
    ("qwen-cli-mcp-client-agentcore", True, 12_000),
    ("opencode", False, 38_000),
    ("mcp", False, 38_000),
]


def client_of(server: Any, name: str, mode: str = "legacy") -> Client:
    return Client(server, mode=mode, client_info=Implementation(name=name, version="1"))


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("name", "hands_off", "_"), HOSTS)
async def test_calls_can_be_collected_by_a_host_that_gives_up(name: str, hands_off: bool, _: int, mode: str) -> None:
    async with client_of(create_server(settings("http://127.0.0.1:9")), name, mode) as client:
        tools = {tool.name: tool.input_schema for tool in (await client.list_tools()).tools}
        collected = await client.call_tool("invoke_agent", {"handle": "no such handle"})

    for tool, begins in (("invoke_agent", "prompt"), ("run_command", "command")):
        assert ("handle" in tools[tool]["properties"]) is hands_off
        # A command in a shell is waited for by the shell's name alone, so none need be given.
        optional = hands_off or tool == "run_command"
        assert tools[tool]["required"] == ([] if optional else [begins])
        assert ("default" in tools[tool]["properties"][begins]) is optional
    told = "no call has the handle" if hands_off else "there is no argument 'handle'"
    assert told in text_of(collected)


@pytest.mark.parametrize(("name", "_", "shows"), HOSTS)
@pytest.mark.parametrize("failing", [False, True])
async def test_a_result_is_no_longer_than_its_host_shows(name: str, _: bool, shows: int, failing: bool) -> None:
    """With what stands around the words, in either channel, and so is an error's text and a part that is read."""
    words = "".join(f"line {number} of a long text that says little\n" for number in range(4_000))
    stop = b"" if failing else encode_command_event(ContentStop(1, "TIMED_OUT"))

    async def talk(exchange: Exchange) -> None:
        if exchange.request.target.endswith("/commands"):
            body = encode_command_event(ContentDelta(words, words)) + stop
            await exchange.send(reply(body=body, content_type=EVENT_STREAM))
        else:
            await exchange.send(reply(body=json.dumps(words).encode(), content_type="application/json"))

    long_id = {"session_id": "s" * 256}
    async with (
        loopback_server(talk) as runtime,
        client_of(create_server(settings(runtime.endpoint_url)), name) as client,
    ):
        ran = await client.call_tool("run_command", {"command": "make", **long_id})
        asked = await client.call_tool("invoke_agent", {"prompt": "hi", **long_id})
        read = await client.call_tool("read_output", {"handle": data_of(asked)["handle"]})

    assert ran.is_error is failing
    for result in (ran, asked, read):
        assert shows * 0.45 < len(text_of(result)) <= shows
        # In JSON a line end is two characters.
        assert len(json.dumps(result.structured_content).replace("\\n", "\n")) <= shows
    assert "were left out" in text_of(ran)


async def test_what_is_configured_comes_first() -> None:
    async def talk(exchange: Exchange) -> None:
        await exchange.send(reply(body=json.dumps("x" * 90_000).encode(), content_type="application/json"))

    async with loopback_server(talk) as runtime:
        server = create_server(settings(runtime.endpoint_url, handoff_after_s=5, result_max_chars=80_000))
        async with client_of(server, "Cline") as client:
            asked = await client.call_tool("invoke_agent", {"prompt": "hi"})
        async with client_of(server, "opencode") as client:
            tools = {tool.name: tool.input_schema for tool in (await client.list_tools()).tools}

    assert 70_000 < len(text_of(asked)) <= 80_000
    assert "handle" in tools["invoke_agent"]["properties"]

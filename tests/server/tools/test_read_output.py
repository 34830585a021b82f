"""What results and errors left out, read by its handle."""

from __future__ import annotations

import json
import re

import anyio
from mcp import Client

from agentcore_mcp.server.assembly import create_server
from agentcore_mcp.wire.eventstream import ContentDelta, ContentStop, encode_command_event
from tests.support.servers import Exchange, loopback_server, reply
from tests.support.sse import encode_sse
from tests.support.tools import (
    EVENT_STREAM,
    HANDOFF_S,
    Slow,
    begun,
    collected,
    data_of,
    read_all,
    settings,
    text_of,
)
from tests.support.waiting import WAIT_S


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

    assert result["omitted_chars"] == len(answer) - 37_000
    assert read == answer
    assert "no call has the handle" in text_of(unknown)
    assert "1 to 40000" in text_of(too_much)


async def test_what_is_more_than_is_kept_is_said_with_the_result() -> None:
    pieces = [encode_command_event(ContentDelta(stdout="0123456789abcde\n" * 65_536)) for _ in range(34)]
    frames = b"".join([*pieces, encode_command_event(ContentStop(0, "COMPLETED"))])

    async def talk(exchange: Exchange) -> None:
        await exchange.send(reply(body=frames, content_type=EVENT_STREAM))

    async with (
        loopback_server(talk) as runtime,
        Client(create_server(settings(runtime.endpoint_url)), mode="legacy") as client,
    ):
        result = data_of(await client.call_tool("run_command", {"command": "long"}))
        last = data_of(await client.call_tool("read_output", {"handle": result["handle"], "offset": 33_554_425}))

    assert result["note"].endswith("; of stdout, the 2,097,152 bytes after the first 33,554,432 are not kept")
    assert "read them with read_output, handle" in result["note"]
    assert (last["text"], last["dropped_bytes"]) == ("9abcde\n", 2_097_152)


async def test_what_the_result_of_a_running_call_left_out_can_be_read_when_it_has_ended() -> None:
    answer = "".join(f"line {number:04}\n" for number in range(10_000))
    slow = Slow(encode_sse(json.dumps(answer)), encode_sse('"END"'), "text/event-stream")
    with anyio.fail_after(WAIT_S):
        async with (
            loopback_server(slow) as runtime,
            Client(create_server(settings(runtime.endpoint_url, handoff_after_s=HANDOFF_S)), mode="legacy") as client,
        ):
            first = data_of(await begun(client, "invoke_agent", {"prompt": "hi"}))
            slow.go_on.set()
            rest = await collected(client, "invoke_agent", first["handle"])
            read = await read_all(client, rest["handle"])

    assert first["omitted_chars"] == len(answer) - 37_000
    assert "63,000 characters were left out: read them with read_output" in first["note"]
    assert (rest["status"], rest["text"], "omitted_chars" in rest) == ("COMPLETED", "END", False)
    assert "63,000 characters were left out" in rest["note"]
    assert read == f"{answer}END"


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
            r"68,0\d\d characters were left out: read them with read_output, handle '(.+)'", text_of(failed)
        )
        assert named is not None
        read = await read_all(client, named[1])
        other = data_of(await client.call_tool("read_output", {"handle": named[1], "stream": "stderr"}))

    assert failed.is_error
    assert (read, other["text"]) == (stdout, stderr)

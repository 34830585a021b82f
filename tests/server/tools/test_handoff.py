"""Calls that are waited for, handed over, and collected by their handle."""

from __future__ import annotations

import re
from typing import Any

import anyio
import pytest
from mcp import Client

from agentcore_mcp.server.assembly import create_server
from agentcore_mcp.wire.eventstream import ContentDelta, ContentStop, encode_command_event
from tests.support.mcp_hosts import MODES
from tests.support.servers import Exchange, loopback_server, reply
from tests.support.tools import (
    EVENT_STREAM,
    HANDOFF_S,
    Slow,
    begun,
    collected,
    data_of,
    operations,
    settings,
    slow_agent,
    slow_command,
    text_of,
)
from tests.support.waiting import WAIT_S


@pytest.mark.parametrize("mode", MODES)
async def test_a_call_that_takes_too_long_for_the_host_is_collected_later(mode: str) -> None:
    slow = slow_agent()
    with anyio.fail_after(WAIT_S):
        async with (
            loopback_server(slow) as runtime,
            Client(create_server(settings(runtime.endpoint_url, handoff_after_s=HANDOFF_S)), mode=mode) as client,
        ):
            first = await begun(client, "invoke_agent", {"prompt": "hi"})
            waited = await client.call_tool("invoke_agent", {"handle": data_of(first)["handle"]})
            slow.go_on.set()
            rest = await collected(client, "invoke_agent", data_of(first)["handle"])
            again = await client.call_tool("invoke_agent", {"handle": data_of(first)["handle"]})

    assert (data_of(first)["status"], data_of(first)["text"]) == ("RUNNING", "first ")
    assert data_of(first)["handle"] in text_of(first)
    assert (data_of(waited)["status"], data_of(waited)["text"]) == ("RUNNING", "")
    assert (rest["status"], rest["text"]) == ("COMPLETED", "second")
    assert rest["session_id"] == data_of(first)["session_id"]
    assert again.is_error
    assert len(runtime.requests) == 1


async def test_a_running_command_is_collected_with_its_exit_code_and_can_be_read_meanwhile() -> None:
    slow = slow_command()
    with anyio.fail_after(WAIT_S):
        async with (
            loopback_server(slow) as runtime,
            Client(create_server(settings(runtime.endpoint_url, handoff_after_s=HANDOFF_S)), mode="legacy") as client,
        ):
            first = data_of(await begun(client, "run_command", {"command": "make"}))
            read = data_of(await client.call_tool("read_output", {"handle": first["handle"], "stream": "stderr"}))
            wrong = await client.call_tool("invoke_agent", {"handle": first["handle"]})
            slow.go_on.set()
            rest = await collected(client, "run_command", first["handle"])

    assert (first["status"], first["exit_code"], first["stdout"]) == ("RUNNING", None, "first\n")
    assert (read["text"], read["finished"]) == ("careful\n", False)
    assert "a call of run_command" in text_of(wrong)
    assert (rest["status"], rest["exit_code"], rest["stdout"], rest["stderr"]) == ("COMPLETED", 3, "second\n", "")


async def test_a_call_that_nobody_collected_ends_with_the_server() -> None:
    slow = slow_agent()
    with anyio.fail_after(WAIT_S):
        async with loopback_server(slow) as runtime:
            async with Client(
                create_server(settings(runtime.endpoint_url, handoff_after_s=HANDOFF_S)), mode="legacy"
            ) as client:
                await client.call_tool("invoke_agent", {"prompt": "hi"})
            await slow.hung_up.wait()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"prompt": "something new"}, "so prompt can't be combined with it; pass the handle alone"),
        (
            {"prompt": "new", "session_id": "review", "raw_events": True},
            "so prompt, session_id, raw_events can't be combined",
        ),
        ({"agent": "beta"}, "is of a call of alpha, not of beta"),
    ],
)
async def test_a_handle_with_more_than_its_agent_is_refused_and_still_good(
    arguments: dict[str, Any], sentence: str
) -> None:
    slow = slow_agent()
    with anyio.fail_after(WAIT_S):
        async with (
            loopback_server(slow) as runtime,
            Client(
                create_server(settings(runtime.endpoint_url, "alpha", "beta", handoff_after_s=HANDOFF_S)), mode="legacy"
            ) as client,
        ):
            first = data_of(await begun(client, "invoke_agent", {"prompt": "hi", "agent": "alpha"}))
            refused = await client.call_tool("invoke_agent", {"handle": first["handle"], **arguments})
            data_of(await client.call_tool("invoke_agent", {"handle": first["handle"], "agent": "alpha"}))
            slow.go_on.set()
            rest = await collected(client, "invoke_agent", first["handle"])

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
    with anyio.fail_after(WAIT_S):
        async with (
            loopback_server(slow) as runtime,
            Client(create_server(settings(runtime.endpoint_url, handoff_after_s=HANDOFF_S)), mode="legacy") as client,
        ):
            first = data_of(await begun(client, "run_command", {"command": "login"}))
            slow.go_on.set()
            rest = await collected(client, "run_command", first["handle"])

    assert (first["stdout"], first["stderr"]) == ("Password: ", "50%")
    assert (rest["stdout"], rest["stderr"]) == ("***\nin\n", "\n100%\n")


async def test_a_running_call_names_the_tool_that_it_is_collected_with() -> None:
    slow = slow_agent()
    with anyio.fail_after(WAIT_S):
        async with (
            loopback_server(slow) as runtime,
            Client(
                create_server(
                    settings(runtime.endpoint_url, "alpha", "beta", expose="agents", handoff_after_s=HANDOFF_S)
                ),
                mode="legacy",
            ) as client,
        ):
            first = await begun(client, "ask_beta", {"prompt": "hi"})
            slow.go_on.set()
            rest = await collected(client, "ask_beta", data_of(first)["handle"])

    assert "call ask_beta with handle" in data_of(first)["note"]
    assert data_of(first)["note"] in text_of(first)
    assert rest["text"] == "second"


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ((36_000, 900), (36_000, 900)),
        ((10, 36_000), (10, 36_000)),
        ((35_000, 20_000), (27_750, 9_250)),
        ((100_000, 2_000), (35_000, 2_000)),
        ((5_000, 100_000), (5_000, 32_000)),
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


@pytest.mark.parametrize("mode", MODES)
async def test_a_cancelled_call_stops_the_session_if_the_settings_say_so(mode: str) -> None:
    slow = slow_agent()
    started = anyio.Event()

    async def on_progress(progress: float, total: float | None, message: str | None) -> None:
        if "first" in (message or ""):
            started.set()

    with anyio.fail_after(WAIT_S):
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

"""Calls that a live view watches: pieces by offset, the end, and cancelling, without collecting the call."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import anyio
import pytest

from agentcore_mcp.local.agentcore import LocalAgentCore
from agentcore_mcp.server.assembly import create_server
from agentcore_mcp.wire.eventstream import ContentDelta, ContentStop, encode_command_event
from agentcore_mcp.wire.ids import RuntimeArn
from tests.support.agentcore import new_session_id
from tests.support.apps import app_host, watched
from tests.support.hosted import hosted_server
from tests.support.mcp_hosts import MODES
from tests.support.principals import ALICE, BOB, calling_as
from tests.support.redis import redis_server
from tests.support.servers import loopback_server
from tests.support.sse import encode_sse
from tests.support.tools import (
    EVENT_STREAM,
    HANDOFF_S,
    Slow,
    collected,
    data_of,
    operations,
    settings,
    slow_agent,
    slow_command,
    text_of,
)
from tests.support.waiting import WAIT_S

if TYPE_CHECKING:
    from pathlib import Path

LIVE: dict[str, Any] = {"live_handoff_after_s": HANDOFF_S}


@pytest.mark.parametrize("mode", MODES)
async def test_a_call_is_handed_over_early_and_watched_to_its_end_without_being_collected(mode: str) -> None:
    slow = slow_command()
    with anyio.fail_after(WAIT_S):
        async with (
            loopback_server(slow) as runtime,
            app_host(create_server(settings(runtime.endpoint_url, **LIVE)), mode) as client,
        ):
            first = data_of(await client.call_tool("run_command", {"command": "make"}))
            slow.go_on.set()
            came, last = await watched(client, first["handle"])
            again, _ = await watched(client, first["handle"])
            rest = await collected(client, "run_command", first["handle"])

    assert first["status"] == "RUNNING"
    assert "live view" in first["note"]
    assert came == "stdout: first\nsecond\n\nstderr: careful\n"
    assert again == came
    assert (last["status"], last["exit_code"], last["tool"]) == ("COMPLETED", 3, "run_command")
    assert (rest["exit_code"], first["stdout"] + rest["stdout"]) == (3, "first\nsecond\n")


async def test_pieces_are_as_the_command_wrote_them_in_their_order() -> None:
    frames = [ContentDelta("\x1b[31mred\r"), ContentDelta(stderr="no\x1b[0m"), ContentDelta("\x1b]8;;x\x07")]
    ends = encode_command_event(frames[2]) + encode_command_event(ContentStop(0, "COMPLETED"))
    slow = Slow(b"".join(map(encode_command_event, frames[:2])), ends, EVENT_STREAM)
    with anyio.fail_after(WAIT_S):
        async with (
            loopback_server(slow) as runtime,
            app_host(create_server(settings(runtime.endpoint_url, **LIVE))) as client,
        ):
            handle = data_of(await client.call_tool("run_command", {"command": "make"}))["handle"]
            slow.go_on.set()
            await watched(client, handle)
            seen = data_of(await client.call_tool("watch_call", {"handle": handle}))

    pieces = [(kind, text) for _, kind, text in seen["pieces"]]
    assert pieces[0][0] == "began"
    assert pieces[1:] == [("stdout", "\x1b[31mred\r"), ("stderr", "no\x1b[0m"), ("stdout", "\x1b]8;;x\x07")]


@pytest.mark.parametrize("offset", [1, 5, 30])
async def test_an_offset_inside_a_piece_is_refused(offset: int) -> None:
    slow = slow_command()
    with anyio.fail_after(WAIT_S):
        async with (
            loopback_server(slow) as runtime,
            app_host(create_server(settings(runtime.endpoint_url, **LIVE))) as client,
        ):
            handle = data_of(await client.call_tool("run_command", {"command": "make"}))["handle"]
            refused = await client.call_tool("watch_call", {"handle": handle, "offset": offset})
            beyond = await client.call_tool("watch_call", {"handle": handle, "offset": 10**15})
            slow.go_on.set()

    assert "offset has to be 0, or next_offset" in text_of(refused)
    assert data_of(beyond)["pieces"] == []


async def test_a_watcher_is_told_at_once_what_comes_and_waits_no_longer_than_it_wants() -> None:
    slow = slow_agent()
    with anyio.fail_after(WAIT_S):
        async with (
            loopback_server(slow) as runtime,
            app_host(create_server(settings(runtime.endpoint_url, **LIVE))) as client,
        ):
            handle = data_of(await client.call_tool("invoke_agent", {"prompt": "hi"}))["handle"]
            offset, text = 0, ""
            while "first" not in text:
                seen = data_of(
                    await client.call_tool("watch_call", {"handle": handle, "offset": offset, "wait_seconds": 25})
                )
                offset, text = seen["next_offset"], text + "".join(piece[2] for piece in seen["pieces"])
            silent = data_of(
                await client.call_tool("watch_call", {"handle": handle, "offset": offset, "wait_seconds": 1})
            )

    assert (silent["status"], silent["pieces"], silent["next_offset"]) == ("RUNNING", [], offset)


async def test_a_watcher_hears_of_a_question_as_soon_as_of_words() -> None:
    with LocalAgentCore(app="tests.support.agents.probe:app") as local, anyio.fail_after(WAIT_S):
        chosen = settings(local.endpoint_url, agent={"arn": RuntimeArn.parse(local.agent_runtime_arn)}, **LIVE)
        async with app_host(create_server(chosen)) as client:
            command = "read -p 'Sure? ' answer; echo $answer"
            given = {"command": command, "shell": "main", "session_id": new_session_id()}
            handle = data_of(await client.call_tool("run_command", given))["handle"]
            seen: dict[str, Any] = {"next_offset": 0}
            looks = 0
            while not seen.get("asks"):
                look = {"handle": handle, "offset": seen["next_offset"], "wait_seconds": 25}
                seen = data_of(await client.call_tool("watch_call", look))
                looks += 1

    assert seen["asks"] == "Sure? "
    assert looks < 10


@pytest.mark.parametrize("on_cancel", ["keep", "stop"])
async def test_cancelling_ends_the_call_and_the_session_if_so_configured(on_cancel: str) -> None:
    slow = slow_agent()
    with anyio.fail_after(WAIT_S):
        async with loopback_server(slow) as runtime:
            chosen = settings(runtime.endpoint_url, agent={"on_cancel": on_cancel}, **LIVE)
            async with app_host(create_server(chosen)) as client:
                handle = data_of(await client.call_tool("invoke_agent", {"prompt": "hi"}))["handle"]
                await client.call_tool("watch_call", {"handle": handle, "cancel": True})
                _, last = await watched(client, handle)
                await slow.hung_up.wait()
                collected_later = await client.call_tool("invoke_agent", {"handle": handle})

    assert last["status"] == "FAILED"
    assert "the user cancelled this call" in last["error"]
    assert "the user cancelled this call" in text_of(collected_later)
    assert operations(runtime)[1:] == (["stopruntimesession"] if on_cancel == "stop" else [])


async def test_what_a_call_failed_with_is_told() -> None:
    failure = '{"error": "Bad", "error_type": "E", "message": "An error occurred during streaming"}'
    slow = Slow(encode_sse('"hm "'), encode_sse(failure), "text/event-stream")
    with anyio.fail_after(WAIT_S):
        async with (
            loopback_server(slow) as runtime,
            app_host(create_server(settings(runtime.endpoint_url, **LIVE))) as client,
        ):
            handle = data_of(await client.call_tool("invoke_agent", {"prompt": "hi"}))["handle"]
            slow.go_on.set()
            came, last = await watched(client, handle)

    assert came == "text: hm "
    assert last["status"] == "FAILED"
    assert "Bad" in last["error"]


@pytest.mark.parametrize(
    "arguments", [{"offset": -1}, {"wait_seconds": 26}, {"wait_seconds": -1}, {"handle": "nobody-has-it"}]
)
async def test_what_can_not_be_watched_is_refused(arguments: dict[str, object]) -> None:
    async with app_host(create_server(settings("http://127.0.0.1:9"))) as client:
        refused = await client.call_tool("watch_call", {"handle": "x" * 12, **arguments})

    assert refused.is_error


async def test_nobody_watches_the_call_of_somebody_else() -> None:
    slow = slow_agent()
    with anyio.fail_after(WAIT_S):
        async with loopback_server(slow) as runtime:
            server = create_server(settings(runtime.endpoint_url, **LIVE))
            async with app_host(server) as client:
                with calling_as(ALICE):
                    handle = data_of(await client.call_tool("invoke_agent", {"prompt": "hi"}))["handle"]
                with calling_as(BOB):
                    other = await client.call_tool("watch_call", {"handle": handle, "cancel": True})
                with calling_as(ALICE):
                    mine = data_of(await client.call_tool("watch_call", {"handle": handle}))

    assert other.is_error
    assert mine["status"] == "RUNNING"


@pytest.mark.parametrize("cancels", [False, True])
async def test_a_call_is_watched_and_cancelled_at_another_worker(tmp_path: Path, cancels: bool) -> None:
    slow = slow_command()
    with redis_server(tmp_path) as redis, anyio.fail_after(WAIT_S):
        async with loopback_server(slow) as runtime:
            chosen = settings(runtime.endpoint_url, server={"store": redis.url}, **LIVE)
            async with app_host(create_server(chosen)) as a, app_host(create_server(chosen)) as b:
                handle = data_of(await a.call_tool("run_command", {"command": "make"}))["handle"]
                if cancels:
                    await b.call_tool("watch_call", {"handle": handle, "cancel": True})
                else:
                    slow.go_on.set()
                came, last = await watched(b, handle)
                if not cancels:
                    rest = await collected(b, "run_command", handle)

    if cancels:
        assert last["status"] == "FAILED"
        assert "the user cancelled this call" in last["error"]
    else:
        assert came == "stdout: first\nsecond\n\nstderr: careful\n"
        assert (last["status"], last["exit_code"], rest["exit_code"]) == ("COMPLETED", 3, 3)


async def test_watching_counts_for_no_limit_of_calls(tmp_path: Path) -> None:
    limits = "[server.limits]\ncalls_per_minute = 1"
    async with hosted_server(tmp_path, agents={"one": ""}, auth=limits) as server:
        looks = [await server.call("watch_call", {"handle": "x" * 12}, server.token()) for _ in range(3)]
        calls = [await server.call("list_agents", {}, server.token()) for _ in range(2)]

    assert [look.status_code for look in looks] == [200, 200, 200]
    assert [call.status_code for call in calls] == [200, 429]

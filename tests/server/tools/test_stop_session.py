"""Stopping sessions, for a caller and at the end of the server."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import anyio
import httpx2
import pytest
from mcp import Client

from agentcore_mcp.runtime.retries import Retries
from agentcore_mcp.server.assembly import create_server
from agentcore_mcp.server.call import Call
from agentcore_mcp.server.hosted.principals import ANYBODY
from agentcore_mcp.server.output import RESULT_MAX_CHARS
from agentcore_mcp.server.stops import STOPS_AT_ONCE
from agentcore_mcp.wire.eventstream import ContentDelta, ContentStop, encode_command_event
from agentcore_mcp.wire.headers import SESSION_HEADER
from tests.support.servers import LAST_CHUNK, Exchange, LoopbackServer, chunk, chunked, head, loopback_server, reply
from tests.support.sse import encode_sse
from tests.support.tools import (
    EVENT_STREAM,
    SESSION,
    data_of,
    operations,
    say_hello,
    settings,
    slow_agent,
    text_of,
)
from tests.support.waiting import WAIT_S, until

if TYPE_CHECKING:
    from agentcore_mcp.server.assembly import AgentCoreServer


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
    with anyio.fail_after(WAIT_S):
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


def stopped_at(runtime: LoopbackServer) -> list[str]:
    """Return the agents that were asked to stop a session, sorted, since they are asked all at once."""
    stops = [request.target for request in runtime.requests if request.target.endswith("/stopruntimesession")]
    return sorted(target.split("%2F")[1].partition("-")[0] for target in stops)


async def test_one_id_with_two_agents_is_two_sessions_until_each_is_stopped() -> None:
    async with (
        loopback_server(say_hello) as runtime,
        Client(create_server(settings(runtime.endpoint_url, "alpha", "beta", "gamma")), mode="legacy") as client,
    ):
        for agent in ("alpha", "beta"):
            data_of(await client.call_tool("invoke_agent", {"prompt": "hi", "agent": agent, "session_id": SESSION}))
        listed = data_of(await client.call_tool("list_agents", {}))["sessions"]
        unclear = await client.call_tool("stop_session", {"session_id": SESSION})
        of_beta = data_of(await client.call_tool("stop_session", {"session_id": "all", "agent": "beta"}))
        stopped = stopped_at(runtime)
        the_other = data_of(await client.call_tool("stop_session", {"session_id": SESSION}))
        left = data_of(await client.call_tool("list_agents", {}))["sessions"]

    assert [(session["agent"], session["session_id"]) for session in listed] == [("alpha", SESSION), ("beta", SESSION)]
    assert "no agent is named; pass agent, one of" in text_of(unclear)
    assert of_beta["stopped"] == the_other["stopped"] == [SESSION]
    assert stopped == ["beta"]
    assert stopped_at(runtime) == ["alpha", "beta"]
    assert left == []


async def test_one_id_with_two_agents_is_stopped_at_both_when_all_are() -> None:
    async with (
        loopback_server(say_hello) as runtime,
        Client(create_server(settings(runtime.endpoint_url, "alpha", "beta")), mode="legacy") as client,
    ):
        for agent in ("alpha", "beta"):
            data_of(await client.call_tool("run_command", {"command": "ls", "agent": agent, "session_id": SESSION}))
        result = data_of(await client.call_tool("stop_session", {"session_id": "all"}))

    assert result["stopped"] == [SESSION, SESSION]
    assert stopped_at(runtime) == ["alpha", "beta"]


async def begin_end(server: AgentCoreServer) -> None:
    """Begin the end of a server as a signal does, with more time for it than a host gives: the machine may be busy."""
    await server.state.end()
    server.state.end_by = anyio.current_time() + WAIT_S


async def test_one_id_with_two_agents_is_stopped_at_both_at_the_end() -> None:
    async with loopback_server(say_hello) as runtime:
        server = create_server(settings(runtime.endpoint_url, "alpha", "beta", on_exit="stop"))
        async with Client(server, mode="legacy") as client:
            for agent in ("alpha", "beta"):
                data_of(await client.call_tool("invoke_agent", {"prompt": "hi", "agent": agent, "session_id": SESSION}))
            await begin_end(server)

    assert stopped_at(runtime) == ["alpha", "beta"]


@pytest.mark.parametrize(
    ("tool", "arguments"), [("invoke_agent", {"prompt": "hi"}), ("run_command", {"command": "ls"})]
)
async def test_a_session_other_than_the_one_asked_for_is_told_listed_and_stopped(
    tool: str, arguments: dict[str, Any]
) -> None:
    other = "another-session-than-the-one-asked-for-01"
    messages: list[str | None] = []

    async def talk(exchange: Exchange) -> None:
        named = {SESSION_HEADER: other}
        if exchange.request.target.endswith("/commands"):
            frames = encode_command_event(ContentDelta("done\n")) + encode_command_event(ContentStop(0, "COMPLETED"))
            await exchange.send(reply(body=frames, content_type="application/vnd.amazon.eventstream", **named))
        elif exchange.request.target.endswith("/invocations"):
            await exchange.send(reply(body=b'"hello"', content_type="application/json", **named))
        else:
            await say_hello(exchange)

    async def on_progress(progress: float, total: float | None, message: str | None) -> None:
        messages.append(message)

    async with (
        loopback_server(talk) as runtime,
        Client(create_server(settings(runtime.endpoint_url)), mode="legacy") as client,
    ):
        # Twice: the second time the session is known.
        for _ in range(2):
            result = data_of(await client.call_tool(tool, arguments, progress_callback=on_progress))
        listed = data_of(await client.call_tool("list_agents", {}))["sessions"]
        stopped = data_of(await client.call_tool("stop_session", {"session_id": "all"}))["stopped"]
        left = data_of(await client.call_tool("list_agents", {}))["sessions"]

    assert result["session_id"] == other
    assert [session["session_id"] for session in listed] == stopped == [other]
    assert runtime.requests[-1].header(SESSION_HEADER) == other
    assert f"session_id: {other}" in "".join(message or "" for message in messages)
    assert left == []


@pytest.mark.parametrize("name", ["review", SESSION])
async def test_a_session_that_another_one_answers_for_is_stopped_by_what_the_caller_called_it(name: str) -> None:
    other = "another-session-than-the-one-asked-for-01"

    async def talk(exchange: Exchange) -> None:
        await exchange.send(reply(body=b'"hello"', content_type="application/json", **{SESSION_HEADER: other}))

    async with (
        loopback_server(talk) as runtime,
        Client(create_server(settings(runtime.endpoint_url)), mode="legacy") as client,
    ):
        data_of(await client.call_tool("invoke_agent", {"prompt": "hi", "session_id": name}))
        stopped = data_of(await client.call_tool("stop_session", {"session_id": name}))
        left = data_of(await client.call_tool("list_agents", {}))["sessions"]

    assert stopped["stopped"] == [other]
    assert runtime.requests[-1].header(SESSION_HEADER) == other
    assert left == []


async def test_a_failure_names_the_session_that_failed_and_not_the_one_asked_for() -> None:
    other = "another-session-than-the-one-asked-for-01"

    async def talk(exchange: Exchange) -> None:
        begun = head(content_type="text/event-stream", transfer_encoding="chunked", **{SESSION_HEADER: other})
        await exchange.send(begun + chunk(encode_sse('"begun "')))

    async with (
        loopback_server(talk) as runtime,
        Client(create_server(settings(runtime.endpoint_url)), mode="legacy") as client,
    ):
        failed = await client.call_tool("invoke_agent", {"prompt": "hi", "session_id": SESSION})

    assert failed.is_error
    assert f"session_id: {other}" in text_of(failed)
    assert SESSION not in text_of(failed)


async def test_hundreds_of_sessions_are_counted_and_the_last_used_of_them_listed() -> None:
    """The ids are as long as they may be, so that what is shown is as much as it may be."""
    opened = [f"{number:0256}" for number in range(120)]
    may_stop = anyio.Event()

    async def talk(exchange: Exchange) -> None:
        session = exchange.request.header(SESSION_HEADER)
        refused = exchange.request.target.endswith("/stopruntimesession") and session == opened[0]
        if refused and not may_stop.is_set():
            await exchange.send(reply("403 Forbidden", b'{"message": "no"}', content_type="application/json"))
        else:
            await say_hello(exchange)

    async with (
        loopback_server(talk) as runtime,
        Client(create_server(settings(runtime.endpoint_url)), mode="legacy") as client,
    ):
        for session in opened:
            data_of(await client.call_tool("invoke_agent", {"prompt": "hi", "session_id": session}))
        listed = await client.call_tool("list_agents", {})
        failed = await client.call_tool("stop_session", {"session_id": "all"})
        may_stop.set()
        for session in opened[1:]:
            data_of(await client.call_tool("invoke_agent", {"prompt": "hi", "session_id": session}))
        stopped = await client.call_tool("stop_session", {"session_id": "all"})
        left = data_of(await client.call_tool("list_agents", {}))

    shown = [session["session_id"] for session in data_of(listed)["sessions"]]
    assert shown == opened[-len(shown) :]
    assert data_of(listed)["note"] == f"120 sessions are open; listed are the {len(shown)} used last"
    assert data_of(listed)["note"] in text_of(listed)
    assert failed.is_error
    assert text_of(failed).endswith(f"\nand {119 - len(shown)} more")
    assert data_of(stopped)["count"] == 120
    assert text_of(stopped).endswith(f"\nand {120 - len(shown)} more")
    for result in (listed, failed, stopped):
        assert len(text_of(result)) < RESULT_MAX_CHARS
        assert len(json.dumps(result.structured_content)) < RESULT_MAX_CHARS
    assert (left["sessions"], "note" in left) == ([], False)


@pytest.mark.parametrize("everyone", ["ALL", "All", " all "])
async def test_all_means_all_however_it_is_written(everyone: str) -> None:
    async with (
        loopback_server(say_hello) as runtime,
        Client(create_server(settings(runtime.endpoint_url)), mode="legacy") as client,
    ):
        asked = data_of(await client.call_tool("invoke_agent", {"prompt": "hi"}))
        no_name = await client.call_tool("invoke_agent", {"prompt": "hi", "session_id": everyone})
        stopped = data_of(await client.call_tool("stop_session", {"session_id": everyone}))

    assert "is no name for a session" in text_of(no_name)
    assert (stopped["session_id"], stopped["stopped"]) == ("all", [asked["session_id"]])


async def test_what_could_not_be_stopped_at_the_end_is_logged_the_last_used_first(
    caplog: pytest.LogCaptureFixture,
) -> None:
    opened = [f"session-{number:03}-of-a-runtime-that-stops-none" for number in range(STOPS_AT_ONCE + 6)]

    async def talk(exchange: Exchange) -> None:
        if exchange.request.target.endswith("/stopruntimesession"):
            await exchange.peer_closed()
        else:
            await say_hello(exchange)

    async with loopback_server(talk) as runtime:
        server = create_server(settings(runtime.endpoint_url, on_exit="stop"))
        async with Client(server, mode="legacy") as client:
            for session in opened:
                data_of(await client.call_tool("invoke_agent", {"prompt": "hi", "session_id": session}))
            await begin_end(server)
            await until(lambda: operations(runtime)[-1] == "stopruntimesession")
            server.state.end_by = anyio.current_time()
        asked = [request for request in runtime.requests if request.target.endswith("/stopruntimesession")]

    logged = [record.getMessage() for record in caplog.records if record.name == "agentcore_mcp.server.stops"]
    assert logged == [f"{len(opened)} sessions were not stopped in time: {', '.join(reversed(opened))}"]
    # How many requests get out in time depends on what else the machine does; whose turn it is does not.
    assert asked
    assert {request.header(SESSION_HEADER) for request in asked} <= set(opened[6:])


@pytest.mark.parametrize(("on_exit", "ended"), [("keep", []), ("stop", ["stopruntimesession"] * 2)])
async def test_the_end_of_the_server_stops_the_sessions_if_the_settings_say_so(on_exit: str, ended: list[str]) -> None:
    async with loopback_server(say_hello) as runtime:
        server = create_server(settings(runtime.endpoint_url, on_exit=on_exit))
        async with Client(server, mode="legacy") as client:
            for name in ("one", "two"):
                data_of(await client.call_tool("invoke_agent", {"prompt": "hi", "session_id": name}))
            await begin_end(server)

    assert operations(runtime) == ["invocations", "invocations", *ended]


async def test_a_stop_that_is_refused_at_the_end_keeps_no_other_from_being_made(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Whatever way it fails: one is refused, one isn't answered. The server ends as always, and says so of each."""
    opened = {name: f"session-{name}-of-this-test-0123456789" for name in ("one", "two", "three", "four")}

    async def talk(exchange: Exchange) -> None:
        session = exchange.request.header(SESSION_HEADER)
        if not exchange.request.target.endswith("/stopruntimesession"):
            await say_hello(exchange)
        elif session == opened["two"]:
            await exchange.send(reply("403 Forbidden", b'{"message": "no"}', content_type="application/json"))
        elif session == opened["three"]:
            await exchange.send(b"")
        else:
            await say_hello(exchange)

    async with loopback_server(talk) as runtime:
        server = create_server(settings(runtime.endpoint_url, on_exit="stop"), retries=Retries(max_attempts=1))
        async with Client(server, mode="legacy") as client:
            for session in opened.values():
                data_of(await client.call_tool("invoke_agent", {"prompt": "hi", "session_id": session}))
            await begin_end(server)
        asked = {
            request.header(SESSION_HEADER)
            for request in runtime.requests
            if request.target.endswith("/stopruntimesession")
        }

    logged = sorted(record.getMessage() for record in caplog.records if record.name == "agentcore_mcp.server.stops")
    assert asked == set(opened.values())
    assert [line.partition(": ")[0] for line in logged] == [
        f"session {opened[name]} was not stopped" for name in ("three", "two")
    ]
    assert [session.session_id for session in await server.state.caller(ANYBODY).ledger.open()] == [
        opened["two"],
        opened["three"],
    ]


async def test_a_server_that_only_reads_stops_no_session_of_its_own_accord() -> None:
    slow = slow_agent()
    started = anyio.Event()

    async def on_progress(progress: float, total: float | None, message: str | None) -> None:
        if "first" in (message or ""):
            started.set()

    with anyio.fail_after(WAIT_S):
        async with loopback_server(slow) as runtime:
            only_reads = settings(runtime.endpoint_url, read_only=True, on_exit="stop", agent={"on_cancel": "stop"})
            async with Client(create_server(only_reads), mode="legacy") as client, anyio.create_task_group() as tasks:

                async def call() -> None:
                    await client.call_tool("invoke_agent", {"prompt": "hi"}, progress_callback=on_progress)

                tasks.start_soon(call)
                await started.wait()
                tasks.cancel_scope.cancel()
            await slow.hung_up.wait()

    assert operations(runtime) == ["invocations"]


class Carrier(httpx2.MockTransport):
    """Carries requests to a runtime that does what it is asked, until it is closed."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.closed = False
        super().__init__(self._answer)

    def _answer(self, request: httpx2.Request) -> httpx2.Response:
        assert not self.closed
        self.asked.append(request.url.path.rpartition("/")[2])
        return httpx2.Response(200, json="hello")

    async def aclose(self) -> None:
        self.closed = True


async def test_sessions_are_stopped_and_then_what_carries_requests_is_closed_also_if_what_was_served_fails() -> None:
    carrier = Carrier()
    state = create_server(settings("http://127.0.0.1:9", on_exit="stop"), transport=carrier).state
    with pytest.raises(LookupError, match="on purpose"):
        async with state.running():
            (agent,) = await state.agents.all()
            caller = state.caller(ANYBODY)
            call = Call("invoke_agent", await caller.session(agent, SESSION), "", "the agent", {})
            async with caller.ledger.running(call):
                raise LookupError("on purpose")

    assert (carrier.asked, carrier.closed) == (["stopruntimesession"], True)

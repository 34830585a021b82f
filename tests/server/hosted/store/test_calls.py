"""Calls that one worker reads and another one has the next request for."""

from __future__ import annotations

import json
import re
from base64 import b64decode
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from mcp import Client

from agentcore_mcp.errors import (
    AgentCoreError,
    AgentError,
    AuthProblem,
    InvalidRequestError,
    ServiceError,
    SessionStoppedError,
    WebSocketClosedError,
)
from agentcore_mcp.server.assembly import create_server
from agentcore_mcp.server.calls import KEPT_MAX_CALLS
from agentcore_mcp.server.hosted.store.record import error_of, failure_of
from agentcore_mcp.server.hosted.store.writer import GONE_S, TEXT_MAX_BYTES
from agentcore_mcp.wire.eventstream import ContentDelta, ContentStop, encode_command_event
from tests.server.hosted.test_metrics import scrape
from tests.support.mcp_hosts import http_process, http_server
from tests.support.principals import ALICE, BOB, calling_as
from tests.support.redis import redis_server
from tests.support.runtimes import ARN
from tests.support.servers import LAST_CHUNK, chunk, chunked, loopback_server, reply
from tests.support.sse import encode_sse
from tests.support.tools import (
    EVENT_STREAM,
    SESSION,
    Slow,
    begun,
    collected,
    data_of,
    operations,
    read_all,
    say_hello,
    settings,
    slow_agent,
    slow_command,
    text_of,
)
from tests.support.waiting import WAIT_S, free_port

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
    from pathlib import Path

    from agentcore_mcp.config import Settings
    from agentcore_mcp.server.assembly import AgentCoreServer
    from tests.support.redis import RedisServer
    from tests.support.servers import Exchange, LoopbackServer

    Script = Callable[[Exchange], Awaitable[None]]

HANDOFF_S = 0.2
PNG = b"\x89PNG\r\n\x1a\n" + b"not much of a picture"


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[RedisServer]:
    """Run Redis, and see to it that nothing which is in it at the end stays there for good."""
    with redis_server(tmp_path) as server:
        yield server
        if server.running:
            keys = "redis.call('KEYS', '*')"
            lasting = f"local n = 0 for _, k in ipairs({keys}) do if redis.call('TTL', k) < 0 then n = n + 1 end end"
            assert server.ask(f'EVAL "{lasting} return n" 0') == b":0\r\n"


@asynccontextmanager
async def workers(redis: RedisServer, script: Script, **others: Any) -> AsyncIterator[tuple[Client, Client]]:
    """Run two workers over one Redis, and give a client of each."""
    async with loopback_server(script) as runtime, two(redis, runtime, **others) as (_, clients):
        yield clients


def chosen(redis: RedisServer, runtime: LoopbackServer, handoff: float | None = HANDOFF_S, **others: Any) -> Settings:
    return settings(runtime.endpoint_url, server={"store": redis.url}, handoff_after_s=handoff, **others)


@asynccontextmanager
async def two(
    redis: RedisServer, runtime: LoopbackServer, **others: Any
) -> AsyncIterator[tuple[list[AgentCoreServer], tuple[Client, Client]]]:
    servers = [create_server(chosen(redis, runtime, **others)) for _ in range(2)]
    with anyio.fail_after(WAIT_S):
        async with Client(servers[0]) as a, Client(servers[1]) as b:
            yield servers, (a, b)


async def claimed(redis: RedisServer) -> None:
    """Wait until a request has claimed a call."""
    while b":claim" not in await anyio.to_thread.run_sync(redis.ask, "KEYS *:claim"):
        pass


async def waits(client: Client, tool: str, handle: str) -> tuple[str, dict[str, Any]]:
    """Wait for a call to its end; return all that was shown, and the last result."""
    shown = ""
    while True:
        data = data_of(await client.call_tool(tool, {"handle": handle}))
        shown += data.get("text", data.get("stdout", ""))
        if data["status"] != "RUNNING":
            return shown, data


async def test_a_call_that_is_waited_for_to_its_end_takes_two_round_trips(redis: RedisServer) -> None:
    async with workers(redis, say_hello, handoff=30) as (a, _):
        await a.call_tool("invoke_agent", {"prompt": "hi", "session_id": SESSION})
        redis.ask("CONFIG RESETSTAT")
        await a.call_tool("invoke_agent", {"prompt": "hi", "session_id": SESSION})
        stats = re.findall(r"cmdstat_(evalsha|hmget|\w*get\w*):calls=(\d+)", redis.ask("INFO commandstats").decode())

    # What a script does counts, too: all that reads is in the two.
    assert dict(stats) == {"evalsha": "2", "hmget": "2", "hget": "1", "hgetall": "1"}


@pytest.mark.parametrize("same", [True, False])
async def test_a_command_is_read_by_one_worker_and_collected_from_another(redis: RedisServer, same: bool) -> None:
    script = slow_command()
    async with workers(redis, script) as (a, b):
        first = data_of(await begun(a, "run_command", {"command": "make", "session_id": SESSION}))
        assert (first["status"], first["stdout"], first["stderr"]) == ("RUNNING", "first\n", "careful\n")
        other = a if same else b
        page = data_of(await other.call_tool("read_output", {"handle": first["handle"]}))
        assert (page["text"], page["finished"]) == ("first\n", False)
        assert "a call of run_command" in text_of(await other.call_tool("invoke_agent", {"handle": first["handle"]}))
        script.go_on.set()
        last = await collected(other, "run_command", first["handle"])

        assert (last["status"], last["exit_code"], last["stdout"], last["stderr"]) == ("COMPLETED", 3, "second\n", "")
        assert last["session_id"] == SESSION
        for client in (a, b):
            refused = await client.call_tool("run_command", {"handle": first["handle"]})
            assert "was collected to its end" in text_of(refused)
        (key,) = re.findall(rb"\S+:call:\S+", redis.ask("KEYS *:call:*"))
        assert 0 < int(redis.ask(f"TTL {key.decode()}")[1:]) <= GONE_S


async def test_progress_of_an_agent_reaches_the_request_that_waits_for_it(redis: RedisServer) -> None:
    script = slow_agent()
    messages: list[str] = []

    async def on_progress(progress: float, total: float | None, message: str | None) -> None:
        messages.append(message or "")

    async def go_on() -> None:
        await claimed(redis)
        script.go_on.set()

    async with workers(redis, script) as (a, b):
        first = data_of(await begun(a, "invoke_agent", {"prompt": "hi", "session_id": SESSION}))
        assert first["text"] == "first "
        results = [first]
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(go_on)
            # As many as it takes: on a busy machine, the last words and the end may come apart.
            while results[-1]["status"] == "RUNNING":
                given = {"handle": first["handle"]}
                results.append(data_of(await b.call_tool("invoke_agent", given, progress_callback=on_progress)))

    assert "".join(result["text"] for result in results[1:]) == "second"
    assert messages[0] == f"session_id: {SESSION}"
    assert "second" in messages[1:]


async def test_of_two_requests_that_wait_for_a_call_one_gets_it(redis: RedisServer) -> None:
    script = slow_agent()
    async with workers(redis, script) as (a, b):
        first = data_of(await begun(a, "invoke_agent", {"prompt": "hi"}))
        results: list[Any] = []

        async def collect(client: Client) -> None:
            results.append(await client.call_tool("invoke_agent", {"handle": first["handle"]}))

        async with anyio.create_task_group() as tasks:
            for client in (a, b):
                tasks.start_soon(collect, client)
        refused = [text_of(result) for result in results if result.is_error]
        assert len(refused) == 1
        assert "is being waited for by another request" in refused[0]
        script.go_on.set()
        assert (await waits(b, "invoke_agent", first["handle"]))[0] == "second"


async def test_the_line_that_a_command_has_begun_is_shown_once_whichever_worker_shows_it(redis: RedisServer) -> None:
    parts = [
        encode_command_event(ContentDelta("Loading\nPassword: ")),
        encode_command_event(ContentDelta("\nok\n")) + encode_command_event(ContentStop(0, "COMPLETED")),
    ]
    script = Slow(parts[0], parts[1], EVENT_STREAM)
    async with workers(redis, script) as (a, b):
        first = data_of(await begun(a, "run_command", {"command": "login"}))
        assert first["stdout"] == "Loading\nPassword: "
        again = data_of(await b.call_tool("run_command", {"handle": first["handle"]}))
        assert (again["status"], again["stdout"]) == ("RUNNING", "")
        script.go_on.set()
        shown, _ = await waits(b, "run_command", first["handle"])

    assert shown == "\nok\n"


class Prompting:
    """Prints a prompt without an end of the line, and more of it, each when it may."""

    def __init__(self, *parts: str) -> None:
        self.parts = [encode_command_event(ContentDelta(part)) for part in parts]
        self.go_on = [anyio.Event() for _ in parts]

    async def __call__(self, exchange: Exchange) -> None:
        await exchange.send(chunked(EVENT_STREAM) + chunk(encode_command_event(ContentDelta("begun\n"))))
        for part, go_on in zip(self.parts, self.go_on, strict=True):
            await go_on.wait()
            await exchange.send(chunk(part))
        await exchange.send(chunk(encode_command_event(ContentStop(0, "COMPLETED"))) + LAST_CHUNK)


async def test_a_line_that_begins_while_another_worker_waits_is_shown_there_and_goes_on_where_it_was(
    redis: RedisServer,
) -> None:
    script = Prompting("Password", ": ", "\nok\n")
    async with workers(redis, script) as (a, b):
        handle = data_of(await begun(a, "run_command", {"command": "login"}))["handle"]
        shown = []
        for client, go_on in zip((b, a, b), script.go_on, strict=True):
            go_on.set()
            shown.append("")
            while not shown[-1]:
                data = data_of(await client.call_tool("run_command", {"handle": handle}))
                shown[-1] += data["stdout"]
        whole = await read_all(a, handle) if data["status"] == "RUNNING" else ""

    assert shown == ["Password", ": ", "\nok\n"]
    assert whole in ("", "begun\nPassword: \nok\n")


async def test_a_request_that_is_cancelled_cancels_the_call_at_the_worker_that_reads_it(redis: RedisServer) -> None:
    script = slow_agent()
    async with workers(redis, script, agent={"on_cancel": "stop"}) as (a, b):
        first = data_of(await begun(a, "invoke_agent", {"prompt": "hi", "session_id": SESSION}))
        waiting = anyio.Event()

        async def on_progress(progress: float, total: float | None, message: str | None) -> None:
            waiting.set()

        async with anyio.create_task_group() as tasks:

            async def collect() -> None:
                await b.call_tool("invoke_agent", {"handle": first["handle"]}, progress_callback=on_progress)

            tasks.start_soon(collect)
            await waiting.wait()
            tasks.cancel_scope.cancel()
        await script.hung_up.wait()
        for client in (a, b):
            refused = await client.call_tool("invoke_agent", {"handle": first["handle"]})
            assert "was cancelled with its request" in text_of(refused)


async def test_what_a_result_left_out_is_read_at_another_worker(redis: RedisServer) -> None:
    text = "".join(f"line {number} with é\n" for number in range(40_000))

    async def agent(exchange: Exchange) -> None:
        await exchange.send(reply(body=encode_sse(json.dumps(text)), content_type="text/event-stream"))

    async with workers(redis, agent, handoff=30) as (a, b):
        result = data_of(await a.call_tool("invoke_agent", {"prompt": "hi"}))
        assert result["status"] == "COMPLETED"
        assert await read_all(b, result["handle"]) == text
        refused = await b.call_tool("invoke_agent", {"handle": result["handle"]})
        assert "read its output with read_output" in text_of(refused)


async def test_of_a_text_that_is_longer_than_the_store_keeps_the_rest_is_counted(redis: RedisServer) -> None:
    text = "é" * (TEXT_MAX_BYTES // 2 + 1_000)

    async def agent(exchange: Exchange) -> None:
        await exchange.send(reply(body=text.encode(), content_type="text/plain"))

    async with workers(redis, agent, handoff=30) as (a, b):
        result = data_of(await a.call_tool("invoke_agent", {"prompt": "hi"}))
        page = data_of(await b.call_tool("read_output", {"handle": result["handle"], "offset": TEXT_MAX_BYTES - 10}))

    assert (page["text"], page["total_bytes"], page["dropped_bytes"]) == ("é" * 5, TEXT_MAX_BYTES, 2_000)


async def test_of_many_calls_that_left_something_out_the_last_ones_are_kept(redis: RedisServer) -> None:
    async def agent(exchange: Exchange) -> None:
        await exchange.send(reply(body=b"x" * 3_000, content_type="text/plain"))

    async with workers(redis, agent, handoff=30, result_max_chars=2_000) as (a, b):
        handles = [
            data_of(await a.call_tool("invoke_agent", {"prompt": "hi"}))["handle"] for _ in range(KEPT_MAX_CALLS + 1)
        ]
        gone = await b.call_tool("read_output", {"handle": handles[0]})
        assert f"the last {KEPT_MAX_CALLS} calls" in text_of(gone)
        for handle in handles[1:]:
            assert await read_all(b, handle) == "x" * 3_000
        assert redis.ask("EVAL \"return #redis.call('KEYS', '*:text')\" 0") == f":{KEPT_MAX_CALLS}\r\n".encode()


async def test_a_picture_and_a_question_reach_the_other_worker(redis: RedisServer) -> None:
    go_on = anyio.Event()

    async def agent(exchange: Exchange) -> None:
        await go_on.wait()
        await exchange.send(reply(body=PNG, content_type="image/png"))

    async with workers(redis, agent) as (a, b):
        first = data_of(await a.call_tool("invoke_agent", {"prompt": "draw"}))
        go_on.set()
        result = await b.call_tool("invoke_agent", {"handle": first["handle"]})
        while data_of(result)["status"] == "RUNNING":
            result = await b.call_tool("invoke_agent", {"handle": first["handle"]})

    (image,) = [block for block in result.content if block.type == "image"]
    assert (b64decode(image.data), image.mime_type) == (PNG, "image/png")


async def test_a_question_of_an_agent_is_answered_at_another_worker(redis: RedisServer) -> None:
    interrupt = {"id": "i-1", "name": "confirm", "reason": "Transfer 2000 EUR to Anna?\ud83d", "response": None}
    answers = [{"status": "interrupt", "interrupts": [interrupt]}, {"result": "Done."}]

    async def agent(exchange: Exchange) -> None:
        await anyio.sleep(2 * HANDOFF_S if len(answers) == 2 else 0)
        await exchange.send(reply(body=json.dumps(answers.pop(0)).encode(), content_type="application/json"))

    async with loopback_server(agent) as runtime, two(redis, runtime) as (_, (a, b)):
        first = data_of(await a.call_tool("invoke_agent", {"prompt": "pay", "session_id": SESSION}))
        _, asked = await waits(b, "invoke_agent", first["handle"])
        assert (asked["status"], asked["questions"][0]["id"]) == ("INPUT_REQUIRED", "i-1")
        done = data_of(await b.call_tool("invoke_agent", {"prompt": "yes", "session_id": SESSION}))
        _, done = await waits(a, "invoke_agent", done["handle"]) if done["status"] == "RUNNING" else ("", done)

    assert done["text"] == "Done."
    assert json.loads(runtime.requests[1].body)["prompt"] == [
        {"interruptResponse": {"interruptId": "i-1", "response": "yes"}}
    ]


@pytest.mark.parametrize("how", ["restarted", "disconnected"])
async def test_a_call_outlives_a_redis_that_is_restarted_in_between(redis: RedisServer, how: str) -> None:
    script = slow_command()
    async with workers(redis, script) as (a, b):
        first = data_of(await begun(a, "run_command", {"command": "make"}))
        if how == "restarted":
            redis.stop()
            script.go_on.set()
            await anyio.to_thread.run_sync(redis.start)
        else:
            for kind in ("normal", "pubsub"):
                redis.ask(f"CLIENT KILL TYPE {kind}")
            script.go_on.set()
        shown, last = await waits(b, "run_command", first["handle"])

    assert (shown, last["exit_code"]) == ("second\n", 3)


async def test_without_redis_a_running_call_still_returns_and_a_new_one_sends_nothing(redis: RedisServer) -> None:
    asked = anyio.Event()
    script = Slow(encode_sse('"first "'), encode_sse(json.dumps("second" * 1_000)), "text/event-stream")

    async def agent(exchange: Exchange) -> None:
        asked.set()
        await script(exchange)

    async with (
        loopback_server(agent) as runtime,
        two(redis, runtime, handoff=None, result_max_chars=2_000) as (_, (a, b)),
    ):
        results: list[Any] = []

        async def call() -> None:
            results.append(await a.call_tool("invoke_agent", {"prompt": "hi"}))

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(call)
            await asked.wait()
            redis.stop()
            script.go_on.set()
        refused = await b.call_tool("invoke_agent", {"prompt": "hi"})
        unlisted = await b.call_tool("list_agents", {})

    # What it left out can't be kept, and it is not kept waiting for that.
    assert data_of(results[0])["text"].startswith("first second")
    assert data_of(results[0])["omitted_chars"] > 0
    assert "this request sent nothing" in text_of(refused)
    assert "this request sent nothing" in text_of(unlisted)
    assert len(runtime.requests) == 1


async def test_sessions_are_listed_and_stopped_at_another_worker_and_a_call_there_says_so(redis: RedisServer) -> None:
    stopped_there = anyio.Event()

    async def service(exchange: Exchange) -> None:
        if exchange.request.target.endswith("/stopruntimesession"):
            stopped_there.set()
            await say_hello(exchange)
            return
        await exchange.send(chunked(EVENT_STREAM) + chunk(encode_command_event(ContentDelta("first\n"))))
        await stopped_there.wait()
        await exchange.send(LAST_CHUNK)

    async with loopback_server(service) as runtime, two(redis, runtime) as (_, (a, b)):
        first = data_of(await begun(a, "run_command", {"command": "make", "session_id": "review"}))
        listed = data_of(await b.call_tool("list_agents", {}))
        assert first["session_id"] in json.dumps(listed)
        stopped = data_of(await b.call_tool("stop_session", {"session_id": "review"}))
        assert (stopped["session_id"], stopped["count"]) == (first["session_id"], 1)
        result = await b.call_tool("run_command", {"handle": first["handle"]})
        while not result.is_error and data_of(result)["status"] == "RUNNING":
            result = await b.call_tool("run_command", {"handle": first["handle"]})
        assert "was stopped while this call ran" in text_of(result)
        assert data_of(await a.call_tool("stop_session", {"session_id": "all"}))["count"] == 0

    assert operations(runtime) == ["commands", "stopruntimesession"]


async def test_a_handle_and_a_session_of_another_principal_are_as_if_they_did_not_exist(redis: RedisServer) -> None:
    script = slow_agent()
    async with loopback_server(script) as runtime, AsyncExitStack() as stack:
        clients = []
        for principal in (ALICE, BOB):
            with calling_as(principal):
                server = create_server(chosen(redis, runtime))
                clients.append(await stack.enter_async_context(Client(server)))
        alice, bob = clients
        with calling_as(ALICE):
            first = data_of(await begun(alice, "invoke_agent", {"prompt": "hi", "session_id": "review"}))
        handle = first["handle"]
        with calling_as(BOB):
            for tool in ("invoke_agent", "run_command", "read_output"):
                for unknown in (handle, f"{handle}:text", f"{handle}:claim", "*", "../x"):
                    refused = await bob.call_tool(tool, {"handle": unknown})
                    assert f"no call has the handle {unknown!r}" in text_of(refused)
            second = data_of(await begun(bob, "invoke_agent", {"prompt": "hi", "session_id": "review"}))
            assert second["session_id"] != first["session_id"]
            stopped = data_of(await bob.call_tool("stop_session", {"session_id": "all"}))
            assert stopped["stopped"] == [second["session_id"]]
        script.go_on.set()
        with calling_as(ALICE):
            assert (await waits(alice, "invoke_agent", handle))[0] == "second"


async def test_a_call_is_counted_where_it_is_read_and_leaves_no_count(redis: RedisServer, tmp_path: Path) -> None:
    script, port = slow_command(), free_port()
    async with loopback_server(script) as runtime:
        config = tmp_path / "config.toml"
        config.write_text(configuration(redis, runtime))
        async with (
            http_server("--config", str(config), "--metrics-port", str(port), env={}) as url,
            Client(url) as client,
        ):
            first = data_of(await begun(client, "run_command", {"command": "make", "session_id": SESSION}))
            assert (await scrape(port))("open_calls", phase="unattended") == 1
            for _ in range(2):
                await client.call_tool("run_command", {"handle": first["handle"]})
            script.go_on.set()
            await collected(client, "run_command", first["handle"])
            counted = await scrape(port)

    phases = ("attended", "unattended", "uncollected", "kept")
    assert [counted("open_calls", phase=phase) for phase in phases] == [0, 0, 0, 0]


def configuration(redis: RedisServer, runtime: LoopbackServer) -> str:
    return (
        f'handoff_after = {HANDOFF_S}\n[server]\nstore = "{redis.url}"\n[agents.solo]\narn = "{ARN}"\n'
        f'endpoint_url = "{runtime.endpoint_url}"\nauth = {{ token = "not-a-real-token" }}\n'
    )


async def test_a_call_whose_worker_was_killed_says_so_each_time(redis: RedisServer, tmp_path: Path) -> None:
    script = slow_agent()
    async with loopback_server(script) as runtime:
        config = tmp_path / "config.toml"
        config.write_text(configuration(redis, runtime))
        flags = ("--config", str(config))
        async with http_process(*flags, env={}) as (url, process), http_server(*flags, env={}) as other:
            async with Client(url) as a:
                first = data_of(await begun(a, "invoke_agent", {"prompt": "hi", "session_id": SESSION}))
            process.kill()
            await process.wait()
            # As it would within 15 s; the one that lives says so again at once.
            redis.ask("EVAL \"for _, key in ipairs(redis.call('KEYS', '*:worker:*')) do redis.call('DEL', key) end\" 0")
            async with Client(other) as b:
                for _ in range(2):
                    result = await b.call_tool("invoke_agent", {"handle": first["handle"]})
                    while not result.is_error:
                        result = await b.call_tool("invoke_agent", {"handle": first["handle"]})
                    assert "the worker of the server that read this call is gone" in text_of(result)
                    assert f"session_id: {SESSION}" in text_of(result)
                assert await read_all(b, first["handle"]) == "first "


async def test_a_call_that_is_followed_by_a_worker_that_ends_can_be_followed_by_another(redis: RedisServer) -> None:
    script = slow_agent()
    async with loopback_server(script) as runtime, AsyncExitStack() as stack:
        servers = [create_server(chosen(redis, runtime, handoff)) for handoff in (HANDOFF_S, 30)]
        a, b = [await stack.enter_async_context(Client(server)) for server in servers]
        first = data_of(await begun(a, "invoke_agent", {"prompt": "hi"}))
        results: list[Any] = []
        waiting = anyio.Event()

        async def on_progress(progress: float, total: float | None, message: str | None) -> None:
            waiting.set()

        async def collect() -> None:
            results.append(
                await b.call_tool("invoke_agent", {"handle": first["handle"]}, progress_callback=on_progress)
            )

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(collect)
            await waiting.wait()
            await servers[1].state.end()
        assert "this worker is ending and the call goes on" in text_of(results[0])
        script.go_on.set()
        assert (await waits(a, "invoke_agent", first["handle"]))[0] == "second"


async def test_a_worker_that_ends_says_so_to_who_collects_what_it_read(redis: RedisServer) -> None:
    script = slow_agent()
    async with loopback_server(script) as runtime:
        here, there = (create_server(chosen(redis, runtime)) for _ in range(2))
        async with Client(there) as b:
            async with Client(here) as a:
                first = data_of(await begun(a, "invoke_agent", {"prompt": "hi"}))
            result = await b.call_tool("invoke_agent", {"handle": first["handle"]})
            while not result.is_error:
                result = await b.call_tool("invoke_agent", {"handle": first["handle"]})

    assert "the server is ending, and ended the call" in text_of(result)


@pytest.mark.parametrize(
    "error",
    [
        ServiceError(
            "no",
            "AccessDeniedException",
            "more",
            status=403,
            request_id="r-1",
            session_id=SESSION,
            fields=(("name", "is wrong"),),
            auth_problem=AuthProblem.TOKEN_EXPIRED,
            retry_after_s=2.5,
        ),
        AgentError("boom", "ValueError", status=424),
        SessionStoppedError("stopped", session_id=SESSION),
        InvalidRequestError("bad"),
        WebSocketClosedError("closed", code=1006, reason="gone"),
    ],
)
def test_an_error_is_the_same_at_another_worker(error: AgentCoreError) -> None:
    again = error_of(json.loads(json.dumps(failure_of(error))))

    assert isinstance(again, type(error))
    assert (str(again), again.message, again.session_id) == (str(error), error.message, error.session_id)
    assert json.dumps(vars(again)) == json.dumps(vars(error))
    assert isinstance(getattr(again, "auth_problem", None), AuthProblem | None)


def test_an_error_that_nobody_foresaw_tells_no_more_at_another_worker() -> None:
    again = error_of(failure_of(LookupError("a secret")))

    assert type(again) is RuntimeError
    assert "secret" not in str(again)

"""How much a principal may use: each limit reached, said and released, over HTTP."""

from __future__ import annotations

import asyncio
import signal
import sys
from contextlib import AsyncExitStack, asynccontextmanager, nullcontext, suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import anyio
import httpx2
import pytest
from anyio.streams.buffered import BufferedByteReceiveStream
from mcp import Client
from mcp.shared.exceptions import MCPError

from agentcore_mcp.server.assembly import create_server
from agentcore_mcp.server.book import MemoryBook
from agentcore_mcp.server.hosted.gate import AGAIN_S, REFUSED, ToolCall
from agentcore_mcp.server.hosted.limits import Limits
from agentcore_mcp.server.hosted.store.connection import RedisStore
from agentcore_mcp.server.ledger import Ledger
from agentcore_mcp.server.transports.http import serve_http
from agentcore_mcp.wire.limits import IDLE_TIMEOUT_S
from tests.support.hosted import VERSIONS, HostedServer, hosted_server, message
from tests.support.mcp_hosts import MODES
from tests.support.principals import ALICE, calling_as
from tests.support.redis import redis_server
from tests.support.servers import Exchange, chunk, chunked, loopback_server
from tests.support.sse import encode_sse
from tests.support.tools import HANDOFF_S, data_of, say_hello, settings, text_of
from tests.support.waiting import WAIT_S, until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


class Held:
    """An agent whose answers wait until they may end."""

    def __init__(self) -> None:
        self.go_on = anyio.Event()
        self.asked = 0
        self.hung_up = 0

    async def __call__(self, exchange: Exchange) -> None:
        if not exchange.request.target.endswith("/invocations"):
            await say_hello(exchange)
            return
        self.asked += 1
        await exchange.send(chunked("text/event-stream") + chunk(encode_sse('"begun"')))
        async with anyio.create_task_group() as tasks:

            async def watch() -> None:
                await exchange.peer_closed()
                self.hung_up += 1
                tasks.cancel_scope.cancel()

            tasks.start_soon(watch)
            await self.go_on.wait()
            tasks.cancel_scope.cancel()
        await exchange.send(chunk(encode_sse('"done"')) + b"0\r\n\r\n")


def over(answer: httpx2.Response, limit: str) -> int:
    """Check that an answer refuses a call by a limit, and return when to try again."""
    assert answer.status_code == 429, answer.text
    body = answer.json()
    assert (body["jsonrpc"], body["id"], body["error"]["code"]) == ("2.0", 1, REFUSED)
    assert f"({limit})" in body["error"]["message"]
    after_s = int(answer.headers["retry-after"])
    assert f"try again in {after_s} s" in body["error"]["message"]
    return after_s


def limits(**given: Any) -> str:
    return "\n".join(["[server.limits]", *(f"{name} = {value}" for name, value in given.items())])


PROMPT = {"prompt": "hi"}


@pytest.mark.parametrize("version", VERSIONS)
async def test_of_a_hundred_calls_at_once_as_many_pass_as_may_go_on(version: str, tmp_path: Path) -> None:
    agent = Held()
    async with hosted_server(
        tmp_path, agents={"one": ""}, answer=agent, auth=limits(concurrent_calls=3, agent_concurrent_calls=4)
    ) as server:
        alice, bob = server.token(), server.token(sub="bob")

        async def call(token: str, tool: str = "invoke_agent", **arguments: Any) -> httpx2.Response:
            return await server.call(tool, arguments or PROMPT, token, version=version)

        async with asyncio.TaskGroup() as tasks:
            calls = [tasks.create_task(call(alice)) for _ in range(100)]
            await until(lambda: sum(task.done() for task in calls) == 97 and agent.asked == 3)
            assert {over(task.result(), "concurrent_calls") for task in calls if task.done()} == {AGAIN_S}
            # The way out stays open, and others have slots of their own as far as the agent has any.
            stopped = await call(alice, "stop_session", session_id="review")
            assert stopped.status_code == 200
            assert (await call(alice, "read_output", handle="x")).status_code == 200
            calls.append(tasks.create_task(call(bob)))
            await until(lambda: agent.asked == 4)
            over(await call(bob), "agent_concurrent_calls")
            assert agent.asked == 4
            agent.go_on.set()
        assert sum(task.result().status_code == 200 for task in calls) == 4
        again = await call(alice)
        assert "done" in str(message(again)["result"])


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_session_can_be_opened_once_another_is_stopped(version: str, tmp_path: Path) -> None:
    async with hosted_server(tmp_path, agents={"one": ""}, auth=limits(sessions=2)) as server:
        token = server.token()

        async def call(tool: str = "invoke_agent", **arguments: Any) -> httpx2.Response:
            return await server.call(tool, arguments, token, version=version)

        answers = await asyncio.gather(*(call(prompt="hi") for _ in range(50)))
        opened = [message(answer)["result"]["structuredContent"] for answer in answers if answer.status_code == 200]
        assert len(opened) == 2
        after_s = {over(answer, "sessions") for answer in answers if answer.status_code != 200}
        assert after_s <= {AGAIN_S, *range(int(IDLE_TIMEOUT_S) - WAIT_S, int(IDLE_TIMEOUT_S) + 1)}
        assert over(await call(prompt="hi", session_id="review"), "sessions") > AGAIN_S
        ids = [result["session_id"] for result in opened]
        assert (await call(prompt="hi", session_id=ids[0])).status_code == 200
        # Somebody else's are not counted.
        other = await server.call("invoke_agent", PROMPT, server.token(sub="bob"), version=version)
        assert other.status_code == 200
        assert (await call("stop_session", session_id=ids[0])).status_code == 200
        assert (await call(prompt="hi", session_id="review")).status_code == 200
        assert (await call(prompt="hi", session_id="review")).status_code == 200
        over(await call(prompt="hi", session_id="other"), "sessions")


async def test_a_rate_counts_calls_that_pass_and_says_when_there_is_room(tmp_path: Path) -> None:
    async with hosted_server(
        tmp_path, agents={"one": ""}, auth=limits(calls_per_minute=3, concurrent_calls=1)
    ) as server:
        for version in VERSIONS:
            token = server.token(sub=version)
            for tool in ("invoke_agent", "stop_session", "read_output"):
                arguments = {"invoke_agent": PROMPT, "stop_session": {"session_id": "x"}}.get(tool, {"handle": "x"})
                assert (await server.call(tool, arguments, token, version=version)).status_code == 200
            for tool in ("invoke_agent", "stop_session"):
                answer = await server.call(tool, PROMPT, token, version=version)
                assert 0 < over(answer, "calls_per_minute") <= 60
            # What calls no tool is not counted, nor is what others call.
            assert (await server.request("tools/list", {}, token, version=version)).status_code == 200
            other = server.token(sub="another")
        assert (await server.call("invoke_agent", PROMPT, other)).status_code == 200
        assert len(server.runtime.requests) == 5


async def test_a_body_that_is_too_large_or_too_slow_is_refused_whoever_sends_it(tmp_path: Path) -> None:
    async with hosted_server(tmp_path, agents={"one": ""}, auth=limits(body_bytes=2_000)) as server:
        answer = await server.call("invoke_agent", {"prompt": "x" * 2_000}, server.token())
        assert answer.status_code == 413
        assert (await server.call("invoke_agent", {"prompt": "x" * 1_000}, server.token())).status_code == 200
        assert (await server.call("invoke_agent", {"prompt": "x" * 2_000}, None)).status_code == 401


async def test_the_sdks_client_shows_which_limit_it_is(tmp_path: Path) -> None:
    async with hosted_server(tmp_path, agents={"one": ""}, auth=limits(calls_per_minute=1)) as server:
        for number, mode in enumerate(MODES):
            async with server.client(server.token(sub=f"user-{number}"), mode) as client:
                await client.call_tool("invoke_agent", PROMPT)
                with pytest.raises(MCPError, match=r"1 calls a minute \(calls_per_minute\); try again in \d+ s"):
                    await client.call_tool("invoke_agent", PROMPT)


@asynccontextmanager
async def serving_here(**options: Any) -> AsyncIterator[str]:
    """Serve in this process, on loopback and without tokens, what an agent answers; give the URL."""
    started, found = anyio.Event(), list[str]()

    def announce(url: str) -> None:
        found.append(url)
        started.set()

    async with anyio.create_task_group() as tasks:
        server = create_server(settings(**options))
        tasks.start_soon(lambda: serve_http(server, port=0, announce=announce))
        await started.wait()
        yield found[0]
        tasks.cancel_scope.cancel()


@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("mode", MODES)
async def test_a_call_that_goes_on_unattended_holds_its_slot_to_its_end(
    mode: str, shared: bool, tmp_path: Path
) -> None:
    agent = Held()
    given: dict[str, Any] = {"limits": {"concurrent_calls": 1}}
    with redis_server(tmp_path) if shared else nullcontext() as redis:
        if redis is not None:
            given["store"] = redis.url
        await _hand_over(agent, mode, given)


async def _hand_over(agent: Held, mode: str, given: dict[str, Any]) -> None:
    async with (
        loopback_server(agent) as runtime,
        serving_here(endpoint_url=runtime.endpoint_url, handoff_after_s=HANDOFF_S, server=given) as url,
        Client(url, mode=mode) as client,
    ):
        begun = data_of(await client.call_tool("invoke_agent", PROMPT))
        assert begun["status"] == "RUNNING"
        with pytest.raises(MCPError, match="concurrent_calls"):
            await client.call_tool("invoke_agent", PROMPT)
        # To wait on for it takes no other.
        assert data_of(await client.call_tool("invoke_agent", {"handle": begun["handle"]}))["status"] == "RUNNING"
        agent.go_on.set()
        with anyio.fail_after(WAIT_S):
            while data_of(await client.call_tool("invoke_agent", {"handle": begun["handle"]}))["status"] == "RUNNING":
                pass
        assert data_of(await client.call_tool("invoke_agent", PROMPT))["session_id"] != begun["session_id"]


@pytest.mark.parametrize("mode", MODES)
async def test_a_call_that_is_cancelled_gives_its_slot_back(mode: str) -> None:
    agent = Held()
    given = {"limits": {"concurrent_calls": 1, "agent_concurrent_calls": 1}}
    async with (
        loopback_server(agent) as runtime,
        serving_here(endpoint_url=runtime.endpoint_url, server=given) as url,
        Client(url, mode=mode) as client,
    ):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(client.call_tool, "invoke_agent", PROMPT)
            await until(lambda: agent.asked == 1)
            with pytest.raises(MCPError, match="concurrent_calls"):
                await client.call_tool("invoke_agent", PROMPT)
            tasks.cancel_scope.cancel()
        await until(lambda: agent.hung_up == 1)
        agent.go_on.set()
        with anyio.fail_after(WAIT_S):
            while True:
                with suppress(MCPError):
                    assert "done" in data_of(await client.call_tool("invoke_agent", PROMPT))["text"]
                    break


async def test_a_call_whose_client_disconnects_gives_its_slot_back() -> None:
    agent = Held()
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "invoke_agent", "arguments": PROMPT}}
    headers = {"Accept": "application/json, text/event-stream", "Mcp-Protocol-Version": VERSIONS[0]}
    given = {"limits": {"concurrent_calls": 1}}
    async with (
        loopback_server(agent) as runtime,
        serving_here(endpoint_url=runtime.endpoint_url, server=given) as url,
        httpx2.AsyncClient(headers=headers, timeout=WAIT_S) as http,
    ):
        async with http.stream("POST", url, json=body):
            await until(lambda: agent.asked == 1)
            over(await http.post(url, json=body), "concurrent_calls")
        agent.go_on.set()
        with anyio.fail_after(WAIT_S):
            while (await http.post(url, json=body)).status_code == 429:
                pass


async def test_a_call_is_ended_once_it_has_taken_as_long_as_it_may() -> None:
    agent = Held()
    given = {"limits": {"call_s": 0.2, "concurrent_calls": 1}}
    async with (
        loopback_server(agent) as runtime,
        serving_here(endpoint_url=runtime.endpoint_url, server=given) as url,
        Client(url) as client,
    ):
        for _ in range(2):
            result = await client.call_tool("invoke_agent", PROMPT)
            assert result.is_error
            assert "the call took 0.2 s, this server's limit (server.limits.call_s)" in text_of(result)
            assert "may still be running" in text_of(result)
            assert text_of(result).endswith("begun")
        await until(lambda: agent.hung_up == 2)


class Asked:
    """Limits whose clock a test sets, and a caller whose sessions are written down by the same."""

    def __init__(self, **given: Any) -> None:
        self.now = 1_000_000.0
        configured = settings("http://127.0.0.1:9", server={"limits": given})
        self.limits = Limits(configured, now=lambda: self.now)
        self.caller = create_server(configured).state.caller(ALICE)
        self.caller.ledger = Ledger(MemoryBook(now=lambda: self.now))

    async def call(self, session_id: str) -> int:
        """Call an agent, and return after how long to try again; 0 if it was called."""
        async with AsyncExitStack() as until_answered:
            with calling_as(ALICE):
                call = ToolCall(1, self.caller, "invoke_agent", {**PROMPT, "session_id": session_id}, until_answered)
                answer = await self.limits.check(call)
            if answer is not None:
                return int(answer.headers["retry-after"])
            session = await self.caller.session(await self.caller.target("", ""), session_id)
            await self.caller.ledger.book.used(session)
        return 0

    async def stop(self, session_id: str) -> None:
        session = await self.caller.session(await self.caller.target("", ""), session_id)
        await self.caller.ledger.book.stopping(await self.caller.ledger.known(session), 1)


async def test_the_minutes_of_sessions_are_counted_over_24_hours() -> None:
    asked = Asked(session_minutes=60)
    start = asked.now
    for name in ("a", "b"):
        assert await asked.call(name) == 0
    for minutes in (10, 20, 29.9):
        asked.now = start + minutes * 60
        assert (await asked.call("a"), await asked.call("b")) == (0, 0)
    asked.now = start + 30 * 60
    # Both idle out 15 minutes after their last calls, and by then have been open for 45 minutes each.
    after_s = await asked.call("a")
    assert after_s == await asked.call("new")
    assert after_s == pytest.approx(86_400 - 30 * 60 + 15 * 60, abs=10)
    for name in ("a", "b"):
        await asked.stop(name)
    shorter_s = await asked.call("a")
    assert shorter_s == pytest.approx(86_400 - 30 * 60, abs=10)
    asked.now += shorter_s - 1
    assert await asked.call("a") == 1
    asked.now += 1
    assert await asked.call("a") == 0


async def test_sessions_that_idle_out_make_room_when_it_was_said_that_they_would() -> None:
    asked = Asked(sessions=2)
    assert await asked.call("a") == 0
    asked.now += 300
    assert await asked.call("b") == 0
    assert await asked.call("c") == IDLE_TIMEOUT_S - 300
    assert await asked.call("a") == 0
    asked.now += await asked.call("c") - 1
    assert await asked.call("c") == 1
    asked.now += 1.1
    assert await asked.call("c") == 0


@pytest.mark.parametrize("shared", [False, True])
async def test_whoever_waits_as_long_as_is_said_gets_through(shared: bool, tmp_path: Path) -> None:
    with redis_server(tmp_path) if shared else nullcontext() as redis:
        configured = settings("http://127.0.0.1:9", server={"limits": {"calls_per_minute": 5}})
        store = None if redis is None else RedisStore(redis.url)
        async with nullcontext() if store is None else store.running():
            limits, caller = Limits(configured, store, minute_s=2), create_server(configured).state.caller(ALICE)

            async def after_s() -> int:
                async with AsyncExitStack() as until_answered:
                    call = ToolCall(1, caller, "list_agents", {}, until_answered)
                    answer = await limits.check(call)
                return 0 if answer is None else int(answer.headers["retry-after"])

            outcomes = await asyncio.gather(*(after_s() for _ in range(20)))
            assert outcomes.count(0) == 5
            wait_s = max(outcomes)
            assert 1 <= wait_s <= 2
            await anyio.sleep(wait_s)
            assert await after_s() == 0


async def test_a_call_with_all_limits_takes_four_round_trips(tmp_path: Path) -> None:
    most = dict.fromkeys(("calls_per_minute", "concurrent_calls", "agent_concurrent_calls", "sessions"), 100)
    with redis_server(tmp_path) as redis:
        tables: Any = {"auth": limits(session_minutes=6_000, **most), "server": f'store = "{redis.url}"'}
        async with hosted_server(tmp_path, agents={"one": ""}, **tables) as server:
            for session_id in ("review", "review", "another"):
                redis.ask("CONFIG RESETSTAT")
                answer = await server.call("invoke_agent", {**PROMPT, "session_id": session_id}, server.token())
                assert answer.status_code == 200
            stats = redis.ask("INFO commandstats").decode()

    # The first call reads the caller's sessions to add up their minutes, and those right after it need not.
    assert "cmdstat_evalsha:calls=4," in stats
    assert "cmdstat_zrange:" not in stats


async def test_workers_count_together_and_what_a_killed_one_held_is_free_again(tmp_path: Path) -> None:
    agent = Held()
    with redis_server(tmp_path) as redis:
        given = limits(concurrent_calls=2, sessions=3, session_minutes=600, calls_per_minute=3_000)
        async with AsyncExitStack() as stack:
            tables: Any = {"answer": agent, "auth": given, "server": f'store = "{redis.url}"'}
            one = await stack.enter_async_context(hosted_server(tmp_path, agents={"one": ""}, **tables))
            command = [sys.executable, "-m", "agentcore_mcp", "serve", "--port", "0", "--config"]
            process = await anyio.open_process([*command, str(tmp_path / "config.toml")], stdout=None)
            await stack.enter_async_context(process)
            assert process.stderr is not None
            with anyio.fail_after(WAIT_S):
                line = await BufferedByteReceiveStream(process.stderr).receive_until(b"\n", max_bytes=1000)
            other, token = replace(one, url=line.decode().split()[-1]), one.token()

            async def call(server: HostedServer) -> httpx2.Response | None:
                with suppress(httpx2.HTTPError):
                    return await server.call("invoke_agent", PROMPT, token)
                return None

            tasks = await stack.enter_async_context(asyncio.TaskGroup())
            held = [tasks.create_task(call(server)) for server in (one, other)]
            await until(lambda: agent.asked == 2)
            answers = await asyncio.gather(*(call(server) for server in (one, other) for _ in range(10)))
            assert all(answer is not None and over(answer, "concurrent_calls") for answer in answers)
            process.send_signal(signal.SIGKILL)  # type: ignore[attr-defined, unused-ignore]
            await process.wait()
            assert await held[1] is None
            # Until its lease has run out it might be alive.
            waiting = tasks.create_task(call(one))
            with anyio.fail_after(WAIT_S):
                while agent.asked == 2:
                    await anyio.sleep(0.1)
                    if waiting.done():
                        waiting = tasks.create_task(call(one))
            answer = await call(one)
            assert answer is not None
            over(answer, "concurrent_calls")
            agent.go_on.set()
            answers = [await held[0], await waiting]
            assert [None if answer is None else answer.status_code for answer in answers] == [200, 200]
            # Three sessions are open, one of them by what the killed worker wrote down.
            answer = await call(one)
            assert answer is not None
            over(answer, "sessions")

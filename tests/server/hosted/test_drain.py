"""How a hosted server ends: what has begun is finished, within the time for it."""

from __future__ import annotations

import json
import signal
from typing import TYPE_CHECKING, Any

import anyio
import httpx2
import pytest
from mcp import Client

from tests.support.mcp_hosts import http_process
from tests.support.redis import redis_server
from tests.support.servers import LAST_CHUNK, Exchange, LoopbackServer, chunk, chunked, loopback_server
from tests.support.sse import encode_sse
from tests.support.tools import PREFIX, text_of
from tests.support.waiting import WAIT_S

if TYPE_CHECKING:
    from pathlib import Path

    from anyio.abc import Process

# Far above what an end takes that waits for no call.
DRAIN_S = 10 * WAIT_S


def config_of(folder: Path, runtime: LoopbackServer, *, drain_s: float = DRAIN_S, store: str = "") -> str:
    path = folder / "config.toml"
    path.write_text(
        f'[server]\ndrain = {drain_s}\n{store}\n[agents.one]\narn = "{PREFIX}/one-0123456789"\n'
        f'endpoint_url = "{runtime.endpoint_url}"\nauth = {{ none = true }}\n',
        encoding="utf-8",
    )
    return str(path)


class Agent:
    """An agent that has said something, and goes on when it may."""

    def __init__(self) -> None:
        self.told = anyio.Event()
        self.may_end = anyio.Event()
        self.results: list[Any] = []

    async def __call__(self, exchange: Exchange) -> None:
        await exchange.send(chunked("text/event-stream") + chunk(encode_sse(json.dumps("so far"))))
        with anyio.move_on_after(WAIT_S):
            await self.may_end.wait()
        await exchange.send(chunk(encode_sse(json.dumps(", and the rest"))) + LAST_CHUNK)

    async def call(self, url: str) -> None:
        async def on_progress(progress: float, total: float | None, message: str | None) -> None:
            if message == "so far":
                self.told.set()

        async with Client(url, mode="2026-07-28") as client:
            # Or the client would do so after the call, to check its result.
            await client.list_tools()
            self.results.append(await client.call_tool("invoke_agent", {"prompt": "hi"}, progress_callback=on_progress))


async def no_longer_accepting(url: str) -> None:
    """Return once no connection can be made any more."""
    address = httpx2.URL(url)
    while True:
        try:
            stream = await anyio.connect_tcp(address.host, address.port or 80)
        except OSError:
            return
        await stream.aclose()
        await anyio.sleep(0.02)


async def ended(process: Process) -> None:
    """Wait for a process to end as it should, sooner than a drain is over."""
    with anyio.fail_after(WAIT_S):
        assert await process.wait() == 0


async def test_a_call_that_runs_when_the_signal_comes_is_finished_while_nothing_new_is_accepted(
    tmp_path: Path,
) -> None:
    agent = Agent()
    with anyio.fail_after(WAIT_S):
        async with (
            loopback_server(agent) as runtime,
            http_process("--config", config_of(tmp_path, runtime), env={}) as (url, process),
            anyio.create_task_group() as tasks,
        ):
            tasks.start_soon(agent.call, url)
            await agent.told.wait()
            process.send_signal(signal.SIGTERM)
            await no_longer_accepting(url)

            assert process.returncode is None
            assert agent.results == []

            agent.may_end.set()
            await ended(process)

    assert [text_of(result).partition("\n")[0] for result in agent.results] == ["so far, and the rest"]


@pytest.mark.parametrize("how", ["the time is up", "a second signal"])
async def test_what_still_runs_when_the_drain_ends_is_answered_with_what_it_has(how: str, tmp_path: Path) -> None:
    agent = Agent()
    drain_s = 0.5 if how == "the time is up" else DRAIN_S
    with anyio.fail_after(WAIT_S):
        async with (
            loopback_server(agent) as runtime,
            http_process("--config", config_of(tmp_path, runtime, drain_s=drain_s), env={}) as (url, process),
            anyio.create_task_group() as tasks,
        ):
            tasks.start_soon(agent.call, url)
            await agent.told.wait()
            process.send_signal(signal.SIGTERM)
            if how == "a second signal":
                await no_longer_accepting(url)
                assert process.returncode is None
                process.send_signal(signal.SIGTERM)
            await ended(process)
            agent.may_end.set()

    (result,) = agent.results
    assert result.is_error
    assert "the server is ending, and ended the call" in text_of(result)
    assert text_of(result).endswith("so far")


async def test_without_calls_there_is_nothing_to_wait_for(tmp_path: Path) -> None:
    async with (
        loopback_server(Agent()) as runtime,
        http_process("--config", config_of(tmp_path, runtime), env={}) as (url, process),
    ):
        async with Client(url) as client:
            await client.list_tools()
        process.send_signal(signal.SIGTERM)
        await ended(process)


async def test_a_handed_over_call_is_read_on_and_answered_on_a_connection_that_is_open(tmp_path: Path) -> None:
    agent = Agent()
    with anyio.fail_after(WAIT_S):
        async with (
            loopback_server(agent) as runtime,
            http_process("--config", config_of(tmp_path, runtime), "--handoff-after", "1", env={}) as (url, process),
            httpx2.AsyncClient(trust_env=False, timeout=WAIT_S) as http,
        ):
            before = await call_tool(http, url, {"prompt": "hi"})
            process.send_signal(signal.SIGTERM)
            await no_longer_accepting(url)
            while_draining = await call_tool(http, url, {"handle": result_in(before)["handle"]})
            assert process.returncode is None
            agent.may_end.set()
            await ended(process)

    assert result_in(before)["text"] == "so far"
    assert result_in(while_draining)["status"] == "RUNNING"
    assert "connection" not in before.headers
    assert while_draining.headers["connection"] == "close"


async def test_a_handed_over_call_that_the_drain_ends_is_said_to_be_over_elsewhere(tmp_path: Path) -> None:
    agent = Agent()
    with redis_server(tmp_path) as redis, anyio.fail_after(WAIT_S):
        async with loopback_server(agent) as runtime, httpx2.AsyncClient(trust_env=False, timeout=WAIT_S) as http:
            config = config_of(tmp_path, runtime, drain_s=0.5, store=f'store = "{redis.url}"')
            flags = ("--config", config, "--handoff-after", "1")
            async with http_process(*flags, env={}) as (url, ending), http_process(*flags, env={}) as (other, _):
                before = await call_tool(http, url, {"prompt": "hi"})
                ending.send_signal(signal.SIGTERM)
                await ended(ending)
                after = await call_tool(http, other, {"handle": result_in(before)["handle"]})
                agent.may_end.set()

    assert "the server is ending, and ended the call" in after.text
    assert result_in(before)["text"] == "so far"


def result_in(answer: httpx2.Response) -> dict[str, Any]:
    """Return the structured result that an answer brings, on a stream or not."""
    assert answer.status_code == 200, answer.text
    return dict(json.loads(answer.text[answer.text.index("{") :])["result"]["structuredContent"])


async def call_tool(http: httpx2.AsyncClient, url: str, arguments: dict[str, str]) -> httpx2.Response:
    """Call invoke_agent by one POST, on a connection that is kept."""
    meta = {
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "0"},
        "io.modelcontextprotocol/clientCapabilities": {},
    }
    return await http.post(
        url,
        headers={
            "Accept": "application/json, text/event-stream",
            "MCP-Protocol-Version": "2026-07-28",
            "Mcp-Method": "tools/call",
            "Mcp-Name": "invoke_agent",
        },
        json={
            "jsonrpc": "2.0",
            "id": 1,
            "method": "tools/call",
            "params": {"name": "invoke_agent", "arguments": arguments, "_meta": meta},
        },
    )

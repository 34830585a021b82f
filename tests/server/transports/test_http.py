"""The server on streamable HTTP as a process: whom it answers, and how it ends."""

from __future__ import annotations

import json
import sys
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import anyio
import httpx2
import pytest
from anyio.streams.buffered import BufferedByteReceiveStream
from mcp import Client

from tests.support.mcp_hosts import MODES, http_process, http_server
from tests.support.processes import end_of
from tests.support.raw_hosts import INITIALIZE
from tests.support.runtimes import ARN
from tests.support.servers import Exchange, chunk, chunked, loopback_server
from tests.support.sse import encode_sse
from tests.support.waiting import WAIT_S

if TYPE_CHECKING:
    from pathlib import Path

# What an orchestrator or a host waits before it kills.
END_LIMIT_S = 2.0


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("on_exit", ["keep", "stop"])
async def test_calls_that_run_at_the_end_are_answered_with_what_they_have_and_it_ends_soon(
    mode: str, on_exit: str, tmp_path: Path
) -> None:
    """Even if the service does not answer the stops of its sessions."""
    told, hung_up = anyio.Semaphore(0), anyio.Semaphore(0)
    results: list[Any] = []

    async def agent(exchange: Exchange) -> None:
        if exchange.request.target.endswith("/invocations"):
            await exchange.send(chunked("text/event-stream") + chunk(encode_sse(json.dumps("so far"))))
        await exchange.peer_closed()
        hung_up.release()

    async def call(url: str) -> None:
        async def on_progress(progress: float, total: float | None, message: str | None) -> None:
            if message == "so far":
                told.release()

        async with Client(url, mode=mode) as client:
            results.append(await client.call_tool("invoke_agent", {"prompt": "hi"}, progress_callback=on_progress))

    async with loopback_server(agent) as runtime, anyio.create_task_group() as tasks:
        config = tmp_path / "config.toml"
        config.write_text(
            f'on_exit = "{on_exit}"\n[agents.one]\narn = "{ARN}"\nendpoint_url = "{runtime.endpoint_url}"\n'
            'auth = { token = "not-a-real-token" }\n',
            encoding="utf-8",
        )
        async with http_process("--config", str(config), env={}) as (url, process):
            with anyio.fail_after(WAIT_S):
                for _ in range(2):
                    tasks.start_soon(call, url)
                for _ in range(2):
                    await told.acquire()
                process.terminate()
                took_s = await end_of(process.pid)
                for _ in range(2):
                    await hung_up.acquire()

    assert took_s < END_LIMIT_S
    assert [result.is_error for result in results] == [True, True]
    for result in results:
        assert "the server is ending" in result.content[0].text
        assert result.content[0].text.endswith("so far")


ACCEPT = {"Accept": "application/json, text/event-stream"}
META = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "0"},
    "io.modelcontextprotocol/clientCapabilities": {},
}


def message(answer: httpx2.Response) -> dict[str, Any]:
    """Return the JSON-RPC message of an answer, which is on a stream of its own."""
    assert answer.status_code == 200, answer.text
    lines = [line.removeprefix("data: ") for line in answer.text.split("\n") if line.startswith("data: {")]
    found: dict[str, Any] = json.loads(lines[-1] if lines else answer.text)
    return found


async def test_requests_without_a_session_of_the_server_are_answered() -> None:
    """As claude.ai sends them, with the version of one protocol and the parameters of another; and as platforms do."""
    foreign = {"Mcp-Session-Id": "of-the-platform-0123456789"}
    asked: list[tuple[dict[str, str], str, dict[str, Any] | None]] = [
        ({}, "ping", None),
        (foreign, "ping", None),
        ({"Mcp-Protocol-Version": "2025-11-25"}, "tools/list", {"_meta": META}),
        ({"Mcp-Protocol-Version": "2025-11-25", **foreign}, "tools/list", {}),
        ({"Mcp-Protocol-Version": "2025-06-18"}, "tools/list", {}),
        ({"Mcp-Protocol-Version": "2026-07-28", "Mcp-Method": "tools/list", **foreign}, "tools/list", {"_meta": META}),
        (foreign, "initialize", INITIALIZE),
    ]
    async with (
        http_server("--runtime-arn", ARN, env={}) as url,
        httpx2.AsyncClient(headers=ACCEPT, timeout=WAIT_S) as client,
    ):
        for number, (headers, method, params) in enumerate(asked):
            body = {"jsonrpc": "2.0", "id": number, "method": method, **({} if params is None else {"params": params})}
            answered = message(await client.post(url, json=body, headers=headers))

            assert answered["id"] == number
            assert "error" not in answered
            if method == "tools/list":
                assert answered["result"]["tools"]


async def test_a_client_that_wants_to_go_on_from_an_event_gets_a_stream() -> None:
    """As clients of 2025-11-25 do that lost one: no events are kept, so there are none to send it."""
    asked = {"Accept": "text/event-stream", "Mcp-Session-Id": "s", "Last-Event-ID": "7"}
    with anyio.fail_after(WAIT_S):
        async with (
            http_server("--runtime-arn", ARN, env={}) as url,
            httpx2.AsyncClient(timeout=WAIT_S) as client,
            client.stream("GET", url, headers=asked) as answer,
        ):
            assert answer.status_code == 200
            assert answer.headers["content-type"].startswith("text/event-stream")


async def test_a_notification_cancels_the_request_of_its_own_session_alone() -> None:
    """In 2025-11-25, where it comes on a connection of its own."""
    asked, hung_up, ended = anyio.Semaphore(0), anyio.Semaphore(0), anyio.Semaphore(0)

    async def silent(exchange: Exchange) -> None:
        await exchange.send(chunked("text/event-stream"))
        asked.release()
        await exchange.peer_closed()
        hung_up.release()

    async def call(client: httpx2.AsyncClient, url: str, session: dict[str, str]) -> None:
        params = {"name": "invoke_agent", "arguments": {"prompt": "hi"}}
        body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
        answered[session["Mcp-Session-Id"]] = message(await client.post(url, json=body, headers=session))
        ended.release()

    answered: dict[str, dict[str, Any]] = {}
    version = {"Mcp-Protocol-Version": "2025-11-25"}
    cancelled = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 1}}
    async with loopback_server(silent) as runtime:
        environ = {"AGENTCORE_RUNTIME_ARN": ARN, "AGENTCORE_ENDPOINT_URL": runtime.endpoint_url}
        async with (
            http_server(env={**environ, "AGENTCORE_BEARER_TOKEN": "not-a-real-token"}) as url,
            httpx2.AsyncClient(headers=ACCEPT, timeout=WAIT_S) as client,
        ):
            opening = {"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": INITIALIZE}
            given = [(await client.post(url, json=opening)).headers["Mcp-Session-Id"] for _ in range(2)]
            sessions = [{"Mcp-Session-Id": session, **version} for session in given]
            with anyio.fail_after(WAIT_S):
                async with anyio.create_task_group() as tasks:
                    for session in sessions:
                        tasks.start_soon(call, client, url, session)
                    for _ in sessions:
                        await asked.acquire()
                    for nobody in (version, {"Mcp-Session-Id": "another", **version}):
                        assert (await client.post(url, json=cancelled, headers=nobody)).status_code == 202
                    await client.post(url, json=cancelled, headers=sessions[1])
                    await hung_up.acquire()
                    await ended.acquire()
                    assert [*answered] == [given[1]]
                    await client.post(url, json=cancelled, headers=sessions[0])
                    await hung_up.acquire()

    assert given[0] != given[1]
    assert all("error" in answer for answer in answered.values())


async def test_without_descriptors_it_says_so_in_a_line_and_serves_again_once_there_are_some() -> None:
    limited = 'ulimit -n 64; exec "$0" "$@"'
    command = ["sh", "-c", limited, sys.executable, "-m", "agentcore_mcp", "serve", "--port", "0", "--runtime-arn", ARN]
    async with await anyio.open_process(command, stdout=None) as process:
        assert process.stderr is not None
        stderr = BufferedByteReceiveStream(process.stderr)
        with anyio.fail_after(WAIT_S):
            url = (await stderr.receive_until(b"\n", max_bytes=1000)).decode().split()[-1]
            async with AsyncExitStack() as crowd:
                for _ in range(200):
                    address = urlsplit(url).hostname or "", urlsplit(url).port or 0
                    await crowd.enter_async_context(await anyio.connect_tcp(*address))
                told = await stderr.receive_until(b"\n", max_bytes=1000)
            async with httpx2.AsyncClient(headers=ACCEPT, timeout=WAIT_S) as client:
                answered = await client.post(url, json={"jsonrpc": "2.0", "id": 1, "method": "ping"})
            process.terminate()
            rest = b"".join([data async for data in stderr])

    assert b"Too many open files" in told
    assert message(answered)["result"] == {}
    assert rest.count(b"\n") <= 1

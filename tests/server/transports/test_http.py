"""The server on streamable HTTP as a process: how it ends."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from mcp import Client

from agentcore_mcp.server.stops import EXIT_LIMIT_S
from agentcore_mcp.wire.sse import encode_sse
from tests.support.mcp_hosts import MODES, http_server
from tests.support.runtimes import ARN
from tests.support.servers import Exchange, chunk, chunked, loopback_server

if TYPE_CHECKING:
    from pathlib import Path

LIMIT_S = 20
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

    with anyio.fail_after(LIMIT_S):
        async with loopback_server(agent) as runtime, anyio.create_task_group() as tasks:
            config = tmp_path / "config.toml"
            config.write_text(
                f'on_exit = "{on_exit}"\n[agents.one]\narn = "{ARN}"\nendpoint_url = "{runtime.endpoint_url}"\n'
                'auth = { token = "not-a-real-token" }\n',
                encoding="utf-8",
            )
            async with http_server("--config", str(config), env={}) as url:
                for _ in range(2):
                    tasks.start_soon(call, url)
                for _ in range(2):
                    await told.acquire()
                began_at = anyio.current_time()
            took_s = anyio.current_time() - began_at
            for _ in range(2):
                await hung_up.acquire()

    assert took_s < END_LIMIT_S + (EXIT_LIMIT_S if on_exit == "stop" else 0)
    assert [result.is_error for result in results] == [True, True]
    for result in results:
        assert "the server is ending" in result.content[0].text
        assert result.content[0].text.endswith("so far")

"""The probes, of a real server and of one whose store a test lets fail."""

from __future__ import annotations

import asyncio
import signal
from typing import TYPE_CHECKING

import anyio
import httpx2
import pytest
from starlette.responses import PlainTextResponse

from agentcore_mcp.server.hosted.health import CHECK_LIMIT_S, Health
from tests.support.mcp_hosts import http_process
from tests.support.servers import Exchange, loopback_server
from tests.support.waiting import WAIT_S

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

ELSEWHERE = {"Host": "10.1.2.3:8000"}


async def test_a_server_answers_probes_by_any_name_and_says_when_it_drains(tmp_path: Path) -> None:
    async def never(exchange: Exchange) -> None:
        raise AssertionError("probes call no agent")

    config = tmp_path / "config.toml"
    with anyio.fail_after(WAIT_S):
        async with (
            loopback_server(never) as runtime,
            httpx2.AsyncClient(trust_env=False, headers=ELSEWHERE, timeout=WAIT_S) as http,
        ):
            config.write_text(
                '[server]\ndrain = 60\n[agents.one]\narn = "arn:aws:bedrock-agentcore:us-east-1:123456789012:runtime/'
                f'one-0123456789"\nendpoint_url = "{runtime.endpoint_url}"\nauth = {{ none = true }}\n',
                encoding="utf-8",
            )
            async with http_process("--config", str(config), env={}) as (url, process):
                base = httpx2.URL(url)
                alive, ready = base.copy_with(path="/healthz"), base.copy_with(path="/readyz")

                for probe in (alive, ready):
                    answer = await http.get(probe)
                    assert (answer.status_code, answer.text) == (200, "ok\n")
                    head = await http.head(probe)
                    assert (head.status_code, head.text) == (200, "")
                    assert (await http.post(probe)).status_code == 405
                assert (await http.get(url)).status_code == 421

                process.send_signal(signal.SIGTERM)
                while (answer := await http.get(ready)).status_code == 200:
                    pass
                # On a new connection: it is still accepted, so that whoever probes can notice.
                assert (answer.status_code, answer.text) == (503, "not ready\n")
                assert (await http.get(alive)).status_code == 200
                await process.wait()


async def _status(health: Health) -> int:
    transport = httpx2.ASGITransport(health)
    async with httpx2.AsyncClient(transport=transport, base_url="http://anywhere") as http:
        return (await http.get("/readyz")).status_code


def health_of(ping: Callable[[], Awaitable[object]]) -> Health:
    return Health(PlainTextResponse("the app"), list, ping)


async def test_many_probes_at_once_ask_the_store_once() -> None:
    pings = 0

    async def ping() -> None:
        nonlocal pings
        pings += 1
        await asyncio.sleep(0.01)

    health = health_of(ping)

    assert await asyncio.gather(*[_status(health) for _ in range(50)]) == [200] * 50
    assert pings == 1


@pytest.mark.parametrize("how", ["refuses", "hangs"])
async def test_a_store_that_does_not_answer_makes_the_server_not_ready(
    how: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def ping() -> None:
        if how == "refuses":
            raise ConnectionRefusedError("redis://user:not-a-real-password@10.0.0.1")
        await asyncio.Event().wait()

    with anyio.fail_after(CHECK_LIMIT_S + WAIT_S):
        assert await _status(health_of(ping)) == 503
    assert "the store does not answer" in caplog.text
    assert "not-a-real-password" not in caplog.text

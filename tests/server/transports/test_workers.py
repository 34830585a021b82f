"""Several processes behind one socket: what becomes of them, and that clients notice nothing of it."""

from __future__ import annotations

import os
import signal
import sys
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import httpx2
import pytest

from tests.support.mcp_hosts import http_process
from tests.support.processes import alive, children
from tests.support.runtimes import ARN
from tests.support.waiting import WAIT_S, until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


PING = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
ACCEPT = {"Accept": "application/json, text/event-stream", "Connection": "close"}


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """Return a configuration with a store, which nothing here needs."""
    path = tmp_path / "config.toml"
    path.write_text(
        f'[server]\nstore = "redis://127.0.0.1:9"\ndrain = 5\n[agents.one]\narn = "{ARN}"\n'
        'endpoint_url = "http://127.0.0.1:9"\nauth = { token = "not-a-real-token" }\n',
        encoding="utf-8",
    )
    return path


def workers_of(pid: int) -> set[int]:
    """Return those children of a process that serve: what tracks their resources is one more."""
    found = set()
    for child in children(pid):
        if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes():
            found.add(child)
    return found


@asynccontextmanager
async def calling(url: str) -> AsyncIterator[list[int]]:
    """Call without a pause, each time on a new connection; give the answers' statuses."""
    statuses: list[int] = []

    async def call() -> None:
        while True:
            async with httpx2.AsyncClient(headers=ACCEPT, timeout=WAIT_S, trust_env=False) as client:
                statuses.append((await client.post(url, json=PING)).status_code)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(call)
        yield statuses
        tasks.cancel_scope.cancel()


async def refused(*args: str) -> str:
    command = [sys.executable, "-m", "agentcore_mcp", "serve", "--port", "0", *args]
    with anyio.fail_after(WAIT_S):
        run = await anyio.run_process(command, check=False, stdout=None)
    assert run.returncode == 1
    return run.stderr.decode()


async def test_a_worker_that_is_killed_is_replaced(config: Path) -> None:
    async with http_process("--workers", "2", "--config", str(config), env={}) as (url, process):
        killed, other = workers_of(process.pid)
        async with calling(url) as statuses:
            os.kill(killed, signal.SIGKILL)  # type: ignore[attr-defined, unused-ignore]
            await until(lambda: len(workers_of(process.pid) - {killed}) == 2)
            served = len(statuses)
            await until(lambda: len(statuses) > served + 20)

        assert other in workers_of(process.pid)
        assert set(statuses) == {200}


async def test_a_hang_up_replaces_all_workers_and_no_connection_is_lost(config: Path) -> None:
    async with http_process("--workers", "2", "--config", str(config), env={}) as (url, process):
        before = workers_of(process.pid)
        async with calling(url) as statuses:
            process.send_signal(signal.SIGHUP)  # type: ignore[attr-defined, unused-ignore]
            await until(lambda: len(workers_of(process.pid)) == 2 and not workers_of(process.pid) & before)
            served = len(statuses)
            await until(lambda: len(statuses) > served + 20)

        assert set(statuses) == {200}


@pytest.mark.parametrize("how", ["SIGTERM", "SIGINT", "SIGKILL"])
async def test_no_worker_outlives_its_parent(config: Path, how: str) -> None:
    number = getattr(signal, how)
    async with http_process("--workers", "2", "--config", str(config), env={}) as (url, process):
        workers = workers_of(process.pid)
        process.send_signal(number)
        await until(lambda: not any(map(alive, workers)))
        with anyio.fail_after(WAIT_S):
            assert await process.wait() == (-number if how == "SIGKILL" else 0)
        async with httpx2.AsyncClient(trust_env=False, timeout=WAIT_S) as client:
            with pytest.raises(httpx2.ConnectError):
                await client.post(url, json=PING)


async def test_workers_that_can_not_start_end_the_server_with_the_reason(config: Path) -> None:
    told = await refused("--workers", "2", "--config", str(config), "--host", "0.0.0.0")

    assert "name the host that they use with --allowed-host" in told
    assert "a worker could not start" in told


async def test_several_workers_need_a_store() -> None:
    assert "--workers 2 needs server.store" in await refused("--workers", "2", "--runtime-arn", ARN)

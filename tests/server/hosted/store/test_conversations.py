"""Conversations with A2A agents over two workers: what one has read and kept, the other goes on with."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from mcp import Client

from agentcore_mcp.local.agentcore import LocalAgentCore
from agentcore_mcp.server.assembly import create_server
from tests.support.redis import redis_server
from tests.support.tools import data_of, settings
from tests.support.waiting import WAIT_S

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from tests.support.redis import RedisServer


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[RedisServer]:
    with redis_server(tmp_path) as server:
        yield server


@asynccontextmanager
async def two(redis: RedisServer, **others: Any) -> AsyncIterator[tuple[Client, Client]]:
    agents = {"a2a": {"app": "tests.support.agents.scripted_a2a:app", "protocol": "a2a"}}
    with LocalAgentCore(agents=agents) as local:
        agent = {"protocol": "a2a", "arn": local.agents["a2a"], "on_cancel": "cancel"}
        chosen = settings(local.endpoint_url, agent=agent, server={"store": redis.url}, **others)
        with anyio.fail_after(WAIT_S):
            async with Client(create_server(chosen)) as a, Client(create_server(chosen)) as b:
                yield a, b


async def ask(client: Client, prompt: str, **arguments: Any) -> dict[str, Any]:
    return data_of(await client.call_tool("invoke_agent", {"prompt": prompt, **arguments}))


async def test_a_task_that_waits_is_answered_by_another_worker(redis: RedisServer) -> None:
    async with two(redis) as (a, b):
        asked = await ask(a, "input")
        answered = await ask(b, "Paris", session_id=asked["session_id"])
        again = await ask(a, "hello", session_id=asked["session_id"])

    assert asked["status"] == "INPUT_REQUIRED"
    assert (answered["status"], again["status"]) == ("COMPLETED", "COMPLETED")
    assert answered["text"].removeprefix("Paris in ") == again["text"].removeprefix("hello in ")


async def test_a_task_that_was_handed_over_is_collected_or_cancelled_by_another_worker(redis: RedisServer) -> None:
    async with two(redis, handoff_after_s=1) as (a, b):
        begun = await ask(a, "slow")
        shown = begun["text"]
        while begun["status"] == "RUNNING":
            begun = data_of(await b.call_tool("invoke_agent", {"handle": begun["handle"]}))
            shown += begun["text"]
        long = await ask(a, "long", session_id=begun["session_id"])
        with anyio.CancelScope() as scope:

            async def cancel(progress: float, total: float | None, message: str | None) -> None:
                scope.cancel()

            await b.call_tool("invoke_agent", {"handle": long["handle"]}, progress_callback=cancel)
        while "cancel " not in (await ask(b, "runs", session_id=begun["session_id"]))["text"]:
            pass

    assert shown.split() == [f"word{number}" for number in range(20)]
    assert long["status"] == "RUNNING"

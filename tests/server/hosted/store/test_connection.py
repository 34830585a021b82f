"""The connection of a worker to Redis, as Redis goes away and comes back."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import anyio
import pytest

from agentcore_mcp.errors import ConfigurationError
from agentcore_mcp.server.hosted.store.connection import RedisStore, StoreError
from agentcore_mcp.server.hosted.store.keys import CANCELLED, EVERYBODY
from tests.support.redis import redis_server
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
async def worker(redis: RedisServer) -> AsyncIterator[tuple[RedisStore, list[str]]]:
    """Run a worker that notes what it hears was cancelled, once it listens."""
    store, cancelled = RedisStore(redis.url), list[str]()
    store.heard[CANCELLED] = cancelled.append
    async with store.running():
        await heard(store, cancelled, "first")
        yield store, cancelled


async def heard(teller: RedisStore, cancelled: list[str], request: str) -> None:
    """Tell it again until it is heard: Redis delivers a message only to those that listen already."""
    with anyio.fail_after(WAIT_S):
        while request not in cancelled:
            await teller.tell(EVERYBODY, CANCELLED, request)
            await anyio.sleep(0.02)


async def test_a_text_is_new_to_one_worker_alone(redis: RedisServer) -> None:
    async with worker(redis) as (here, _), worker(redis) as (there, _):
        assert await here.once("a")
        assert not await there.once("a")
        assert await there.once("b")


@pytest.mark.parametrize("how", ["restarted", "disconnected"])
async def test_what_was_written_is_there_and_messages_arrive_after_redis_was_gone(redis: RedisServer, how: str) -> None:
    async with worker(redis) as (here, cancelled), worker(redis) as (there, _):
        assert await here.once("a")
        if how == "restarted":
            redis.stop()
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(anyio.to_thread.run_sync, redis.start)
                assert not await there.once("a")
        else:
            for kind in ("normal", "pubsub"):
                redis.ask(f"CLIENT KILL TYPE {kind}")
            assert not await there.once("a")
        await heard(there, cancelled, "second")


async def test_while_redis_is_gone_an_operation_says_so_in_time_and_is_counted(redis: RedisServer) -> None:
    redis.stop()
    store = RedisStore(redis.url)
    async with store.running():
        with anyio.fail_after(WAIT_S), pytest.raises(StoreError, match="this request sent nothing"):
            await store.once("a")

    assert store.errors > 0


@pytest.mark.parametrize("url", ["port/0", "1/0?no_such_option=1", "1/0?ssl_cert_reqs=none"])
def test_a_url_that_is_no_good_is_refused_without_showing_its_password(url: str) -> None:
    with pytest.raises(ConfigurationError, match="a URL that redis-py") as refused:
        RedisStore(f"redis://:not-a-secret@127.0.0.1:{url}")

    assert "not-a-secret" not in repr(refused.value.__cause__)


async def test_an_option_for_text_changes_no_answer(redis: RedisServer) -> None:
    store = RedisStore(f"{redis.url}?decode_responses=true")
    async with store.running(), store.reached() as client:
        await client.set("a", "b")
        assert await client.get("a") == b"b"


async def test_what_no_version_of_this_writes_is_passed_over_and_all_else_goes_on(redis: RedisServer) -> None:
    async with worker(redis) as (here, cancelled), here.reached() as client:
        odd = [b"no JSON", b"\xff", b"[]", b"5", b"{}", b'{"about": []}', b'{"about": "x"}', b"[" * 100_000]
        for message in [*odd, b'{"about": "cancelled"}']:
            await client.publish("agentcore-mcp:everybody", message)
        await heard(here, cancelled, "after")
        for caller in ('["https://issuer.example", "alice", "app"]', "no JSON", '["alice"]', "5"):
            await client.zadd("agentcore-mcp:principals", {caller: 1})
        assert [caller.subject for caller in await here.principals()] == ["alice"]


@pytest.mark.parametrize("command", ["CONFIG SET maxmemory 1", "REPLICAOF 127.0.0.1 1"], ids=["full", "replica"])
async def test_a_redis_that_takes_nothing_is_not_there_for_a_probe(redis: RedisServer, command: str) -> None:
    async with worker(redis) as (here, _):
        await here.beat()
        redis.ask(command)

        with anyio.fail_after(WAIT_S), pytest.raises(StoreError):
            await here.beat()

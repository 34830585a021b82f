"""How many calls go on at once, in this process or counted in Redis by all workers together."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import anyio
import pytest

from agentcore_mcp.server.hosted.slots import Slot, Slots
from agentcore_mcp.server.hosted.store.connection import RedisStore, channel
from tests.support.redis import redis_server

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from tests.support.redis import RedisServer

LIMIT_S = 20


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with redis_server(tmp_path_factory.mktemp("redis")) as server:
        yield server


@asynccontextmanager
async def worker(redis: RedisServer) -> AsyncIterator[tuple[RedisStore, Slots]]:
    store = RedisStore(redis.url)
    async with store.running():
        with anyio.fail_after(LIMIT_S):
            async with store.reached() as client:
                while not await client.exists(channel(store.worker)):
                    pass
        yield store, Slots(store)


@pytest.fixture(params=["memory", "redis"])
async def slots(request: pytest.FixtureRequest) -> AsyncIterator[Slots]:
    if request.param == "memory":
        yield Slots()
        return
    redis: RedisServer = request.getfixturevalue("redis")
    redis.ask("FLUSHALL")
    async with worker(redis) as (_, slots):
        yield slots


async def taken(slots: Slots, wanted: dict[str, int]) -> None:
    """Take them as soon as there are some: in Redis they are given back in the background."""
    full: str | None = ""
    with anyio.fail_after(LIMIT_S):
        while full is not None:
            full = await slots.take(wanted)


async def test_of_a_hundred_at_once_exactly_as_many_pass_as_there_are_slots(slots: Slots) -> None:
    outcomes = await asyncio.gather(*(slots.take({"a": 7}) for _ in range(100)))

    assert outcomes.count(None) == 7
    assert outcomes.count("a") == 93
    assert await slots.take({"b": 1}) is None


async def test_a_call_takes_a_slot_of_each_name_or_none(slots: Slots) -> None:
    assert await slots.take({"caller": 2, "agent": 1}) is None
    assert await slots.take({"caller": 2, "agent": 1}) == "agent"
    assert await slots.take({"caller": 2}) is None
    assert await slots.take({"caller": 2}) == "caller"

    slots.free(["caller", "agent"])
    await taken(slots, {"caller": 2, "agent": 1})
    assert await slots.take({"caller": 2}) == "caller"


async def test_slots_are_held_until_the_request_and_its_call_have_ended_and_that_of_a_session_until_it_counts(
    slots: Slots,
) -> None:
    wanted = {"calls": 1, "opening": 1}
    assert await slots.take(wanted) is None
    slot, go_on = Slot(slots, wanted, "opening"), asyncio.Event()

    async def wait() -> None:
        await go_on.wait()

    task = asyncio.create_task(wait())
    slot.hold_for(task)
    slot.leave()
    assert await slots.take({"opening": 1}) == "opening"
    slot.opened()
    slot.opened()
    await taken(slots, {"opening": 1})
    assert await slots.take({"opening": 1}) == "opening"
    assert await slots.take({"calls": 1}) == "calls"
    go_on.set()
    await task
    await taken(slots, {"calls": 1})


async def test_workers_count_together_and_one_that_was_killed_does_not_count(redis: RedisServer) -> None:
    redis.ask("FLUSHALL")
    async with worker(redis) as (_, mine), worker(redis) as (store, others):
        assert await mine.take({"a": 2}) is None
        assert await others.take({"a": 2}) is None
        assert await mine.take({"a": 2}) == "a"
        # What Redis does by itself once a worker has not said for a while that it lives.
        async with store.reached() as client:
            await client.delete(channel(store.worker))
        assert await mine.take({"a": 2}) is None
        # It was only slow: what it gives back is not taken from anybody else.
        others.free(["a"])
        assert await mine.take({"a": 2}) == "a"


async def test_slots_are_given_back_once_redis_is_there_again(redis: RedisServer) -> None:
    redis.ask("FLUSHALL")
    async with worker(redis) as (_, slots):
        assert await slots.take({"a": 1}) is None
        redis.stop()
        slots.free(["a"])
        redis.start()
        await taken(slots, {"a": 1})

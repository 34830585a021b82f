"""How many calls go on at once, in this process or counted in Redis by all workers together."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import anyio
import pytest

from agentcore_mcp.server.hosted.slots import Slot, Slots
from agentcore_mcp.server.hosted.store.connection import RedisStore
from agentcore_mcp.server.hosted.store.keys import OPENING, worker_key
from tests.support.redis import redis_server
from tests.support.waiting import WAIT_S

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from tests.support.redis import RedisServer


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with redis_server(tmp_path_factory.mktemp("redis")) as server:
        yield server


@asynccontextmanager
async def worker(redis: RedisServer) -> AsyncIterator[tuple[RedisStore, Slots]]:
    store = RedisStore(redis.url)
    async with store.running():
        with anyio.fail_after(WAIT_S):
            async with store.reached() as client:
                while not await client.exists(worker_key(store.worker)):
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
    with anyio.fail_after(WAIT_S):
        while full is not None:
            full = await take(slots, wanted)


async def take(slots: Slots, wanted: dict[str, int]) -> str | None:
    return await Slot(slots).take(wanted)


async def test_of_a_hundred_at_once_exactly_as_many_pass_as_there_are_slots(slots: Slots) -> None:
    outcomes = await asyncio.gather(*(take(slots, {"a": 7}) for _ in range(100)))

    assert outcomes.count(None) == 7
    assert outcomes.count("a") == 93
    assert await take(slots, {"b": 1}) is None


async def test_a_call_takes_a_slot_of_each_name_or_none(slots: Slots) -> None:
    slot = Slot(slots)
    assert await slot.take({"caller": 2, "agent": 1}) is None
    assert await take(slots, {"caller": 2, "agent": 1}) == "agent"
    assert await take(slots, {"caller": 2}) is None
    assert await take(slots, {"caller": 2}) == "caller"

    slot.leave()
    await taken(slots, {"caller": 2, "agent": 1})
    assert await take(slots, {"caller": 2}) == "caller"


async def test_slots_are_held_until_a_call_has_ended_and_that_of_a_session_until_it_counts(
    slots: Slots,
) -> None:
    slot, go_on = Slot(slots), asyncio.Event()
    assert await slot.take({"calls": 1, f"{OPENING}x": 1}) is None

    async def wait() -> None:
        await go_on.wait()

    task = asyncio.create_task(wait())
    slot.begin(task)
    slot.leave()
    assert await take(slots, {f"{OPENING}x": 1}) == f"{OPENING}x"
    slot.opened()
    slot.opened()
    await taken(slots, {f"{OPENING}x": 1})
    assert await take(slots, {f"{OPENING}x": 1}) == f"{OPENING}x"
    assert await take(slots, {"calls": 1}) == "calls"
    go_on.set()
    await task
    await taken(slots, {"calls": 1})


async def test_workers_count_together_and_one_that_was_killed_does_not_count(redis: RedisServer) -> None:
    redis.ask("FLUSHALL")
    async with worker(redis) as (_, mine), worker(redis) as (store, others):
        slow = Slot(others)
        assert await take(mine, {"a": 2}) is None
        assert await slow.take({"a": 2}) is None
        assert await take(mine, {"a": 2}) == "a"
        # What Redis does by itself once a worker has not said for a while that it lives.
        async with store.reached() as client:
            await client.delete(worker_key(store.worker))
        assert await take(mine, {"a": 2}) is None
        # It was only slow: what it gives back is not taken from anybody else.
        slow.leave()
        assert await take(mine, {"a": 2}) == "a"


async def test_slots_are_given_back_once_redis_is_there_again(redis: RedisServer) -> None:
    redis.ask("FLUSHALL")
    async with worker(redis) as (_, slots):
        slot = Slot(slots)
        assert await slot.take({"a": 1}) is None
        redis.stop()
        slot.leave()
        redis.start()
        await taken(slots, {"a": 1})


async def test_a_slot_that_is_asked_for_twice_is_taken_once(redis: RedisServer) -> None:
    """As redis-py does if the first answer is lost."""
    redis.ask("FLUSHALL")
    async with worker(redis) as (_, slots):
        for _ in range(2):
            assert await slots.take({"a": 1, "b": 1}, 1) is None
        assert await slots.take({"a": 1, "b": 1}, 2) == "a"
        for _ in range(2):
            slots.free(["a", "b"], 1)
        await taken(slots, {"a": 1, "b": 1})
        assert await take(slots, {"b": 1}) == "b"


async def test_whoever_is_cancelled_while_taking_a_slot_leaves_none(redis: RedisServer) -> None:
    redis.ask("FLUSHALL")
    async with worker(redis) as (_, slots):
        for _ in range(20):
            slot = Slot(slots)
            taking = asyncio.create_task(slot.take({"a": 1}))
            for _ in range(5):
                await asyncio.sleep(0)
            taking.cancel()
            await asyncio.gather(taking, return_exceptions=True)
            slot.leave()
        await taken(slots, {"a": 1})


async def test_whoever_calls_again_as_soon_as_a_call_has_ended_finds_its_slot_free(slots: Slots) -> None:
    for _ in range(50):
        slot = Slot(slots)
        assert await slot.take({"a": 1}) is None
        slot.leave()

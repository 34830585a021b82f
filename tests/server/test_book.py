"""What is written down of sessions, in memory and in Redis: one table for both."""

from __future__ import annotations

import asyncio
import itertools
from typing import TYPE_CHECKING, Any

import pytest

from agentcore_mcp.errors import ConnectError
from agentcore_mcp.server.assembly import create_server
from agentcore_mcp.server.book import MAX_SESSIONS, MemoryBook
from agentcore_mcp.server.hosted.store.book import RedisBook
from agentcore_mcp.server.hosted.store.connection import RedisStore
from agentcore_mcp.server.ledger import Ledger
from agentcore_mcp.server.sessions import Session
from agentcore_mcp.server.stops import Stops
from agentcore_mcp.wire.limits import IDLE_TIMEOUT_S, SESSION_LIFETIME_S
from agentcore_mcp.wire.pauses import Pause
from tests.support.principals import ALICE, OTHERS
from tests.support.redis import redis_server
from tests.support.tools import SESSION, settings
from tests.support.waiting import WAIT_S

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator, Sequence

    from agentcore_mcp.server.agents import Agents, Target
    from agentcore_mcp.server.ledger import Book
    from tests.support.redis import RedisServer

    MakeBook = Callable[..., Book]

QUESTION = Pause("Really?", "id-1", "approve", {"type": "boolean"}, takes_response=True)


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with redis_server(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture
def agents() -> Agents:
    return create_server(settings("http://127.0.0.1:9")).state.agents


@pytest.fixture
async def target(agents: Agents) -> Target:
    return (await agents.all())[0]


@pytest.fixture
def clock() -> list[float]:
    return [1_000.0]


class Repeating(RedisStore):
    """Takes each step twice, as redis-py does if the first answer is lost."""

    async def run(self, script: str, keys: Sequence[str], *args: Any) -> Any:
        await super().run(script, keys, *args)
        return await super().run(script, keys, *args)


@pytest.fixture(params=["memory", "redis", "redis that answers at the second time"])
async def book(request: pytest.FixtureRequest, agents: Agents, clock: list[float]) -> AsyncIterator[Book]:
    if request.param == "memory":
        yield MemoryBook(now=lambda: clock[0])
        return
    redis: RedisServer = request.getfixturevalue("redis")
    redis.ask("FLUSHALL")
    store = RedisStore(redis.url) if request.param == "redis" else Repeating(redis.url)
    async with store.running():
        yield RedisBook(store, ALICE, agents, now=lambda: clock[0])


async def ids(book: Book) -> list[str]:
    return [session.session_id for session in await book.all()]


async def test_a_session_is_found_by_agent_and_id_with_what_is_known_of_it(book: Book, target: Target) -> None:
    session = await book.used(Session(SESSION, target, "review"))
    await book.used(Session(SESSION, target, SESSION))
    await book.left(session, [QUESTION], {"task": "t-1"})
    found = await book.get(session.key)
    assert found is not None

    assert (found.session_id, found.target, found.called, found.calls) == (SESSION, target, SESSION, 2)
    assert (found.opened_at, found.used_at, tuple(found.pauses)) == (1_000.0, 1_000.0, (QUESTION,))
    assert found.kept == {"task": "t-1"}
    await book.left(found, (), {})
    again = await book.used(Session(SESSION, target))
    assert (tuple(again.pauses), again.kept) == ((), {})
    assert await book.get((target.agent.name, "another")) is None


async def test_what_an_agent_waits_for_is_claimed_by_one_call_until_it_is_left(
    book: Book, target: Target, clock: list[float]
) -> None:
    first = await book.used(Session(SESSION, target))
    await book.left(first, [QUESTION], {})
    second = await book.used(Session(SESSION, target))

    assert (await book.claim(first, first.pauses), await book.claim(second, second.pauses)) == (True, False)
    clock[0] += 60
    assert not await book.claim(second, second.pauses)
    await book.left(first, [QUESTION], {})
    assert await book.claim(second, second.pauses)


async def test_a_question_that_was_answered_meanwhile_is_not_answered_again(book: Book, target: Target) -> None:
    """A call may have read it before, and claim it after the one that answered it was let through."""
    first = await book.used(Session(SESSION, target))
    await book.left(first, [QUESTION], {})
    second = await book.used(Session(SESSION, target))
    read = second.pauses

    assert await book.claim(first, first.pauses)
    await book.left(first, (), {})

    assert not await book.claim(second, read)


async def test_a_call_that_is_cancelled_while_it_claims_a_question_leaves_it_to_the_next(target: Target) -> None:
    claimed, go_on = asyncio.Event(), asyncio.Event()

    class FarBook(MemoryBook):
        async def claim(self, session: Session, pauses: Sequence[Pause]) -> bool:
            result = await super().claim(session, pauses)
            claimed.set()
            await go_on.wait()
            return result

    ledger = Ledger(FarBook())
    session = await ledger.book.used(Session(SESSION, target))
    await ledger.book.left(session, [QUESTION], {})

    async def answer() -> Sequence[Pause]:
        async with ledger.answering(session) as pauses:
            return pauses

    async with asyncio.timeout(WAIT_S):
        call = asyncio.create_task(answer())
        await claimed.wait()
        call.cancel()
        go_on.set()
        with pytest.raises(asyncio.CancelledError):
            await call
        assert await answer() == [QUESTION]


async def test_sessions_are_listed_by_their_last_use(book: Book, target: Target, clock: list[float]) -> None:
    for name in ("a", "b", "c", "a"):
        clock[0] += 1
        await book.used(Session(name * 40, target))

    assert [name[0] for name in await ids(book)] == ["b", "c", "a"]


@pytest.mark.parametrize(("calls", "left"), [(1, []), (2, [SESSION])])
async def test_a_call_that_is_taken_back_leaves_what_earlier_ones_opened(
    book: Book, target: Target, calls: int, left: list[str]
) -> None:
    for _ in range(calls):
        session = await book.used(Session(SESSION, target))
    await book.ended(session, opened=False)

    assert await ids(book) == left


async def test_a_session_that_answers_under_another_id_is_kept_under_that(
    book: Book, target: Target, clock: list[float]
) -> None:
    await book.used(Session("b" * 40, target))
    clock[0] = 1_100
    session = await book.used(Session(SESSION, target, "review"))
    await book.moved(session, "b" * 40)
    (found,) = await book.all()

    assert session.session_id == found.session_id == "b" * 40
    assert (found.called, found.opened_at) == ("review", 1_000)
    assert not await book.ended(session)


async def test_a_session_is_stopped_for_calls_that_began_before_and_not_for_those_that_come_after(
    book: Book, target: Target
) -> None:
    before = await book.used(Session(SESSION, target))
    assert not await book.ended(before)
    await book.stopping(before, 1)
    assert await book.ended(before)
    after = await book.used(Session(SESSION, target))

    assert (await book.ended(before), await book.ended(after), after.calls) == (True, False, 1)
    await book.stopping(before, -1)
    await book.ended(before, opened=False)
    assert (await book.ended(after), await ids(book)) == (False, [SESSION])


async def test_a_session_ends_with_the_first_stop_that_did_not_fail(
    book: Book, target: Target, clock: list[float]
) -> None:
    session = await book.used(Session(SESSION, target))
    ended_at = []
    for change in (1, -1, 1, 1, -1):
        clock[0] += 10
        await book.stopping(session, change)
        known = await book.get(session.key)
        assert known is not None
        ended_at.append(known.ends_at)

    idle_at = 1_000 + IDLE_TIMEOUT_S
    assert ended_at == [1_010, idle_at, 1_030, 1_030, 1_030]


async def test_of_too_many_sessions_those_that_were_stopped_are_forgotten_first(
    book: Book, target: Target, clock: list[float]
) -> None:
    for number in range(MAX_SESSIONS):
        clock[0] += 1
        session = await book.used(Session(f"{number:040}", target))
        await book.stopping(session, int(number == 1))
    await book.used(Session("a" * 40, target))
    assert f"{1:040}" not in await ids(book)
    await book.used(Session("b" * 40, target))

    listed = await ids(book)
    assert (len(listed), listed[0], listed[-1]) == (MAX_SESSIONS, f"{2:040}", "b" * 40)


async def test_a_session_is_open_until_it_is_stopped_or_idle_and_anew_from_the_next_call_on(
    book: Book, target: Target, clock: list[float]
) -> None:
    async def used_at(now: float) -> Session:
        clock[0] = now
        return await book.used(Session(SESSION, target))

    async def spans() -> list[tuple[float, float]]:
        (session,) = await book.all()
        return list(session.spans)

    await used_at(1_000)
    long = await used_at(1_600)
    assert await spans() == [(1_000, 1_600 + IDLE_TIMEOUT_S)]
    clock[0] = 2_000
    await book.ended(long)
    idled = await used_at(9_000)
    assert await spans() == [(1_000, 2_000 + IDLE_TIMEOUT_S), (9_000, 9_000 + IDLE_TIMEOUT_S)]
    clock[0] = 9_100
    await book.stopping(idled, 1)
    await book.stopping(idled, 1)
    await book.stopping(idled, -1)
    assert (await spans())[-1][1] == 9_100
    again = await used_at(9_200)
    assert await spans() == [(1_000, 2_900), (9_000, 9_100), (9_200, 9_200 + IDLE_TIMEOUT_S)]
    await book.stopping(again, 1)
    await book.stopping(again, -1)
    assert (await spans())[-1][1] == 9_200 + IDLE_TIMEOUT_S
    for now in range(9_300, 9_200 + int(SESSION_LIFETIME_S), 800):
        await used_at(now)
    assert (await spans())[-1] == (9_200, 9_200 + SESSION_LIFETIME_S)


async def test_no_session_has_endless_memories_of_when_it_was_open(
    book: Book, target: Target, clock: list[float]
) -> None:
    for clock[0] in itertools.islice(itertools.count(10_000, 1_000), 150):
        session = await book.used(Session(SESSION, target))

    assert session.spans[-2:] == ((158_000, 158_900), (159_000, 159_900))
    assert len(session.spans) <= 101


async def test_another_worker_has_the_sessions_of_the_same_principal_and_of_no_other(
    redis: RedisServer, agents: Agents, target: Target
) -> None:
    redis.ask("FLUSHALL")
    here, there = RedisStore(redis.url), RedisStore(redis.url)
    async with here.running(), there.running():
        await RedisBook(here, ALICE, agents).used(Session(SESSION, target))
        assert await ids(RedisBook(there, ALICE, agents)) == [SESSION]
        for other in OTHERS:
            assert await ids(RedisBook(there, other, agents)) == []
            assert await RedisBook(there, other, agents).get((target.agent.name, SESSION)) is None
        assert await there.principals() == [ALICE]


@pytest.mark.parametrize(
    ("name", "value"), [("opened_at", "x"), ("pauses", "{"), ("generation", ""), ("earlier", "-"), ("stopping", "1e9")]
)
async def test_a_session_that_is_odd_in_the_store_hides_no_other(
    redis: RedisServer, agents: Agents, target: Target, name: str, value: str
) -> None:
    redis.ask("FLUSHALL")
    store, other = RedisStore(redis.url), f"another-{SESSION}"
    async with store.running(), store.reached() as client:
        book = RedisBook(store, ALICE, agents)
        for session_id in (SESSION, other):
            await book.used(Session(session_id, target))
        (key,) = [each async for each in client.scan_iter(f"*{other}")]
        await client.hset(key, name, value)

        assert await ids(book) == [SESSION]
        assert await book.get((target.agent.name, other)) is None


async def test_a_session_of_an_agent_that_is_not_configured_any_more_can_still_be_stopped(
    redis: RedisServer, agents: Agents
) -> None:
    redis.ask("FLUSHALL")
    before = create_server(settings("http://127.0.0.1:9", "older")).state.agents
    store = RedisStore(redis.url)
    async with store.running():
        await RedisBook(store, ALICE, before).used(Session(SESSION, await before.named("older")))
        (session,) = await RedisBook(store, ALICE, agents).all()

    assert (session.agent, session.target.agent.arn) == ("older", (await before.named("older")).agent.arn)


async def test_a_stop_that_is_cancelled_while_it_is_written_down_is_taken_back(
    redis: RedisServer, agents: Agents, target: Target
) -> None:
    """A call of a client that leaves may be cancelled at any step; the session is still open, and is listed."""
    redis.ask("FLUSHALL")
    store = RedisStore(redis.url)
    async with store.running():
        book = RedisBook(store, ALICE, agents)
        session = await book.used(Session(SESSION, target))
        for steps in range(12):
            stop = asyncio.create_task(Stops(agents, read_only=False).stop(session, book))
            for _ in range(steps):
                await asyncio.sleep(0)
            stop.cancel()
            with pytest.raises((asyncio.CancelledError, ConnectError)):
                await stop
            assert not await book.ended(session)
        # The next one counts.
        await book.stopping(session, 1)
        assert await book.ended(session)

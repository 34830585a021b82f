"""The worker loop: what crosses over from it, in what order, and how far ahead."""

from __future__ import annotations

import asyncio
import sys
import threading
from contextvars import ContextVar, copy_context
from typing import TYPE_CHECKING, Any

import pytest

from agentcore_mcp.hosting.worker import WorkerLoop

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

LIMIT_S = 10

_colour: ContextVar[str] = ContextVar("colour", default="none")


async def _numbers(count: int) -> AsyncGenerator[int]:
    for n in range(count):
        yield n


async def _nothing() -> None:
    """Give the loop a turn."""


async def test_a_coroutine_runs_in_another_thread_with_the_callers_context() -> None:
    async def work(n: int) -> tuple[int, str, str]:
        return n, _colour.get(), threading.current_thread().name

    _colour.set("red")

    assert await WorkerLoop().run(work, 5) == (5, "red", "agentcore-worker")


async def test_a_coroutines_error_arrives_as_it_is() -> None:
    async def work() -> None:
        raise LookupError("lost")

    with pytest.raises(LookupError, match="lost"):
        await WorkerLoop().run(work)


async def test_cancelling_the_wait_cancels_the_work() -> None:
    started, cancelled = threading.Event(), threading.Event()

    async def work() -> None:
        try:
            started.set()
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            cancelled.set()
            raise

    waiting = asyncio.create_task(WorkerLoop().run(work))
    assert await asyncio.to_thread(started.wait, LIMIT_S)
    waiting.cancel()

    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert await asyncio.to_thread(cancelled.wait, LIMIT_S)


async def test_all_work_shares_one_loop() -> None:
    worker = WorkerLoop()

    async def which() -> asyncio.AbstractEventLoop:
        return asyncio.get_running_loop()

    assert await worker.run(which) is await worker.run(which)
    assert await worker.run(which) is not asyncio.get_running_loop()


@pytest.mark.parametrize("count", [0, 1, 99, 100, 101, 5000])
async def test_pieces_arrive_all_and_in_order(count: int) -> None:
    pieces = WorkerLoop().iterate(_numbers(count), copy_context())

    assert [piece async for piece in pieces] == list(range(count))


async def test_pieces_before_an_error_arrive_before_it() -> None:
    async def source() -> AsyncGenerator[int]:
        yield 1
        yield 2
        raise LookupError("lost")

    arrived = []
    with pytest.raises(LookupError, match="lost"):
        async for piece in WorkerLoop().iterate(source(), copy_context()):
            arrived.append(piece)  # noqa: PERF401 - the error must not take them along

    assert arrived == [1, 2]


async def test_a_generator_runs_in_the_given_context() -> None:
    async def source() -> AsyncGenerator[str]:
        yield _colour.get()

    _colour.set("red")
    context = copy_context()
    _colour.set("blue")

    assert [piece async for piece in WorkerLoop().iterate(source(), context)] == ["red"]


async def test_a_generator_waits_for_a_slow_reader() -> None:
    """Otherwise an endless answer to a client that does not read would take all memory."""
    produced = 0

    async def endless() -> AsyncGenerator[int]:
        nonlocal produced
        while True:
            produced += 1
            yield produced

    worker = WorkerLoop()
    pieces = worker.iterate(endless(), copy_context())
    assert await anext(pieces) == 1
    for _ in range(10):  # turns of the loop, in which it could go on
        await worker.run(_nothing)
    ahead = produced
    for _ in range(10):
        await worker.run(_nothing)

    assert produced == ahead <= 201
    await pieces.aclose()


async def test_closing_the_iteration_closes_the_generator_wherever_it_is() -> None:
    closed = threading.Semaphore(0)

    async def waiting() -> AsyncGenerator[int]:
        try:
            yield 1
            await asyncio.sleep(3600)
        finally:
            await asyncio.sleep(0)
            closed.release()

    async def running_ahead() -> AsyncGenerator[int]:
        try:
            while True:
                yield 1
        finally:
            closed.release()

    for source in (waiting(), running_ahead()):
        pieces = WorkerLoop().iterate(source, copy_context())
        assert await anext(pieces) == 1
        await pieces.aclose()

        assert await asyncio.to_thread(closed.acquire, timeout=LIMIT_S)


async def test_a_generator_that_ignores_its_cancellation_ends_at_its_next_piece() -> None:
    cancelled, closed = threading.Event(), threading.Event()

    async def stubborn() -> AsyncGenerator[int]:
        try:
            while True:
                try:
                    yield 1
                    await asyncio.sleep(3600)
                except asyncio.CancelledError:
                    cancelled.set()
        finally:
            closed.set()

    pieces = WorkerLoop().iterate(stubborn(), copy_context())
    assert await anext(pieces) == 1
    await pieces.aclose()

    assert await asyncio.to_thread(closed.wait, LIMIT_S)
    assert cancelled.is_set()


async def _exiting() -> None:
    sys.exit(3)


async def _interrupting() -> None:
    raise KeyboardInterrupt


async def _stopping() -> None:
    asyncio.get_running_loop().stop()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("background", [_exiting, _interrupting, _stopping])
async def test_a_background_task_that_would_end_the_loop_ends_only_itself(background: Any) -> None:
    worker = WorkerLoop()
    tasks: list[asyncio.Task[None]] = []
    started, release = threading.Event(), threading.Event()

    async def start() -> str:
        tasks.append(asyncio.create_task(background()))
        started.set()
        await asyncio.to_thread(release.wait, LIMIT_S)
        return "went on"

    waiting = asyncio.create_task(worker.run(start))
    assert await asyncio.to_thread(started.wait, LIMIT_S)
    await asyncio.wait_for(worker.run(_nothing), LIMIT_S)
    release.set()

    assert await asyncio.wait_for(waiting, LIMIT_S) == "went on"
    tasks[0].exception()  # it is done, and has been looked at


def test_a_reader_whose_loop_is_gone_leaves_the_worker_alive() -> None:
    worker = WorkerLoop()
    release = threading.Event()

    async def source() -> AsyncGenerator[int]:
        yield 1
        release.wait(LIMIT_S)
        yield 2

    async def read_one() -> None:
        assert await anext(worker.iterate(source(), copy_context())) == 1

    asyncio.run(read_one())
    release.set()

    asyncio.run(worker.run(_nothing))

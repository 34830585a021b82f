"""The worker loop: what crosses over from it, in what order, and how far ahead."""

from __future__ import annotations

import asyncio
import gc
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar, copy_context
from typing import TYPE_CHECKING, Any

import pytest

from agentcore_mcp.hosting import BedrockAgentCoreApp
from agentcore_mcp.hosting.worker import WorkerLoop
from tests.support.serving import exchange, http_request, serving
from tests.support.waiting import WAIT_S

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator


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
    assert await asyncio.to_thread(started.wait, WAIT_S)
    waiting.cancel()

    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert await asyncio.to_thread(cancelled.wait, WAIT_S)


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

        assert await asyncio.to_thread(closed.acquire, timeout=WAIT_S)


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

    assert await asyncio.to_thread(closed.wait, WAIT_S)
    assert cancelled.is_set()


async def _exiting() -> None:
    sys.exit(3)


async def _interrupting() -> None:
    raise KeyboardInterrupt


async def _stopping() -> None:
    asyncio.get_running_loop().stop()


async def _failing() -> None:
    raise MemoryError


async def _exiting_in_a_callback() -> None:
    asyncio.get_running_loop().call_soon(sys.exit, 3)


async def _panicking_in_a_callback() -> None:
    def panic() -> None:
        raise BaseException("at the disco")

    asyncio.get_running_loop().call_soon(panic)


BACKGROUND = [_exiting, _interrupting, _stopping, _failing, _exiting_in_a_callback, _panicking_in_a_callback]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("background", BACKGROUND)
async def test_a_background_task_that_would_end_the_loop_ends_only_itself(background: Any) -> None:
    worker = WorkerLoop()
    tasks: list[asyncio.Task[None]] = []
    started, release = threading.Event(), threading.Event()

    async def start() -> str:
        tasks.append(asyncio.create_task(background()))
        started.set()
        await asyncio.to_thread(release.wait, WAIT_S)
        return "went on"

    waiting = asyncio.create_task(worker.run(start))
    assert await asyncio.to_thread(started.wait, WAIT_S)
    await asyncio.wait_for(worker.run(_nothing), WAIT_S)
    release.set()

    assert await asyncio.wait_for(waiting, WAIT_S) == "went on"
    tasks[0].exception()  # it is done, and has been looked at


def test_a_reader_whose_loop_is_gone_leaves_the_worker_alive() -> None:
    worker = WorkerLoop()
    release = threading.Event()

    async def source() -> AsyncGenerator[int]:
        yield 1
        release.wait(WAIT_S)
        yield 2

    async def read_one() -> None:
        assert await anext(worker.iterate(source(), copy_context())) == 1

    asyncio.run(read_one())
    release.set()

    asyncio.run(worker.run(_nothing))


async def test_a_running_loop_that_instrumentation_brings_into_the_thread_is_cleared() -> None:
    starters = asyncio.get_running_loop()

    def leak(*_: object) -> None:
        sys.setprofile(None)
        asyncio._set_running_loop(starters)

    worker = WorkerLoop()
    threading.setprofile(leak)
    try:
        await asyncio.wait_for(worker.run(_nothing), WAIT_S)
    finally:
        threading.setprofile(None)
    assert await asyncio.wait_for(anext(worker.iterate(_numbers(1), copy_context())), WAIT_S) == 0


def _break() -> None:
    """Let the running loop fail in its own code, at its next turn."""

    def fail() -> None:
        raise MemoryError

    asyncio.get_running_loop()._run_once = fail  # type: ignore[attr-defined]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_when_the_thread_ends_its_calls_fail_and_another_takes_over() -> None:
    app = BedrockAgentCoreApp()
    started, cleaned_up = threading.Semaphore(0), threading.Event()

    @app.async_task
    async def waiting() -> None:
        started.release()
        try:
            await asyncio.sleep(3600)
        finally:
            cleaned_up.set()

    async def stream() -> AsyncGenerator[str]:
        yield "first"
        started.release()
        await asyncio.sleep(3600)

    @app.entrypoint
    async def handler(payload: str) -> Any:
        if payload == "stream":
            return stream()
        if payload == "wait":
            await waiting()
        if payload == "break":
            _break()
        return payload

    def ask(payload: str) -> bytes:
        return exchange(port, http_request("POST", "/invocations", f'"{payload}"'.encode()))

    with serving(app) as port, ThreadPoolExecutor() as clients:
        streamed, waited = clients.submit(ask, "stream"), clients.submit(ask, "wait")
        assert all(started.acquire(timeout=WAIT_S) for _ in range(2))
        assert b'"HealthyBusy"' in exchange(port, http_request("GET", "/ping"))

        assert ask("break").startswith(b"HTTP/1.1 500 ")
        assert waited.result(WAIT_S).startswith(b"HTTP/1.1 500 ")
        assert b"the agent's event loop has ended: MemoryError()" in waited.result(WAIT_S)
        assert b'data: "first"' in streamed.result(WAIT_S)
        assert b"the agent's event loop has ended: MemoryError()" in streamed.result(WAIT_S)
        assert cleaned_up.wait(WAIT_S)
        assert b'"Healthy"' in exchange(port, http_request("GET", "/ping"))
        assert ask("again").startswith(b"HTTP/1.1 200 ")
    gc.collect()  # what is left of the loop, before its warnings are no longer expected


@pytest.mark.parametrize("is_async", [True, False])
def test_a_loop_that_a_handler_leaves_in_its_thread_harms_no_later_call(is_async: bool) -> None:
    app, left = BedrockAgentCoreApp(), asyncio.new_event_loop()

    async def asynchronous(payload: dict[str, Any]) -> str:
        if payload["leaks"]:
            asyncio._set_running_loop(left)
            return "leaked"
        await asyncio.sleep(0)
        return "fine"

    def synchronous(payload: dict[str, Any]) -> str:
        if payload["leaks"]:
            asyncio._set_running_loop(left)
            return "leaked"
        asyncio.run(asyncio.sleep(0))
        return "fine"

    app.entrypoint(asynchronous if is_async else synchronous)
    with serving(app) as port:
        for leaks in (True, False, True, False):
            body = b'{"leaks": %s}' % str(leaks).lower().encode()
            answer = exchange(port, http_request("POST", "/invocations", body))
            assert answer.endswith(b'"leaked"' if leaks else b'"fine"'), answer
    left.close()

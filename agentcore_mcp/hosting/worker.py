"""An event loop of its own for the agent's async code, so that code which blocks it can't block the server's.

An async handler often calls something that does not await: a model client, a file, a parser. On the server's loop
that would silence ``/ping``, and AgentCore would consider the session dead. So handlers run on this loop, in one
thread, and only their results and pieces cross over. Context variables cross too: asyncio hands the caller's context
to what is scheduled from another thread.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from concurrent.futures import InvalidStateError
from contextlib import aclosing, suppress
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from agentcore_mcp.hosting.failures import contained, text_of

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Coroutine
    from concurrent.futures import Future
    from contextvars import Context

T = TypeVar("T")

# How far a generator may run ahead of a slow reader. Enough for a model's burst of tokens to need one wake-up.
_PIECES_AHEAD = 100


class WorkerLoop:
    """Runs coroutines and async generators on a loop in a daemon thread, which it starts when it needs one."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._calls: set[Future[Any]] = set()
        self._lock = threading.Lock()

    async def run(self, function: Callable[..., Coroutine[Any, Any, T]], *args: Any) -> T:
        """Call a coroutine function on the worker loop, and wait here for its result. Cancelling the wait cancels it.

        Raises:
            RuntimeError: The thread has ended, or could not be started. The next call starts another.
        """
        with contained():
            return await asyncio.wrap_future(self._submit(function, *args))

    async def iterate(self, source: AsyncGenerator[T, Any], context: Context) -> AsyncGenerator[T]:
        """Yield the pieces of a generator that runs on the worker loop in ``context``; raises as ``run`` does.

        The generator runs from beginning to end in one task, so it may hold timeouts and task groups open across its
        yields. Closing this iteration cancels it, and does not wait for it: it may be blocked.
        """
        pieces: _Pieces[T] = _Pieces(reader=asyncio.get_running_loop())
        producer = context.run(self._submit, pieces.fill, source)
        producer.add_done_callback(lambda _: pieces.wake_reader())
        try:
            while True:
                finished = producer.done()
                batch = pieces.take()
                for piece in batch:
                    yield piece
                if not batch:
                    if finished:
                        with contained():
                            await asyncio.wrap_future(producer)
                        return
                    await pieces.arrived.wait()
        finally:
            pieces.abandoned = True
            producer.cancel()

    def _submit(self, function: Callable[..., Coroutine[Any, Any, T]], *args: Any) -> Future[T]:
        with self._lock:
            if self._loop is None:
                loop = asyncio.new_event_loop()
                threading.Thread(target=self._serve, args=(loop,), name="agentcore-worker", daemon=True).start()
                self._loop = loop
            call = asyncio.run_coroutine_threadsafe(_contained(self._loop, function, *args), self._loop)
            self._calls.add(call)
        call.add_done_callback(self._calls.discard)
        return call

    def _serve(self, loop: asyncio.AbstractEventLoop) -> None:
        """Run the loop, again if a task has stopped it or called ``sys.exit()``. If the loop fails, so do all calls."""
        try:
            while True:
                runs_here(None)
                with suppress(SystemExit, KeyboardInterrupt):
                    loop.run_forever()
        except BaseException as error:
            with self._lock:
                self._loop = None
                lost, self._calls = list(self._calls), set()
            for call in lost:
                with suppress(InvalidStateError):  # cancelled, or done after all
                    call.set_exception(RuntimeError(f"the agent's event loop has ended: {text_of(error, repr)}"))
            for task in asyncio.all_tasks(loop):
                # For their ``finally`` blocks: a background task counts as running until then.
                with suppress(BaseException):
                    task.get_coro().close()
            loop.close()
            raise


class _Pieces(Generic[T]):
    """The pieces on their way from the writer's loop to the reader's, in batches: a wake-up costs more than a piece.

    Attributes:
        arrived: Set on the reader's loop when there are pieces to take, or the writer has finished.
        abandoned: The reader has stopped. A generator that ignores its cancellation ends at its next piece.
    """

    def __init__(self, *, reader: asyncio.AbstractEventLoop) -> None:
        self.arrived = asyncio.Event()
        self.abandoned = False
        self._reader = reader
        self._writer = reader  # until the writer begins
        self._waiting: deque[T] = deque()  # appending and taking need no lock
        self._taken = asyncio.Event()  # of the writer's loop

    async def fill(self, source: AsyncGenerator[T, Any]) -> None:
        self._writer = asyncio.get_running_loop()
        async with aclosing(source):
            async for piece in source:
                if self.abandoned:
                    return
                self._taken.clear()
                self._waiting.append(piece)
                if len(self._waiting) == 1:
                    self.wake_reader()
                elif len(self._waiting) >= _PIECES_AHEAD:
                    await self._taken.wait()

    def take(self) -> list[T]:
        self.arrived.clear()
        batch = []
        while self._waiting:  # to the end: a writer that has seen a full deque waits to be told
            batch.append(self._waiting.popleft())
        if len(batch) >= _PIECES_AHEAD:
            self._writer.call_soon_threadsafe(self._taken.set)
        return batch

    def wake_reader(self) -> None:
        with suppress(RuntimeError):  # the server has shut down, and its loop is closed
            self._reader.call_soon_threadsafe(self.arrived.set)


def runs_here(loop: asyncio.AbstractEventLoop | None) -> None:
    """Set the loop that runs in this thread: instrumentation or an agent's code may have left another one there."""
    asyncio._set_running_loop(loop)  # noqa: SLF001 - asyncio has no other way


async def _contained(loop: asyncio.AbstractEventLoop, function: Callable[..., Coroutine[Any, Any, T]], *args: Any) -> T:
    runs_here(loop)
    with contained():
        return await function(*args)

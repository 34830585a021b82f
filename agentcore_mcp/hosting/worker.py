"""An event loop of its own for the agent's async code, so that code which blocks it can't block the server's.

An async handler often calls something that does not await: a model client, a file, a parser. On the server's loop
that would silence ``/ping``, and AgentCore would take the session for dead. So handlers run on this loop, in one
thread, and only their results and pieces cross over. Context variables cross too: asyncio hands the caller's context
to what is scheduled from another thread.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from contextlib import aclosing, contextmanager, suppress
from typing import TYPE_CHECKING, Any, Generic, NoReturn, TypeVar

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Coroutine, Iterator
    from concurrent.futures import Future
    from contextvars import Context

T = TypeVar("T")

# How far a generator may run ahead of a slow reader. Enough for a model's burst of tokens to need one wake-up.
_PIECES_AHEAD = 100


class WorkerLoop:
    """Runs coroutines and async generators on a loop in a daemon thread, started at the first use."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._lock = threading.Lock()

    async def run(self, function: Callable[..., Coroutine[Any, Any, T]], *args: Any) -> T:
        """Call a coroutine function there and wait for its result here. Cancelling the wait cancels the work."""
        return await asyncio.wrap_future(self._submit(function, *args))

    async def iterate(self, source: AsyncGenerator[T, Any], context: Context) -> AsyncGenerator[T]:
        """Yield what a generator yields there, run in ``context``.

        The generator runs from beginning to end in one task, so it may hold timeouts and task groups open across its
        yields. Closing this iteration cancels it, and does not wait for it: it may be blocked.
        """
        pieces: _Pieces[T] = _Pieces(reader=asyncio.get_running_loop(), writer=self._running())
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
                        producer.result()
                        return
                    await pieces.arrived.wait()
        finally:
            pieces.abandoned = True
            producer.cancel()

    def _submit(self, function: Callable[..., Coroutine[Any, Any, T]], *args: Any) -> Future[T]:
        return asyncio.run_coroutine_threadsafe(_contained(function, *args), self._running())

    def _running(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                threading.Thread(target=_run, args=(self._loop,), name="agentcore-worker", daemon=True).start()
            return self._loop


def _run(loop: asyncio.AbstractEventLoop) -> NoReturn:
    """Run a loop for good: a background task of the agent's may stop it or call ``sys.exit()``; the others go on."""
    while True:
        with suppress(SystemExit, KeyboardInterrupt):
            loop.run_forever()


class _Pieces(Generic[T]):
    """The pieces on their way from the writer's loop to the reader's, in batches: a wake-up costs more than a piece.

    Attributes:
        arrived: Set on the reader's loop when there are pieces to take, or the writer has finished.
        abandoned: The reader has stopped. A generator that ignores its cancellation ends at its next piece.
    """

    def __init__(self, *, reader: asyncio.AbstractEventLoop, writer: asyncio.AbstractEventLoop) -> None:
        self.arrived = asyncio.Event()
        self.abandoned = False
        self._reader = reader
        self._writer = writer
        self._waiting: deque[T] = deque()  # appending and taking need no lock
        self._taken = asyncio.Event()  # of the writer's loop

    async def fill(self, source: AsyncGenerator[T, Any]) -> None:
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


async def _contained(function: Callable[..., Coroutine[Any, Any, T]], *args: Any) -> T:
    """Make ordinary errors of what would leave the caller waiting."""
    try:
        with contained():
            return await function(*args)
    except asyncio.CancelledError as error:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise
        raise RuntimeError("the handler was cancelled from within") from error


@contextmanager
def contained() -> Iterator[None]:
    """Raise an ordinary error in place of one that would end the process or that ``except Exception`` doesn't catch."""
    try:
        yield
    except (Exception, asyncio.CancelledError, GeneratorExit):
        raise
    except BaseException as error:
        raise RuntimeError(f"the handler raised {error!r}") from error

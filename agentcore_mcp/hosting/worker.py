"""An event loop of its own for the agent's async code, so that code which blocks it can't block the server's.

An async handler often calls something that does not await: a model client, a file, a parser. On the server's loop
that would silence ``/ping``, and AgentCore would take the session for dead. So handlers run on this loop, in one
thread, and only their results and pieces cross over. Context variables cross too: asyncio hands the caller's context
to what is scheduled from another thread.
"""

from __future__ import annotations

import asyncio
import threading
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
                    await pieces.more()
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
    """The pieces on their way from one loop to another, in batches: a wake-up costs more than a piece.

    Attributes:
        abandoned: Nobody will read on. A generator that takes no notice of its cancellation ends at its next piece.
    """

    def __init__(self, *, reader: asyncio.AbstractEventLoop, writer: asyncio.AbstractEventLoop) -> None:
        self._reader = reader
        self._writer = writer
        self._lock = threading.Lock()
        self._waiting: list[T] = []
        self._arrived = asyncio.Event()  # of the reader's loop
        self._taken = asyncio.Event()  # of the writer's loop
        self.abandoned = False

    async def fill(self, source: AsyncGenerator[T, Any]) -> None:
        async with aclosing(source):
            async for piece in source:
                if self.abandoned:
                    return
                self._taken.clear()
                with self._lock:
                    self._waiting.append(piece)
                    count = len(self._waiting)
                if count == 1:
                    self.wake_reader()
                if count >= _PIECES_AHEAD:
                    await self._taken.wait()

    def take(self) -> list[T]:
        self._arrived.clear()
        with self._lock:
            batch, self._waiting = self._waiting, []
        if len(batch) >= _PIECES_AHEAD:
            self._writer.call_soon_threadsafe(self._taken.set)
        return batch

    async def more(self) -> None:
        await self._arrived.wait()

    def wake_reader(self) -> None:
        with suppress(RuntimeError):  # the server has shut down, and its loop is closed: nobody reads
            self._reader.call_soon_threadsafe(self._arrived.set)


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
    """Make an ordinary error of what a handler raises to end the process, or what is made to be caught by nobody."""
    try:
        yield
    except (Exception, asyncio.CancelledError, GeneratorExit):
        raise
    except BaseException as error:
        raise RuntimeError(f"the handler raised {error!r}") from error

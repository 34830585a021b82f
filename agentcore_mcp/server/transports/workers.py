"""Several server processes behind one listening socket, replaced when they end.

uvicorn has a supervisor too, but that handles nothing else while it waits for a worker to end, and its workers survive
when it is killed.
"""

from __future__ import annotations

import asyncio
import logging
import multiprocessing
import os
import signal
from contextlib import suppress
from typing import TYPE_CHECKING

import anyio

from agentcore_mcp.errors import ConfigurationError
from agentcore_mcp.server.transports.signals import end_signals

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable
    from multiprocessing.connection import Connection
    from multiprocessing.context import SpawnProcess

# How long to wait before replacing a worker that could not start.
AGAIN_S = 1.0

logger = logging.getLogger(__name__)


class Workers:
    """Keeps a number of workers.

    SIGTERM and SIGINT are passed on to the workers. SIGHUP replaces them one by one, each once its successor serves.

    Args:
        work: Runs in each worker until SIGTERM, and sends its URL once it serves. It has to be picklable.
        listening: The socket that the workers share.
        count: How many workers to keep.
        on_end: Called with the process id of each worker that has ended.
    """

    def __init__(
        self,
        work: Callable[[socket.socket, Connection], None],
        listening: socket.socket,
        *,
        count: int,
        on_end: Callable[[int], object] | None = None,
    ) -> None:
        self._on_end = on_end
        self._work = work
        self._listening = listening
        self._count = count
        self._wanted: list[SpawnProcess] = []
        self._ending = False

    async def run(self, announce: Callable[[str], None]) -> None:
        """Run the workers until a signal ends them.

        Args:
            announce: Called with the URL once all workers serve.

        Raises:
            ConfigurationError: If a worker can't start.
        """
        if os.name == "nt":
            raise ConfigurationError("several workers can't share a socket on Windows")
        renewing = asyncio.Lock()
        with end_signals(self._end):
            async with anyio.create_task_group() as tasks:

                async def start() -> str:
                    url: asyncio.Future[str] = asyncio.Future()
                    tasks.start_soon(self._keep, url)
                    return await url

                async def renew() -> None:
                    async with renewing:
                        logger.warning("SIGHUP: replacing the workers one by one")
                        for old in list(self._wanted):
                            # If a worker has ended meanwhile, the new one takes its place, and no other ends.
                            if not self._ending and await start() and len(self._wanted) > self._count:
                                self._wanted.remove(old)
                                old.terminate()

                hang_up = signal.SIGHUP  # type: ignore[attr-defined, unused-ignore]
                asyncio.get_running_loop().add_signal_handler(hang_up, lambda: tasks.start_soon(renew))
                urls = await asyncio.gather(*[start() for _ in range(self._count)])
                failed = "" in urls and not self._ending
                if failed:
                    self._end()
                elif urls[0]:
                    announce(urls[0])
        if failed:
            raise ConfigurationError("a worker could not start; what it wrote above says why")

    def _end(self) -> None:
        self._ending = True
        self._wanted.clear()
        # Connections are refused once the workers have closed their copies of it.
        self._listening.close()
        for worker in multiprocessing.active_children():
            worker.terminate()

    async def _keep(self, url: asyncio.Future[str]) -> None:
        """Run a worker, and replace it when it ends, as long as it is wanted.

        Args:
            url: Gets the first worker's URL; "" if that ends before it serves, in which case it is not replaced.
        """
        context = multiprocessing.get_context("spawn")
        while not self._ending:
            started, starting = context.Pipe(duplex=False)
            worker = context.Process(target=self._work, args=(self._listening, starting))
            worker.start()
            self._wanted.append(worker)
            starting.close()
            await anyio.wait_readable(started)
            serves = ""
            with suppress(EOFError), started:
                serves = started.recv()
            if first := not url.done():
                url.set_result(serves)
            await anyio.wait_readable(worker.sentinel)
            worker.join()
            if self._on_end is not None and worker.pid is not None:
                self._on_end(worker.pid)
            if worker not in self._wanted:
                return
            self._wanted.remove(worker)
            logger.warning("worker %d ended with exit code %s", worker.pid, worker.exitcode)
            if (first and not serves) or len(self._wanted) >= self._count:
                return
            await anyio.sleep(0 if serves else AGAIN_S)
        if not url.done():
            url.set_result("")


async def end_with_parent() -> None:
    """End this worker, as SIGTERM would, when its parent has ended for whatever reason."""
    parent = multiprocessing.parent_process()
    assert parent is not None  # noqa: S101 - a worker has one
    await anyio.wait_readable(parent.sentinel)
    signal.raise_signal(signal.SIGTERM)

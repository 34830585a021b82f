"""Signals that end a server."""

from __future__ import annotations

import contextvars
import signal
from typing import TYPE_CHECKING, Any

import anyio

from agentcore_mcp.server.transports.signals import end_signals
from tests.support.waiting import WAIT_S

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from anyio.abc import TaskGroup


def _begin(tasks: TaskGroup, end: Callable[[], Coroutine[Any, Any, None]]) -> None:
    tasks.start_soon(end)


def test_a_signal_is_heeded_whatever_it_interrupts() -> None:
    """A server's connections run in contexts of their own, which know of no event loop."""

    async def serve() -> bool:
        ended = anyio.Event()

        async def end() -> None:
            ended.set()

        with anyio.move_on_after(WAIT_S):
            async with anyio.create_task_group() as tasks:
                with end_signals(lambda: _begin(tasks, end)):
                    contextvars.Context().run(signal.raise_signal, signal.SIGTERM)
                    await ended.wait()
        return ended.is_set()

    assert anyio.run(serve)

"""The signals that end a server, handled until it has cleaned up: hosts send a second one within 100 ms."""

from __future__ import annotations

import asyncio
import contextvars
import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# Windows has no SIGHUP, and all others no SIGBREAK, which Ctrl-Break sends there.
_NAMES = ("SIGTERM", "SIGINT", "SIGHUP", "SIGBREAK")


@contextmanager
def end_signals(end: Callable[[], None]) -> Iterator[None]:
    """Call a function in the event loop for each signal that arrives inside the block.

    A SIGHUP that was to be ignored still is: that is what nohup asks for.
    """
    loop, context = asyncio.get_running_loop(), contextvars.copy_context()
    before = {}
    for name in _NAMES:
        number = getattr(signal, name, None)
        if number is not None and not (name == "SIGHUP" and signal.getsignal(number) is signal.SIG_IGN):
            # Not in the context of what the signal interrupts: that of a request is empty, and anyio lost in it.
            before[number] = signal.signal(number, lambda *_: loop.call_soon_threadsafe(end, context=context))
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

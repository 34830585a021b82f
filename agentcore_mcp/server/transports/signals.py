"""The signals that end a server, handled until it has cleaned up: hosts send a second one within 100 ms."""

from __future__ import annotations

import asyncio
import contextvars
import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# Windows has no SIGHUP, and only Windows has SIGBREAK, which Ctrl-Break sends.
_NAMES = ("SIGTERM", "SIGINT", "SIGHUP", "SIGBREAK")


@contextmanager
def end_signals(end: Callable[[], None]) -> Iterator[None]:
    """Call a function in the event loop for each signal that arrives inside the block.

    An ignored SIGHUP stays ignored, as nohup requires.
    """
    loop, context = asyncio.get_running_loop(), contextvars.copy_context()
    before = {}
    for name in _NAMES:
        number = getattr(signal, name, None)
        if number is not None and not (name == "SIGHUP" and signal.getsignal(number) is signal.SIG_IGN):
            # Not in the context that the signal interrupts: a request's is empty, and anyio doesn't work in it.
            before[number] = signal.signal(number, lambda *_: loop.call_soon_threadsafe(end, context=context))
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

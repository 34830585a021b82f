"""Yielding to the event loop: one read may bring thousands of pieces, which must not block other tasks."""

from __future__ import annotations

import time

from anyio.lowlevel import checkpoint

# The loop must not be blocked for more than 100 ms, and processing the last piece takes time as well.
_TURN_S = 0.02


class Turns:
    """Yields to the event loop from time to time while an answer is read; in a blocking thread there is no need."""

    def __init__(self) -> None:
        self._since = time.monotonic()

    async def take_async(self) -> None:
        """Let other tasks run, if the last time was a while ago."""
        if time.monotonic() - self._since > _TURN_S:
            await checkpoint()
            self._since = time.monotonic()

    def take(self) -> None:
        """Do nothing: a blocking thread doesn't hold up others."""

"""Turns of the event loop: one read may bring thousands of pieces, which must not hold up everything else."""

from __future__ import annotations

import time

from anyio.lowlevel import checkpoint

# The loop is to be held for no more than 100 ms, and what is done with the last piece takes time as well.
_TURN_S = 0.02


class Turns:
    """Gives the loop a turn, now and then, while an answer is read. In a thread nobody waits for one."""

    def __init__(self) -> None:
        self._since = time.monotonic()

    async def take_async(self) -> None:
        """Let others run, if they had to wait for a while."""
        if time.monotonic() - self._since > _TURN_S:
            await checkpoint()
            self._since = time.monotonic()

    def take(self) -> None:
        """Do nothing: a thread holds up no other."""

"""Deadlines: a time for a part of an answer as a whole, however its bytes trickle in.

httpx2's read timeout begins anew with each byte, and with each informational answer (1xx), of which there may be any
number before the head. Here each read is given no more time than there is left, on an event loop and without one.
"""

from __future__ import annotations

import math
import time

import httpx2


class Deadline:
    """The deadline of all reads of one connection together; unlimited until it is set.

    Attributes:
        timeout_s: What it was set to.
    """

    def __init__(self) -> None:
        self.timeout_s = math.inf
        self._end = math.inf

    def set(self, timeout_s: float) -> None:
        """Let all reads be over in so many seconds from now."""
        self.timeout_s = timeout_s
        self._end = time.monotonic() + timeout_s

    def clear(self) -> None:
        """Let reads have their own timeouts only."""
        self._end = math.inf

    @property
    def has_passed(self) -> bool:
        """Whether it is over."""
        return time.monotonic() >= self._end

    def shorten(self, timeout_s: float) -> float:
        """Return how many of the seconds of one read's timeout are left.

        Raises:
            httpx2.ReadTimeout: If no time is left.
        """
        left_s = self._end - time.monotonic()
        if left_s <= 0:
            raise httpx2.ReadTimeout("")
        return min(timeout_s, left_s)

"""Measuring things side by side: in turn, round after round, so that a busy moment hits all of them alike."""

from __future__ import annotations

import statistics
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

ROUNDS = 11


async def medians_s(
    contestants: Mapping[str, Callable[[], Awaitable[object]]], *, rounds: int = ROUNDS
) -> dict[str, float]:
    """Return the median time of each in seconds, after a round that does not count."""
    times: dict[str, list[float]] = {name: [] for name in contestants}
    for _ in range(rounds + 1):
        for name, run in contestants.items():
            start = time.perf_counter()
            await run()
            times[name].append(time.perf_counter() - start)
    return {name: statistics.median(measured[1:]) for name, measured in times.items()}

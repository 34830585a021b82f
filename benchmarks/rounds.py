"""Measuring things side by side: in turn, round after round, so that a busy moment hits all of them alike."""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much is measured, by default as much as fits into ten minutes in all."""

    rounds: int = 7
    events: int = 50_000
    large_mb: int = 200
    output_mb: int = 50
    streams: int = 300
    agents_events: int = 5_000
    fuzz_s: float = 10
    load_calls: tuple[int, ...] = (100,)
    load_s: float = 15
    short_s: float = 2
    # The peer whose time limit can't be set takes three of its minutes.
    slow_peers: bool = True


USUAL = Sizes()
FULL = Sizes(11, 100_000, 1_000, 100, 1_000, 20_000, 300, (100, 1_000), 60, 5)
# For the tests: that it runs, and no figures.
TINY = Sizes(1, 400, 1, 1, 5, 50, 0.5, (5,), 2, 0.3, slow_peers=False)


@dataclass(frozen=True, slots=True)
class Row:
    """One thing that was measured, of each contestant."""

    what: str
    unit: str
    values: dict[str, float]
    note: str = ""


@dataclass(slots=True)
class Part:
    """The rows that belong together, and why somebody is not in them."""

    title: str
    rows: list[Row] = field(default_factory=list)
    missing: dict[str, str] = field(default_factory=dict)


async def medians(contestants: Mapping[str, Callable[[], Awaitable[float]]], rounds: int) -> dict[str, float]:
    """Return the median of what each returns, after a round that does not count."""
    found: dict[str, list[float]] = {name: [] for name in contestants}
    for _ in range(rounds + 1):
        for name, run in contestants.items():
            found[name].append(await run())
    return {name: statistics.median(measured[1:]) for name, measured in found.items()}


async def medians_s(contestants: Mapping[str, Callable[[], Awaitable[object]]], rounds: int) -> dict[str, float]:
    """Return the median time of each in seconds."""

    def timed(run: Callable[[], Awaitable[object]]) -> Callable[[], Awaitable[float]]:
        async def taken() -> float:
            start = time.perf_counter()
            await run()
            return time.perf_counter() - start

        return taken

    return await medians({name: timed(run) for name, run in contestants.items()}, rounds)

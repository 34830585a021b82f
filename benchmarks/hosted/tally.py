"""Checking and counting pieces: is one missing, is one of another call, and how late is it?"""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from benchmarks.hosted.talker import PIECE

if TYPE_CHECKING:
    from collections.abc import Sequence

# Enough of an error to see the reason.
_EXAMPLE_MAX_CHARS = 400


def percentile(values: Sequence[float], part: float) -> float:
    """Return a percentile; ``part`` is between 0 and 1."""
    return sorted(values)[min(len(values) - 1, int(part * len(values)))] if values else float("nan")


@dataclass(slots=True)
class Tally:
    """The figures of all calls.

    Attributes:
        lost: Pieces that are missing in the progress or in the result.
        mixed: Pieces that came in another call's answer.
        failed: Failed calls by reason.
        examples: An error for each reason.
    """

    calls: int = 0
    pieces: int = 0
    lost: int = 0
    mixed: int = 0
    failed: Counter[str] = field(default_factory=Counter)
    examples: dict[str, str] = field(default_factory=dict)
    first_ms: list[float] = field(default_factory=list)
    delay_ms: list[float] = field(default_factory=list)

    def fail(self, why: str, example: object = "") -> None:
        """Count a call that failed."""
        self.failed[why] += 1
        self.examples.setdefault(why, str(example)[:_EXAMPLE_MAX_CHARS])

    def figures(self) -> dict[str, Any]:
        """Return the figures as JSON can have them."""
        return {
            "calls": self.calls,
            "pieces": self.pieces,
            "lost": self.lost,
            "mixed": self.mixed,
            "failed": {why: f"{times} times, such as: {self.examples[why]}" for why, times in self.failed.items()},
            **{f"first_p{p}_ms": round(percentile(self.first_ms, p / 100), 2) for p in (50, 99)},
            **{f"delay_p{p}_ms": round(percentile(self.delay_ms, p / 100), 2) for p in (50, 99)},
        }


@dataclass(slots=True)
class Listener:
    """Checks the answer to one call.

    Args:
        tally: The figures to add to.
        name: The name of the call.
        pieces: The number of pieces in its answer.

    Attributes:
        heard: The number of the next piece.
        handed_off: Whether the call went on without a request for a while: pieces of that time are in the result alone.
    """

    tally: Tally
    name: str
    pieces: int
    heard: int = 0
    handed_off: bool = False
    began: float = field(default_factory=time.perf_counter)

    def hear(self, text: str) -> None:
        """Check a message of progress."""
        now = time.monotonic_ns()
        for name, number, sent in PIECE.findall(text):
            if name != self.name:
                self.tally.mixed += 1
                continue
            if not self.heard:
                self.tally.first_ms.append((time.perf_counter() - self.began) * 1e3)
            self.tally.pieces += 1
            self.tally.delay_ms.append((now - int(sent)) / 1e6)
            if not self.handed_off:
                self.tally.lost += int(number) - self.heard
            self.heard = int(number) + 1

    def end(self, *texts: str) -> None:
        """Check the result: each of its texts has all pieces, in order."""
        self.tally.calls += 1
        if not self.handed_off:
            self.tally.lost += self.pieces - self.heard
        for text in texts:
            found = [(name, int(number)) for name, number, _ in PIECE.findall(text)]
            self.tally.mixed += sum(name != self.name for name, _ in found)
            whole = [(self.name, number) for number in range(self.pieces)]
            if found != whole:
                self.tally.lost += len(set(whole) - set(found))
                self.tally.fail("pieces of the result are missing, doubled or out of order")

"""Many minutes of good and bad guests: whether anything grows."""

from __future__ import annotations

import asyncio
import statistics
import time
from typing import TYPE_CHECKING, Any

from benchmarks.hosted.clients import clients
from benchmarks.hosted.samples import redis_kinds, sample
from benchmarks.hosted.stack import whole
from benchmarks.hosted.visit import HANDOFF_S, LIMIT_S, Orders

if TYPE_CHECKING:
    from collections.abc import Sequence

# Few, so that the bounds on what is kept for each are met early.
PRINCIPALS = 5
# A minute, or less where the soak is so short that there would be too few to compare.
SAMPLES_LEAST = 6
# What counts as growth, from the middle third to the last: in parts, and more than chance makes of small numbers.
GROWTH = 0.03
CHANCE = {"MiB": 1.0, "": 10.0}


async def soak(minutes: float, per_second: float) -> dict[str, Any]:
    """Return the samples, what became of the visits, and what there is once all have left."""
    seconds = minutes * 60
    async with whole(top=f"handoff_after = {HANDOFF_S}") as stack:
        orders = Orders(
            url=stack.url,
            workers=[worker.url for worker in stack.workers],
            tokens=stack.tokens[:PRINCIPALS],
            lesser=stack.token(0, scope=""),
            expired=stack.token(0, exp=int(time.time()) - 3_600),
            seconds=seconds,
            per_second=per_second,
        )
        samples = [await sample(stack)]
        async with clients(orders, "guests") as guests:
            began = time.monotonic()
            every_s = min(60.0, seconds / SAMPLES_LEAST)
            for number in range(1, round(seconds / every_s) + 1):
                await asyncio.sleep(began + number * every_s - time.monotonic())
                samples.append(await sample(stack))
                _print_row(samples)
            visits = await guests.told(2 * LIMIT_S)
        # What the last guests left open is ended a little later.
        await asyncio.sleep(HANDOFF_S * 2)
        after = await sample(stack)
        kinds = redis_kinds(stack.redis)
        complaints = sum(worker.log.read_bytes().count(b"Traceback") for worker in stack.workers)
    return {
        "minutes": minutes,
        "visits": visits,
        "samples": samples,
        "after": after,
        "verdicts": {name: verdict(name, [one[name] for one in samples[1:]]) for name in after},
        "redis kinds": kinds,
        "tracebacks": complaints,
    }


def verdict(name: str, values: Sequence[float]) -> str:
    """Say whether the last third is above the middle one."""
    third = len(values) // 3
    middle, last = statistics.mean(values[third:-third]), statistics.mean(values[-third:])
    chance = CHANCE["MiB" if name.endswith("MiB") else ""]
    return "grows" if last - middle > max(chance, GROWTH * middle) else "flat"


def _print_row(samples: Sequence[dict[str, float]]) -> None:
    if len(samples) == 2:
        print(" | ".join(samples[0]))
        print(" | ".join(f"{value:g}" for value in samples[0].values()))
    print(" | ".join(f"{value:g}" for value in samples[-1].values()), flush=True)


def table(found: dict[str, Any]) -> str:
    """Return what came of it, to read; the samples were printed as they were taken."""
    visits = found["visits"]
    kinds = ", ".join(f"{kind} {count}" for kind, count in visits["visits"].items())
    wrong = f"lost {visits['lost']}, mixed up {visits['mixed']}, unexpected {visits['failed'] or 0}"
    lines = [
        f"{' | '.join(f'{value:g}' for value in found['after'].values())} (after all had left)",
        f"visits: {kinds}; put off {visits['put_off']}",
        f"calls that had to be right {visits['calls']}, pieces {visits['pieces']}, {wrong}",
        f"tracebacks in the logs: {found['tracebacks']}; keys in Redis: {found['redis kinds']}",
        *(f"{name}: {verdict}" for name, verdict in found["verdicts"].items()),
    ]
    return "\n".join(lines)

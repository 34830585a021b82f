"""Good and bad clients for many minutes: does anything grow?"""

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

# Few, so that the bounds of what the server keeps for each principal are reached early.
PRINCIPALS = 5
# One a minute, or more often in a short soak.
SAMPLES_LEAST = 6
# Growth is more than this part of the middle third, and more than chance makes of small numbers.
GROWTH = 0.03
CHANCE = {"MiB": 1.0, "": 10.0}


async def soak(minutes: float, per_second: float) -> dict[str, Any]:
    """Return the samples, the figures of the clients, and a last sample after all of them have left."""
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
        # Calls that were handed off end a little later.
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
    """Compare the last third of the samples with the middle third."""
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
    """Format all but the samples, which are printed as they are taken."""
    visits = found["visits"]
    kinds = ", ".join(f"{kind} {count}" for kind, count in visits["visits"].items())
    wrong = f"lost {visits['lost']}, mixed up {visits['mixed']}, unexpected {visits['failed'] or 0}"
    lines = [
        f"{' | '.join(f'{value:g}' for value in found['after'].values())} (after all had left)",
        f"visits: {kinds}; put off {visits['put_off']}",
        f"calls that had to be right {visits['calls']}, pieces {visits['pieces']}, {wrong}",
        f"tracebacks in the logs: {found['tracebacks']}",
        *(f"{count} keys {kind}: for {ttl_s:,} s at most" for kind, (count, ttl_s) in found["redis kinds"].items()),
        *(f"{name}: {verdict}" for name, verdict in found["verdicts"].items()),
    ]
    return "\n".join(lines)

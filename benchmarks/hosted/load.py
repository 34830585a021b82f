"""Concurrent streaming calls over two workers behind nginx: lost and mixed up pieces, memory, latency.

The same load is generated with the runtime client alone before and after, so that the difference is the server's.
"""

from __future__ import annotations

import asyncio
import itertools
from typing import TYPE_CHECKING, Any

from benchmarks.hosted.callers import LIMIT_S, Orders
from benchmarks.hosted.clients import clients, done
from benchmarks.hosted.samples import metrics, processor_s, resident_mib
from benchmarks.hosted.stack import whole

if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.hosted.stack import Stack

# A load lasts about a minute, and a dashboard needs some points.
SCRAPE_S = 2.0
MOMENTS = ("start", "1/3", "2/3", "end")


async def load(calls: int, seconds: float, every_s: float, folder: Path | None = None) -> dict[str, Any]:
    """Return the figures of a load; with a folder, write snapshots of the workers' metrics into it."""
    # A call lasts a third of the time, so that calls begin and end throughout.
    pieces = max(2, round(seconds / 3 / every_s))
    async with whole() as stack:
        through = Orders(
            "stream", stack.url, calls, seconds, agent="far", tokens=stack.tokens, pieces=pieces, every_s=every_s
        )
        alone = Orders("stream", stack.agent, calls, seconds / 3, alone=True, pieces=pieces, every_s=every_s)
        # The first calls of a worker import modules and fetch keys.
        await done(Orders("stream", stack.url, 4, 0, agent="far", tokens=stack.tokens, pieces=2, every_s=0.1))
        before = await done(alone)
        hosted = await _watched(stack, through, folder)
        after = await done(alone)
    return {"calls at once": calls, "seconds": seconds, "every_s": every_s, "hosted": hosted, "alone": [before, after]}


async def _watched(stack: Stack, orders: Orders, folder: Path | None) -> dict[str, Any]:
    resting = [round(resident_mib(worker.pid), 1) for worker in stack.workers]
    async with clients(orders) as working:
        pids = stack.pids | {"clients": working.pid}
        used = {name: processor_s(pid) for name, pid in pids.items()}
        memory = []
        scraping = asyncio.create_task(_scrape(stack, folder)) if folder else None
        for moment in MOMENTS:
            memory.append([round(resident_mib(worker.pid), 1) for worker in stack.workers])
            if moment != MOMENTS[-1]:
                await asyncio.sleep(orders.seconds / (len(MOMENTS) - 1))
        cores = {name: round((processor_s(pid) - used[name]) / orders.seconds, 2) for name, pid in pids.items()}
        figures = await working.told(orders.call_s + 2 * LIMIT_S)
        if scraping:
            scraping.cancel()
    return figures | {"MiB before": resting, "MiB": dict(zip(MOMENTS, memory, strict=True)), "cores": cores}


async def _scrape(stack: Stack, folder: Path) -> None:
    for number in itertools.count():
        await metrics(stack, folder, number)
        await asyncio.sleep(SCRAPE_S)


def table(found: dict[str, Any]) -> str:
    """Format the figures."""
    hosted, alone = found["hosted"], found["alone"]
    spoken = f"a piece every {found['every_s']:g} s"
    went_wrong = f"lost {hosted['lost']}, mixed up {hosted['mixed']}, failed {hosted['failed'] or 0}"
    held = ", ".join(f"{moment} {mib}" for moment, mib in hosted["MiB"].items())
    lines = [
        f"{found['calls at once']:,} streaming calls at once for {found['seconds']:g} s over two workers, {spoken}",
        f"  calls {hosted['calls']:,}, pieces {hosted['pieces']:,}, {went_wrong}",
        f"  memory of the workers in MiB: before {hosted['MiB before']}, {held}",
        f"  cores used: {', '.join(f'{name} {cores}' for name, cores in hosted['cores'].items())}",
    ]
    for name, what in {"first": "first piece", "delay": "from the agent's sending to the client"}.items():
        for part in (50, 99):
            key = f"{name}_p{part}_ms"
            each = [one[key] for one in alone]
            lines.append(
                f"  {what}, p{part}: {hosted[key]:.1f} ms; runtime client alone before and after "
                f"{' and '.join(f'{one:.1f}' for one in each)} ms: {hosted[key] - sum(each) / len(each):+.1f} ms"
            )
    return "\n".join(lines)

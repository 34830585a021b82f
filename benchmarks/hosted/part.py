"""The figures of a hosted server that the table of all benchmarks has; the soak is too long for it."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING

from benchmarks.hosted import load, short
from benchmarks.hosted.stack import program
from benchmarks.rounds import Part, Row

if TYPE_CHECKING:
    from benchmarks.rounds import Sizes

NEEDED = ("redis-server", "nginx")
ROUNDS = 3


async def measure(sizes: Sizes) -> Part:
    """Return what a hosted server takes."""
    part = Part("Hosted for a team")
    part.missing = {name: "not installed" for name in NEEDED if not program(name)}
    if part.missing:
        return part
    for calls in sizes.load_calls:
        found = await load.load(calls, sizes.load_s, 1.0 if sizes.load_s > 10 else 0.1)
        hosted, alone = found["hosted"], found["alone"]
        if hosted["failed"]:
            raise RuntimeError(f"calls failed: {hosted['failed']}")
        at_once = f"{calls:,} calls at once, two workers, nginx and Redis"
        wrong = {"lost": hosted["lost"], "mixed up": hosted["mixed"]}
        part.rows.append(Row(f"{at_once}: pieces of {hosted['pieces']:,}", "", wrong))
        for key, what in {"first_p50_ms": "first piece", "delay_p50_ms": "delay of a piece"}.items():
            values = {"agentcore-mcp": hosted[key], "the client alone": statistics.mean(one[key] for one in alone)}
            part.rows.append(Row(f"{at_once}: {what}, median", "ms", values))
    rates = await short.short(sizes.short_s, ROUNDS)
    values = {name: measured["per second"] for name, measured in rates.items()}
    part.rows.append(
        Row(
            "Short calls by 16 clients to one worker",
            "per s",
            values,
            "Bare is an MCPServer without tokens, policy, limits or sessions.",
        )
    )
    part.rows.append(Row("Memory of each silent streaming call", "KiB", await short.memory(sizes.streams)))
    checks = {name: taken / 1e3 for name, taken in (await short.token()).items()}
    part.rows.append(Row("Check of an access token", "ms", checks))
    return part

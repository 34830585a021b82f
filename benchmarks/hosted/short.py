"""One worker: short calls per second and memory per streaming call beside ``bare_relay.py``; time of a token check.

The bare relay has no tokens, policy, limits or sessions.
"""

from __future__ import annotations

import statistics
import time
from contextlib import AsyncExitStack
from functools import partial
from typing import TYPE_CHECKING, Any

import httpx2

from agentcore_mcp.config.hosted import ServerAuth
from agentcore_mcp.server.hosted.tokens import Tokens
from benchmarks.hosted.callers import Orders
from benchmarks.hosted.clients import clients, done
from benchmarks.hosted.samples import processor_s, resident_mib
from benchmarks.hosted.stack import SCOPES, bare, whole
from tests.support.issuer import new_key, running_issuer

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractAsyncContextManager

    from benchmarks.hosted.stack import Stack

CONTESTANTS: dict[str, Callable[[], AbstractAsyncContextManager[Stack]]] = {
    "bare": bare,
    "bare that connects anew": partial(bare, "close"),
    "memory store": partial(whole, workers=1, redis=False, nginx=False, metrics=False),
    "Redis": partial(whole, workers=1, nginx=False, metrics=False),
}
AT_ONCE = 16
WARM_CALLS = 20
# The second piece never comes.
_SILENT = {"pieces": 2, "every_s": 3_600.0}
CHECKS = 500


def _orders(stack: Stack, what: str, calls: int, **more: Any) -> Orders:
    ours: dict[str, Any] = {"agent": "far", "tokens": stack.tokens} if stack.tokens else {}
    return Orders(what, stack.url, calls, **ours, **more)


async def short(seconds: float, rounds: int) -> dict[str, Any]:
    """Return short calls per second, of wall time and of the worker's processor time; contestants take turns."""
    rates: dict[str, list[tuple[float, float]]] = {name: [] for name in CONTESTANTS}
    times: dict[str, list[float]] = {name: [] for name in CONTESTANTS}
    async with AsyncExitStack() as running:
        stacks = {name: await running.enter_async_context(start()) for name, start in CONTESTANTS.items()}
        for number in range(rounds + 1):
            for name, stack in stacks.items():
                pid = stack.workers[0].pid
                began, used = time.perf_counter(), processor_s(pid)
                async with clients(_orders(stack, "short", AT_ONCE, seconds=seconds)) as working:
                    began, used = time.perf_counter(), processor_s(pid)
                    figures = await working.told()
                    took, used = time.perf_counter() - began, processor_s(pid) - used
                if figures["failed"]:
                    raise RuntimeError(f"{name}: {figures['failed']}")
                if number:  # the first round is to warm up
                    rates[name].append((figures["calls"] / took, figures["calls"] / max(used, 0.01)))
                    times[name].append(figures["first_p50_ms"])
    return {
        name: {
            "per second": round(statistics.median(by_clock for by_clock, _ in measured), 1),
            "per second of processor": round(statistics.median(by_processor for _, by_processor in measured), 1),
            "p50_ms": statistics.median(times[name]),
        }
        for name, measured in rates.items()
    }


async def memory(calls: int) -> dict[str, float]:
    """Return the resident memory of a silent streaming call in a fresh worker, in KiB."""
    found = {}
    for name, start in CONTESTANTS.items():
        async with start() as stack:
            await done(_orders(stack, "stream", WARM_CALLS, pieces=2, every_s=0.1))
            before = resident_mib(stack.workers[0].pid)
            async with clients(_orders(stack, "hold", calls, **_SILENT)) as holding:
                found[name] = round((resident_mib(stack.workers[0].pid) - before) * 1024 / calls, 1)
                holding.let_go()
                figures = await holding.told()
            if figures["failed"] or figures["mixed"]:
                raise RuntimeError(f"{name}: {figures}")
    return found


async def token() -> dict[str, float]:
    """Return the median time of a token check in µs, by algorithm."""
    audience, found = "https://mcp.example.com/mcp", {}
    with running_issuer() as issuer:
        auth = ServerAuth.model_validate({"issuers": [issuer.url]})
        issuer.keys = [new_key("first", "ES256"), new_key("second", "RS256")]
        async with httpx2.AsyncClient() as http:
            tokens = Tokens(auth, audience, http)
            for key in issuer.keys:
                # No token twice, in case one day something remembers them.
                given = [issuer.token(audience, key=key, jti=f"{n}", scope=SCOPES) for n in range(CHECKS)]
                taken = []
                for one in given:
                    began = time.perf_counter()
                    await tokens.principal(one)
                    taken.append((time.perf_counter() - began) * 1e6)
                found[key.algorithm] = round(statistics.median(taken[1:]), 1)
    return found


def table(found: dict[str, Any]) -> str:
    """Format the figures."""
    lines = []
    if "short" in found:
        bare_rates = found["short"]["bare"]
        for name, rates in found["short"].items():
            ratios = " and ".join(f"{rates[by] / bare_rates[by]:.2f}" for by in rates if by.startswith("per"))
            lines.append(
                f"short calls, {name}: {rates['per second']:.0f} per second, {rates['per second of processor']:.0f} "
                f"per second of its processor time, p50 {rates['p50_ms']:.1f} ms: {ratios} times bare"
            )
    for name, held in found.get("memory", {}).items():
        lines.append(f"a streaming call, {name}: {held:.1f} KiB, {held - found['memory']['bare']:+.1f} KiB over bare")
    for algorithm, taken in found.get("token", {}).items():
        lines.append(f"check of a token, {algorithm}: {taken:.0f} µs")
    return "\n".join(lines)

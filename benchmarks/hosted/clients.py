"""The process of the clients, from where it is started."""

from __future__ import annotations

import asyncio
import json
import sys
from contextlib import asynccontextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from benchmarks.hosted.callers import LIMIT_S, Orders

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

# A line has figures, and perhaps examples of what failed.
_LINE_MAX_BYTES = 1 << 20


class Clients:
    """They are at work, and tell how it goes."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    @property
    def pid(self) -> int:
        """Their process."""
        return self._process.pid

    async def told(self, within_s: float = LIMIT_S) -> dict[str, Any]:
        """Return the next that they tell.

        Raises:
            RuntimeError: If they ended without telling more.
        """
        assert self._process.stdout is not None
        async with asyncio.timeout(within_s):
            line = await self._process.stdout.readline()
        if not line:
            raise RuntimeError("the clients ended and told nothing")
        told: dict[str, Any] = json.loads(line)
        return told

    def let_go(self) -> None:
        """End the calls that are held."""
        assert self._process.stdin is not None
        self._process.stdin.close()


@asynccontextmanager
async def clients(orders: Any, module: str = "callers") -> AsyncIterator[Clients]:
    """Start them on their orders, the dataclass that the module takes, and wait until all of them are at it."""
    command = [sys.executable, "-m", f"benchmarks.hosted.{module}"]
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe, limit=_LINE_MAX_BYTES)
    try:
        assert process.stdin is not None
        process.stdin.write(json.dumps(asdict(orders)).encode() + b"\n")
        started = Clients(process)
        assert (await started.told(2 * LIMIT_S))["ready"]
        yield started
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def done(orders: Orders) -> dict[str, Any]:
    """Let clients do all of their work, and return what came of it."""
    async with clients(orders) as working:
        return await working.told(orders.seconds + 2 * LIMIT_S)

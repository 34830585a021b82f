"""Starting and reading a load generator (``callers`` or ``guests``)."""

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
    """A running load generator."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    async def told(self, within_s: float = LIMIT_S) -> dict[str, Any]:
        """Return its next line.

        Raises:
            RuntimeError: If it exited.
        """
        assert self._process.stdout is not None
        async with asyncio.timeout(within_s):
            line = await self._process.stdout.readline()
        if not line:
            raise RuntimeError("the load generator exited; its error is above")
        told: dict[str, Any] = json.loads(line)
        return told

    def let_go(self) -> None:
        """Close its standard input, which ends the calls that it holds."""
        assert self._process.stdin is not None
        self._process.stdin.close()


@asynccontextmanager
async def clients(orders: Any, module: str = "callers") -> AsyncIterator[Clients]:
    """Run a load generator in the block, which is entered once all calls have begun.

    Args:
        orders: The module's ``Orders``.
        module: ``callers`` or ``guests``.
    """
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
    """Generate a load, and return its figures."""
    async with clients(orders) as working:
        return await working.told(orders.seconds + 2 * LIMIT_S)

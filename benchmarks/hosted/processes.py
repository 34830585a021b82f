"""Running programs for the duration of a block."""

from __future__ import annotations

import asyncio
import socket
import sys
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.support.processes import alive

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

# Of a machine that is busy with others.
START_LIMIT_S = 90.0
STOP_LIMIT_S = 20.0


@dataclass(frozen=True, slots=True)
class Running:
    """A process with its log file; ``url`` is "" for what isn't a server of ours."""

    url: str
    pid: int
    log: Path


@asynccontextmanager
async def running(log: Path, *command: str) -> AsyncIterator[Running]:
    """Run a program with its output in a file; SIGTERM ends it, and SIGKILL if that takes too long."""
    with log.open("wb") as written:
        process = await asyncio.create_subprocess_exec(*command, stdout=written, stderr=written)
    try:
        yield Running("", process.pid, log)
    finally:
        if process.returncode is None:
            process.terminate()
        try:
            await asyncio.wait_for(process.wait(), STOP_LIMIT_S)
        except TimeoutError:
            process.kill()
            await process.wait()


@asynccontextmanager
async def serving(log: Path, *arguments: str) -> AsyncIterator[Running]:
    """Run a Python program that prints its URL at the end of its first line."""
    async with running(log, sys.executable, *arguments) as process:
        await until(lambda: b"\n" in log.read_bytes() or not alive(process.pid))
        said = log.read_text(encoding="utf-8")  # noqa: ASYNC240 - a few bytes
        url = said.split("\n")[0].split(" ")[-1]
        if not url.startswith("http"):
            raise RuntimeError(f"{arguments} said {said}")
        yield Running(url, process.pid, log)


async def until(condition: Callable[[], bool]) -> None:
    """Poll a condition that depends on another process."""
    async with asyncio.timeout(START_LIMIT_S):
        while not condition():  # noqa: ASYNC110 - there is nothing to wait on
            await asyncio.sleep(0.05)


async def listens(port: int) -> None:
    """Wait until a process listens on a port."""

    def taken() -> bool:
        with socket.socket() as trying:
            return trying.connect_ex(("127.0.0.1", port)) == 0

    await until(taken)

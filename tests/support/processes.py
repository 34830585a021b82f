"""Processes: what one prints, whether one lives, and what it holds."""

from __future__ import annotations

import gc
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import anyio

from tests.support.waiting import WAIT_S

if TYPE_CHECKING:
    from collections.abc import Mapping


def printed(code: str, *arguments: str, env: Mapping[str, str] | None = None) -> tuple[str, str]:
    """Run Python code in a fresh interpreter, and return what it writes to standard output and standard error."""
    command = [sys.executable, "-c", code, *arguments]
    run = subprocess.run(command, env=env, capture_output=True, text=True, timeout=WAIT_S, check=False)
    assert run.returncode == 0, run.stderr
    return run.stdout, run.stderr


def alive(pid: int) -> bool:
    """Return whether a process is there and runs; a zombie, dead but not yet waited for, does not."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return status.rpartition(")")[2].split()[0] not in "ZX"


async def end_of(pid: int) -> float:
    """Wait for a process to end; return how many seconds it took for that, less those in which it had no core.

    On a busy machine it is ready to go on for most of the time, and others run.
    """

    def queued_s() -> float:
        return int(Path(f"/proc/{pid}/schedstat").read_text().split()[1]) / 1e9

    began_at, before_s, took_s = time.monotonic(), queued_s(), 0.0
    while alive(pid):
        with suppress(FileNotFoundError, ProcessLookupError):
            took_s = time.monotonic() - began_at - (queued_s() - before_s)
        await anyio.sleep(0.01)
    return took_s


def resident_bytes(pid: int) -> int:
    """Return how much memory a process holds."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4096


def children(pid: int) -> list[int]:
    """Return the process ids of a process's children."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()]


def nameless_files(pid: int | str = "self") -> set[str]:
    """Return the files without a name that a process holds open, as temporary ones are; collect garbage first."""
    gc.collect()
    found = []
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):  # the one that lists the folder
            found.append(str(descriptor.readlink()))
    return {path for path in found if path.endswith(" (deleted)")}


def open_files(pid: int | None = None) -> int:
    """Return how many files a process has open, this one by default."""
    return len([*Path(f"/proc/{pid or 'self'}/fd").iterdir()])

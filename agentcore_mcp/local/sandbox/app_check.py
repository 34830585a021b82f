"""Whether the apps that are to be hosted can be: told at the start, and not to whoever calls first.

Each app is imported once, in a process like that of a session: the same interpreter and import path, an empty working
directory, the whole environment. Anything less would be a guess: that a module can be found does not say that what it
imports can, and in this process it may leave no trace. So the start takes as long as the import does; `ready` then
means that there is an agent. The bundled sample agent is not checked, and starts as fast as ever. The process is not
kept for the first session: it has another directory, and what an app did at its import, it did there.
"""

from __future__ import annotations

import os
import sys
from collections import deque
from typing import TYPE_CHECKING, Final

import anyio

from agentcore_mcp.local.sandbox.agent import AgentProcess
from agentcore_mcp.local.sandbox.targets import SAMPLE_APP, AgentApp

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from agentcore_mcp.local.sandbox.jobs import Job
    from agentcore_mcp.local.sandbox.targets import HostedAgent

# Of launcher.py.
_FINE, _EXCEPTION, _PROBLEM = 111, 112, 113
# The end of a longer output has the traceback.
_LINES_KEPT: Final = 100


class AppCheck:
    """Checks the apps of one local AgentCore.

    Args:
        root: Where their directories are made.
        timeout_s: How long each may take.
        show: Takes what an app that can't be imported has printed, line by line.
    """

    def __init__(self, root: Path, *, timeout_s: float, show: Callable[[str], None]) -> None:
        self._root = root
        self._running: set[Job] = set()
        self._given_up = False
        self._timeout_s = timeout_s
        self._show = show

    async def problems(self, agents: Iterable[HostedAgent]) -> list[str]:
        """Return a sentence for each app that can't be hosted, in their order."""
        apps = [agent.target for agent in agents if isinstance(agent.target, AgentApp)]
        apps = [app for app in apps if app.target != SAMPLE_APP]
        found: dict[int, str] = {}
        # More at a time would only be in each other's way.
        turns = anyio.CapacityLimiter(os.cpu_count() or 1)

        async def check(number: int, app: AgentApp, cwd: Path) -> None:
            async with turns:
                if why := await self._problem(app, cwd):
                    found[number] = f"{app.named_by} {app.target!r} can't be hosted: {why}"

        async with anyio.create_task_group() as tasks:
            for number, app in enumerate(apps, 1):
                tasks.start_soon(check, number, app, self._directory(number))
        return [found[number] for number in sorted(found)]

    def give_up(self) -> None:
        """Let `problems` return soon."""
        self._given_up = True
        for job in self._running:
            job.kill()

    def _directory(self, number: int) -> Path:
        directory = self._root / f"import-{number}"
        directory.mkdir(mode=0o700)
        return directory

    async def _problem(self, app: AgentApp, cwd: Path) -> str:
        """Return why an app can't be hosted, or nothing."""
        printed: deque[str] = deque(maxlen=_LINES_KEPT)
        try:
            process = await AgentProcess.try_import(app, cwd=cwd)
        except OSError as exc:
            return f"its process, of {sys.executable!r}, can't be started: {exc.strerror}"
        self._running.add(process.job)
        if self._given_up:
            process.job.kill()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(process.run, printed.append)
            with anyio.move_on_after(self._timeout_s) as limit:
                await process.exited.wait()
            # With what it has started while it was imported.
            process.job.kill()
            # The system may give its id to another process from now on.
            self._running.remove(process.job)
        if process.exit_code == _FINE:
            return ""
        if process.exit_code == _PROBLEM and printed:
            return printed[-1]
        for line in printed:
            self._show(line)
        if limit.cancelled_caught:
            return (
                f"importing it takes longer than {self._timeout_s:g} s; if it calls run() itself, let it do so under "
                "if __name__ == '__main__'"
            )
        if process.exit_code == _EXCEPTION and (words := process.last_words.quoted()):
            # Who runs this tool in an environment of its own wonders: the library is installed, elsewhere.
            lacking = f"; packages are those of {sys.executable!r}" if "ModuleNotFoundError" in words else ""
            return words + lacking
        return f"importing it ends its process, with exit code {process.exit_code}"

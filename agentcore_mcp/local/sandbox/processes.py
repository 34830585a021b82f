"""The processes of a session: everything that was started in it, its agent included, to be killed when it ends.

A job outlives its leader here: what a command leaves in the background goes on, and may go on printing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio

from agentcore_mcp.local.sandbox.jobs import kill_marked

if TYPE_CHECKING:
    from pathlib import Path

    from anyio.abc import TaskGroup

    from agentcore_mcp.local.sandbox.jobs import Job

# Nothing survives SIGKILL for longer, except in a system call that never returns.
_EXIT_LIMIT_S = 1.0


class Processes:
    """All jobs of one session, and the pipes of commands that have ended.

    Args:
        directory: Where they are started.
        tasks: Where those pipes are emptied.
    """

    def __init__(self, directory: Path, tasks: TaskGroup) -> None:
        self._directory = directory
        self._tasks = tasks
        self._jobs: dict[int, Job] = {}
        self._killed = False

    def adopt(self, job: Job) -> None:
        """Take a job in. Where everything has been killed already, it is killed too."""
        self._jobs[job.id] = job
        if self._killed:
            job.kill()

    def release(self, job: Job, *, is_read: bool = False) -> None:
        """Take note that a job's leader has exited; what it left in the background stays, and may go on printing.

        Args:
            job: The job.
            is_read: Whether its output has a reader; otherwise it is discarded.
        """
        if not job.members():
            # The system may give its id to another process from now on.
            del self._jobs[job.id]
        for output in () if is_read else job.outputs:
            self._tasks.start_soon(output.discard)

    async def kill(self) -> None:
        """End all of them, and those that are still to come; return once their leaders have been seen to exit.

        asyncio complains of a process that is seen to exit after its event loop has been closed.
        """
        self._killed = True
        for job in self._jobs.values():
            job.kill()
        kill_marked(self._directory)
        with anyio.move_on_after(_EXIT_LIMIT_S):
            for job in list(self._jobs.values()):
                await job.wait()

"""The processes of a session, its agent included, which are killed when the session ends.

A job outlives its leader here: background processes of a command continue to run, and to print.
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
        directory: The session's directory, where they start.
        tasks: Runs the tasks that empty those pipes.
    """

    def __init__(self, directory: Path, tasks: TaskGroup) -> None:
        self._directory = directory
        self._tasks = tasks
        self._jobs: dict[int, Job] = {}
        self._killed = False

    def adopt(self, job: Job) -> None:
        """Add a job, or kill it if the session's processes have already been killed."""
        self._jobs[job.id] = job
        if self._killed:
            job.kill()

    def release(self, job: Job, *, is_read: bool = False) -> None:
        """Note that a job's leader has exited; its background processes stay, and may continue to print.

        Args:
            job: The job.
            is_read: Whether its output has a reader; otherwise it is discarded.
        """
        if not job.members():
            # The system may reuse its id from now on.
            del self._jobs[job.id]
        for output in () if is_read else job.outputs:
            self._tasks.start_soon(output.discard)

    async def kill(self) -> None:
        """Kill all jobs, and those still to be added; return once the exit of their leaders has been observed.

        asyncio complains about a process whose exit it observes after its event loop has been closed.
        """
        self._killed = True
        for job in self._jobs.values():
            job.kill()
        kill_marked(self._directory)
        with anyio.move_on_after(_EXIT_LIMIT_S):
            for job in list(self._jobs.values()):
                await job.wait()

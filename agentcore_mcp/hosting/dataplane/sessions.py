"""Sessions: a working directory, an agent process and the commands' leftovers, under one id.

Created on first use, ended by stop, by idleness, or when the agent process exits by itself; the same id afterwards is
a new, empty session. Ending kills every process of the session and deletes its directory.
"""

from __future__ import annotations

import os
import shutil
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
import anyio.to_thread

from agentcore_mcp.hosting.dataplane.agents import AgentApp, AgentProcess
from agentcore_mcp.hosting.dataplane.refusals import Refusal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from anyio.abc import TaskGroup

    from agentcore_mcp.hosting.dataplane.jobs import Job
    from agentcore_mcp.hosting.dataplane.pipes import OutputPipe

# Each may hold a Python process of some 40 MB; a laptop bears this many, and a runaway test is stopped by it.
MAX_SESSIONS = 50
# A killed process may still be writing while its directory is deleted; a second try finds it dead.
_REMOVE_TRIES = 5
_REMOVE_PAUSE_S = 0.05


class Session:
    """One session.

    Attributes:
        stopping: Set when it is to end. From then on no answer of it may look complete.
        why: Why it ends, as a sentence for the clients whose requests that breaks.
        ended: Set when its processes and its directory are gone.
    """

    def __init__(self, session_id: str, directory: Path, app: AgentApp, tasks: TaskGroup) -> None:
        self.id = session_id
        self.directory = directory
        self.agent_process: AgentProcess | None = None
        self.active = 0
        self.stopping = anyio.Event()
        self.why = ""
        self.ended = anyio.Event()
        self._app = app
        self._tasks = tasks
        self._starting = anyio.Lock()
        self._jobs: dict[int, Job] = {}
        self._pipes: set[OutputPipe] = set()
        self._created = self._last_used = time.monotonic()

    @property
    def age_s(self) -> float:
        """Return for how long it has existed."""
        return time.monotonic() - self._created

    @property
    def idle_s(self) -> float:
        """Return for how long nothing has been going on in it."""
        return 0.0 if self.active else time.monotonic() - self._last_used

    @contextmanager
    def busy(self) -> Iterator[None]:
        """Count as active meanwhile."""
        self.active += 1
        try:
            yield
        finally:
            self.active -= 1
            self._last_used = time.monotonic()

    async def agent(self) -> AgentProcess:
        """Return the agent process, started at the first call.

        Raises:
            Refusal: If it can't be started.
        """
        async with self._starting:
            if self.agent_process is None:
                try:
                    self.agent_process = await AgentProcess.start(self._app, cwd=self.directory)
                except OSError as exc:
                    message = f"The agent process could not be started: {exc.strerror}"
                    raise Refusal("InternalServerException", message) from None
                self.adopt(self.agent_process.job)
                self._tasks.start_soon(self._run_agent, self.agent_process)
            return self.agent_process

    def adopt(self, job: Job) -> None:
        """Take a job in, to be killed when the session ends, which may already be happening."""
        self._jobs[job.id] = job
        if self.stopping.is_set():
            job.kill()

    def release(self, job: Job, *outputs: OutputPipe) -> None:
        """Take note that a job's leader has exited; what it left in the background stays, and may go on printing."""
        if not job.members():
            # The system may give its id to another process from now on.
            del self._jobs[job.id]
        for output in outputs:
            self._tasks.start_soon(self._discard, output)

    def stop(self, why: str) -> None:
        """Let it end; only the first reason counts."""
        self.why = self.why or why
        self.stopping.set()

    def kill(self) -> None:
        """Kill everything that runs in the session."""
        for job in self._jobs.values():
            job.kill()
        for output in self._pipes:
            output.end()

    async def _run_agent(self, agent: AgentProcess) -> None:
        await agent.run(self._show)
        if not self.stopping.is_set():
            self.stop(agent.failure())
            self._show(self.why)

    def _show(self, line: str) -> None:
        print(f"[{self.id}] {line}", file=sys.stderr, flush=True)  # noqa: T201

    async def _discard(self, output: OutputPipe) -> None:
        self._pipes.add(output)
        if self.stopping.is_set():
            output.end()
        await output.discard()
        self._pipes.remove(output)


class Sessions:
    """All sessions of one local AgentCore."""

    def __init__(self, root: Path, app: AgentApp, tasks: TaskGroup, *, idle_timeout_s: float) -> None:
        self._root = root
        self._app = app
        self._tasks = tasks
        self._idle_timeout_s = idle_timeout_s
        self._sessions: dict[str, Session] = {}
        self._closing = False
        self._numbers = iter(range(1, sys.maxsize))

    @contextmanager
    def enter(self, session_id: str) -> Iterator[Session]:
        """Use a session, created if there is none; it is not idle meanwhile.

        Raises:
            Refusal: If there are too many, or this local AgentCore is about to end.
        """
        session = self._sessions.get(session_id) or self._create(session_id)
        with session.busy():
            yield session

    def get(self, session_id: str) -> Session | None:
        """Return the session of this id if there is one."""
        return self._sessions.get(session_id)

    async def end(self, session: Session) -> None:
        """End a session, and return when nothing of it is left."""
        # The id is free at once: a request that comes meanwhile gets a new session.
        self._forget(session)
        session.stop("The session was stopped.")
        await session.ended.wait()

    async def close(self) -> None:
        """End all sessions, and create none any more."""
        self._closing = True
        async with anyio.create_task_group() as tasks:
            for session in list(self._sessions.values()):
                tasks.start_soon(self.end, session)

    def listing(self) -> list[dict[str, Any]]:
        """Return the sessions as JSON objects."""
        return [
            {
                "id": session.id,
                "age_s": session.age_s,
                "idle_s": session.idle_s,
                "has_agent_process": session.agent_process is not None,
                "cwd": str(session.directory),
            }
            for session in self._sessions.values()
        ]

    def _create(self, session_id: str) -> Session:
        if self._closing:
            raise Refusal("InternalServerException", "The local AgentCore is shutting down")
        if len(self._sessions) >= MAX_SESSIONS:
            raise Refusal(
                "ServiceQuotaExceededException",
                f"{MAX_SESSIONS} sessions are active, which is as many as this local AgentCore runs; stop one",
            )
        # Numbered, because an id may hold anything, slashes and dots included.
        directory = self._root / f"session-{next(self._numbers)}"
        directory.mkdir(mode=0o700)
        session = self._sessions[session_id] = Session(session_id, directory, self._app, self._tasks)
        self._tasks.start_soon(self._live, session)
        return session

    async def _live(self, session: Session) -> None:
        while not session.stopping.is_set() and (left := self._idle_timeout_s - session.idle_s) > 0:
            with anyio.move_on_after(left):
                await session.stopping.wait()
        self._forget(session)
        session.stop("The session was idle for too long.")
        session.kill()
        await anyio.to_thread.run_sync(remove_tree, session.directory)
        session.ended.set()

    def _forget(self, session: Session) -> None:
        if self._sessions.get(session.id) is session:
            del self._sessions[session.id]


def remove_tree(directory: Path) -> None:
    """Delete a directory that killed processes may still be leaving, and that they may have made unreadable."""
    for _ in range(_REMOVE_TRIES):
        shutil.rmtree(directory, ignore_errors=True)
        if not directory.exists():
            return
        for folder, _, _ in os.walk(directory):
            Path(folder).chmod(0o700)
        time.sleep(_REMOVE_PAUSE_S)

"""All sessions: their creation and their end.

A session is created on first use, and ends by a stop, by idleness, by age, or when its agent process exits; the same
id afterwards is a new, empty session. Its end kills every process of the session and deletes its directory.
"""

from __future__ import annotations

import os
import sys
import uuid
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import anyio
import anyio.to_thread

from agentcore_mcp.local.line.refusals import Refusal
from agentcore_mcp.local.sandbox.folders import remove_tree
from agentcore_mcp.local.sandbox.session import Session
from agentcore_mcp.local.sandbox.targets import SAMPLE_APPS, AgentApp
from agentcore_mcp.wire.headers import MCP_SESSION_HEADER, SESSION_HEADER
from agentcore_mcp.wire.operations import INVOKE
from agentcore_mcp.wire.requests import target_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    import httpx2
    from anyio.abc import TaskGroup

    from agentcore_mcp.local.sandbox.limits import Limits
    from agentcore_mcp.local.sandbox.targets import HostedAgent

# Each may have a Python process of some 40 MB; a laptop can hold this many, and the limit stops a runaway test.
MAX_SESSIONS = 50
# The interval of pings to an idle session's agent; the service pings every 2 s. At least four pings per idle timeout,
# so that no session ends while its agent has just become busy.
_ASK_EVERY_S = 10.0
_ASKS_PER_TIMEOUT = 4
# The session id for trying an app.
_TRIAL = "trial"


class Sessions:
    """All sessions of one local AgentCore.

    Attributes:
        closing: Whether all are ending, and no new ones may start.
    """

    def __init__(
        self, root: Path, tasks: TaskGroup, client: httpx2.AsyncClient, limits: Limits, endpoint_url: str
    ) -> None:
        self._root = root
        self._tasks = tasks
        self._client = client
        self.limits = limits
        self._endpoint_url = endpoint_url
        self._sessions: dict[tuple[str, str], Session] = {}
        self.closing = False
        self._numbers = iter(range(1, sys.maxsize))

    @contextmanager
    def enter(self, hosted: HostedAgent, session_id: str) -> Iterator[Session]:
        """Use a session, created if it does not exist; inside the block, it is not idle.

        Raises:
            Refusal: If there are too many, or this local AgentCore is about to end.
        """
        session = self.get(hosted, session_id) or self._create(hosted, session_id)
        with session.busy():
            yield session

    def get(self, hosted: HostedAgent, session_id: str) -> Session | None:
        """Return the agent's session with this id, if any."""
        return self._sessions.get((hosted.name, session_id))

    def at_endpoint(self, endpoint: str) -> Session | None:
        """Return the session with this endpoint name, if any."""
        return next((one for one in self._sessions.values() if one.endpoint == endpoint), None)

    def id_for(self, hosted: HostedAgent, headers: Mapping[str, str]) -> str:
        """Return the session id for a request: that of its MCP session, the one in its header, or a new one.

        An MCP session comes first, because boto3 adds a new session id to every request without one.

        Raises:
            Refusal: If its MCP session has ended and its header names no other. The service's 404, on which MCP clients
                begin a new one, is reported in https://github.com/anthropics/claude-ai-mcp/issues/450
        """
        own, mcp_session_id = headers.get(SESSION_HEADER.lower()), headers.get(MCP_SESSION_HEADER.lower())
        if hosted.protocol == "mcp" and mcp_session_id:
            for session in self._sessions.values():
                if session.hosted == hosted and session.mcp_session_id == mcp_session_id:
                    return session.id
            if own is None:
                raise Refusal("ResourceNotFoundException", f"No session with the Mcp-Session-Id '{mcp_session_id}'")
        return own or str(uuid.uuid4())

    async def end(self, session: Session) -> None:
        """End a session, and return once its processes and directory are gone."""
        # Free the id at once: a request that arrives during the clean-up gets a new session.
        self._forget(session)
        session.stop("The session was stopped.")
        await session.ended.wait()

    async def try_apps(self, agents: Sequence[HostedAgent]) -> list[str]:
        """Start each app's agent once, and return an error sentence for each that fails.

        So errors are reported at the start, not to the first caller. Each app is started exactly as in a session, which
        also proves that its imports work. The bundled sample agents are not tried.
        """
        problems: dict[str, str] = {}
        # More at a time would only slow each other down.
        turns = anyio.CapacityLimiter(os.cpu_count() or 1)

        async def try_out(hosted: HostedAgent, app: AgentApp) -> None:
            async with turns:
                try:
                    with self.enter(hosted, _TRIAL) as session:
                        try:
                            await session.start(with_agent=True)
                        finally:
                            await self.end(session)
                except Refusal as refusal:
                    where = f"{app.target!r} in {str(app.folder)!r}, run by {sys.executable!r}"
                    problems[hosted.name] = f"the app {where}, can't be hosted: {refusal.message}"

        async with anyio.create_task_group() as tasks:
            for hosted in agents:
                if isinstance(hosted.target, AgentApp) and hosted.target.target not in SAMPLE_APPS.values():
                    tasks.start_soon(try_out, hosted, hosted.target)
        return [problems[hosted.name] for hosted in agents if hosted.name in problems]

    async def close(self) -> None:
        """End all sessions, and create no more."""
        self.closing = True
        async with anyio.create_task_group() as tasks:
            for session in list(self._sessions.values()):
                tasks.start_soon(self.end, session)

    def listing(self) -> list[dict[str, Any]]:
        """Return the sessions as JSON objects."""
        return [
            {
                "id": session.id,
                "agent": session.hosted.name,
                "age_s": session.age_s,
                "idle_s": session.idle_s,
                "has_agent_process": session.agent_process is not None,
                "cwd": str(session.directory),
            }
            for session in self._sessions.values()
        ]

    def _create(self, hosted: HostedAgent, session_id: str) -> Session:
        if self.closing:
            raise Refusal("InternalServerException", "The local AgentCore is shutting down")
        if len(self._sessions) >= MAX_SESSIONS:
            raise Refusal(
                "ServiceQuotaExceededException",
                f"{MAX_SESSIONS} sessions are active, and the local AgentCore runs no more at a time. That is a limit "
                "of its own, not a quota of an account: stop a session, or let them end sooner with --idle-timeout",
            )
        # Numbered, because an id may hold anything, slashes and dots included.
        directory = self._root / f"session-{next(self._numbers)}"
        directory.mkdir(mode=0o700)
        url = f"{self._endpoint_url}{target_of(hosted.arn, INVOKE, {})}"
        session = Session(session_id, directory, hosted, self._tasks, self._client, self.limits, runtime_url=url)
        self._sessions[hosted.name, session_id] = session
        self._tasks.start_soon(self._live, session)
        return session

    async def _live(self, session: Session) -> None:
        ask_every_s = min(_ASK_EVERY_S, self.limits.idle_timeout_s / _ASKS_PER_TIMEOUT)
        while not session.stopping.is_set() and (left_s := session.left_s()) > 0:
            with anyio.move_on_after(min(left_s, ask_every_s)):
                await session.stopping.wait()
            await session.notice_busy_agent()
        self._forget(session)
        if session.age_s >= self.limits.max_lifetime_s:
            session.stop("The session has reached its maximum lifetime.")
        session.stop("The session was idle for too long.")
        await session.kill()
        await anyio.to_thread.run_sync(remove_tree, session.directory)
        session.ended.set()

    def _forget(self, session: Session) -> None:
        key = (session.hosted.name, session.id)
        if self._sessions.get(key) is session:
            del self._sessions[key]

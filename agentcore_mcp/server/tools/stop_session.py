"""The tool ``stop_session``."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Annotated, Literal

from mcp.types import CallToolResult  # noqa: TC002 - the SDK reads it
from pydantic import Field

from agentcore_mcp.errors import InvalidRequestError
from agentcore_mcp.server.results import Result
from agentcore_mcp.server.sessions import ALL, means_all
from agentcore_mcp.server.state import ToolContext  # noqa: TC001 - the SDK reads it
from agentcore_mcp.server.tools.list_agents import LISTED_MAX_SESSIONS
from agentcore_mcp.server.tools.publishing import publish
from agentcore_mcp.server.tools.requests import answering

if TYPE_CHECKING:
    from agentcore_mcp.server.sessions import Session
    from agentcore_mcp.server.tools.requests import ToolRequest

DESCRIPTION = """\
End a session: what runs in it is stopped, its memory and own disk are deleted; files in mounted storage may stay. \
Call it when a session is no longer needed, since sessions cost money until idle for a while (15 minutes unless set \
otherwise). Stopping one that is gone is fine."""
GONE = "its memory and own disk are gone, files in mounted storage may remain"
SESSION_ID = "The session_id of an earlier result, the short name you gave, or 'all' that this server opened."


class StopSessionResult(Result):
    """What became of the session, or of all of them."""

    session_id: Annotated[str, Field(description="As resolved, or 'all'.")]
    status: Annotated[Literal["stopped", "already_gone"], Field(description="already_gone: there was none to stop.")]
    stopped: Annotated[list[str], Field(description="The sessions that were stopped, or some of them.")]
    count: Annotated[int, Field(description="How many were stopped.")]

    def as_text(self) -> str:
        """Show a line for each session that was stopped."""
        if not self.stopped and self.session_id == ALL:
            return "no session is open that this server opened; nothing was left to stop"
        if not self.stopped:
            return f"session {self.session_id} doesn't exist, or no longer does; nothing was left to stop"
        return _lines([f"session {session} is stopped; {GONE}" for session in self.stopped], self.count)


async def stop_session(
    session_id: Annotated[str, Field(description=SESSION_ID)], ctx: ToolContext, agent: str = ""
) -> Annotated[CallToolResult, StopSessionResult]:
    """Stop one session, or all that this server opened."""
    with answering(ctx) as request:
        facts = request.facts
        facts.stopping = True
        sessions = await _wanted(request, session_id, agent)
        # At the same time, since each may take seconds and hosts don't wait for long.
        outcomes = await asyncio.gather(*map(request.caller.stop, sessions), return_exceptions=True)
        stopped = [
            session.session_id
            for session, outcome in zip(sessions, outcomes, strict=True)
            if not isinstance(outcome, BaseException) and not outcome.already_gone
        ]
        listed = stopped[:LISTED_MAX_SESSIONS]
        for session, outcome in zip(sessions, outcomes, strict=True):
            if isinstance(outcome, BaseException):
                facts.agent, facts.session_id = session.target.agent, session.session_id
                facts.received = _lines([f"session {one} is stopped" for one in listed], len(stopped))
                raise outcome
        return StopSessionResult(
            session_id=ALL if means_all(session_id) else sessions[0].session_id,
            status="stopped" if stopped else "already_gone",
            stopped=listed,
            count=len(stopped),
        ).shown()


TOOL = partial(publish, stop_session, "Stop the session", DESCRIPTION, idempotent=True, local=True)


async def _wanted(request: ToolRequest, session_id: str, agent: str) -> list[Session]:
    """Return the sessions to stop.

    Raises:
        InvalidRequestError: If ``session_id`` is empty or names no session.
        AgentCoreError: If the agents have to be listed for it, and can't be.
    """
    caller = request.caller
    if means_all(session_id):
        if agent:
            await caller.agents.named(agent)
        return [session for session in await caller.ledger.open() if agent in ("", session.agent)]
    if not session_id.strip():
        raise InvalidRequestError("session_id is empty; pass the session_id of an earlier result, or 'all'")
    return [await caller.ledger.known(await request.session(agent, session_id, may_be_new=False))]


def _lines(lines: list[str], count: int) -> str:
    """Return lines, and how many more there would be."""
    return "\n".join([*lines, *([f"and {count - len(lines):,} more"] if count > len(lines) else [])])

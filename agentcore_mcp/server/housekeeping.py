"""What the tools around the agents do: stop sessions, list agents, read what results left out."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated

import anyio
from mcp.types import CallToolResult  # noqa: TC002 - the SDK reads it

from agentcore_mcp.errors import AgentCoreError, InvalidRequestError
from agentcore_mcp.server.output import RESULT_MAX_CHARS
from agentcore_mcp.server.resources import ToolContext  # noqa: TC001 - the SDK reads it
from agentcore_mcp.server.results import (
    AgentInfo,
    ListAgentsResult,
    ReadOutputResult,
    SessionInfo,
    StopSessionResult,
    and_more,
    tool_errors,
)
from agentcore_mcp.server.sessions import ALL, means_all

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agentcore_mcp.runtime.results import StoppedSession
    from agentcore_mcp.server.agents import Target
    from agentcore_mcp.server.resources import Resources

READ_MAX_CHARS = 20_000
# In a result: the ids may have 256 characters each, and a model that has opened so many wants them stopped, not read.
LISTED_MAX_SESSIONS = 50


async def stop_session(
    session_id: str, ctx: ToolContext, agent: str = ""
) -> Annotated[CallToolResult, StopSessionResult]:
    """Stop one session, or all that this server opened."""
    shared = ctx.request_context.lifespan_context
    with tool_errors() as facts:
        facts.stopping = True
        if means_all(session_id):
            if agent:
                await shared.agents.named(agent)
            opened = [session for session in shared.ledger.open() if agent in ("", session.agent)]
            sessions = [(session.session_id, shared.agents.known(session.agent)) for session in opened]
        elif session_id.strip():
            target = await shared.target(agent, session_id)
            facts.agent = target.agent
            passed = shared.sessions.resolve(session_id, target.agent.arn, may_be_new=False)
            sessions = [(shared.ledger.answering(passed, target.agent.name, session_id.strip()), target)]
        else:
            raise InvalidRequestError("session_id is empty; pass the session_id of an earlier result, or 'all'")
        outcomes = await _stop_each(shared, sessions)
        stopped = [
            session
            for (session, _), outcome in zip(sessions, outcomes, strict=True)
            if not isinstance(outcome, AgentCoreError) and not outcome.already_gone
        ]
        facts.received = lambda: "\n".join(
            [f"session {session} is stopped" for session in stopped[:LISTED_MAX_SESSIONS]]
            + and_more(len(stopped) - LISTED_MAX_SESSIONS)
        )
        for (session, target), outcome in zip(sessions, outcomes, strict=True):
            if isinstance(outcome, AgentCoreError):
                facts.agent, facts.session_id = target.agent, session
                raise outcome
        return StopSessionResult(
            session_id=ALL if means_all(session_id) else sessions[0][0],
            status="stopped" if stopped else "already_gone",
            stopped=stopped[:LISTED_MAX_SESSIONS],
            count=len(stopped),
        ).shown()


async def _stop_each(
    shared: Resources, sessions: Sequence[tuple[str, Target]]
) -> list[StoppedSession | AgentCoreError]:
    """Stop sessions all at once, since each may take seconds and a host does not wait for long."""

    async def stop(session: str, target: Target) -> StoppedSession | AgentCoreError:
        try:
            return await shared.stops.stop(session, target)
        except AgentCoreError as error:
            return error

    async with asyncio.TaskGroup() as tasks:
        stops = [tasks.create_task(stop(session, target)) for session, target in sessions]
    return [stopped.result() for stopped in stops]


async def list_agents(ctx: ToolContext) -> Annotated[CallToolResult, ListAgentsResult]:
    """List the agents, and the sessions that this server opened."""
    shared = ctx.request_context.lifespan_context
    now = anyio.current_time()
    opened = shared.ledger.open()
    notes = []
    if len(opened) > LISTED_MAX_SESSIONS:
        notes.append(f"{len(opened)} sessions are open; listed are the {LISTED_MAX_SESSIONS} used last")
    with tool_errors():
        try:
            targets = await shared.agents.all()
        except AgentCoreError as error:
            # What is configured can be called all the same.
            if not (targets := shared.agents.known_so_far()):
                raise
            notes.append(f"there may be more agents: {error.message}")
    agents = [target.agent for target in targets]
    return ListAgentsResult(
        agents=[
            AgentInfo(name=agent.name, description=agent.description, commands=agent.commands.mode) for agent in agents
        ],
        sessions=[
            SessionInfo(
                session_id=session.session_id,
                agent=session.agent,
                age_s=round(now - session.opened_at),
                idle_s=round(now - session.used_at),
            )
            for session in opened[-LISTED_MAX_SESSIONS:]
        ],
        note="; ".join(notes),
    ).shown()


async def read_output(
    handle: str, ctx: ToolContext, offset: int = 0, limit: int = READ_MAX_CHARS, stream: str = ""
) -> Annotated[CallToolResult, ReadOutputResult]:
    """Read a part of what a result left out."""
    shared = ctx.request_context.lifespan_context
    with tool_errors() as facts:
        call = shared.calls.named(handle)
        facts.agent, facts.session_id = shared.agents.known(call.agent).agent, call.session_id
        name = stream or next(iter(call.outputs))
        if name not in call.outputs:
            raise InvalidRequestError(f"stream is {stream!r}, and has to be one of {', '.join(call.outputs)}")
        if offset < 0 or not 1 <= limit <= RESULT_MAX_CHARS:
            raise InvalidRequestError(f"offset has to be 0 or more, and limit 1 to {RESULT_MAX_CHARS}")
        spool = call.outputs[name].spool
        text, next_offset = spool.read(offset, limit)
        return ReadOutputResult(
            text=text,
            next_offset=next_offset,
            total_bytes=spool.kept_bytes,
            dropped_bytes=spool.dropped_bytes,
            finished=call.finished,
        ).shown()

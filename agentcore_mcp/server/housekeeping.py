"""What the tools around the agents do: stop sessions, list agents, read what results left out."""

from __future__ import annotations

from typing import Annotated

import anyio
from mcp.types import CallToolResult  # noqa: TC002 - the SDK reads it

from agentcore_mcp.errors import InvalidRequestError
from agentcore_mcp.server.output import RESULT_MAX_CHARS
from agentcore_mcp.server.resources import ToolContext  # noqa: TC001 - the SDK reads it
from agentcore_mcp.server.results import (
    AgentInfo,
    ListAgentsResult,
    ReadOutputResult,
    SessionInfo,
    StopSessionResult,
    tool_errors,
)

READ_MAX_CHARS = 20_000
ALL = "all"


async def stop_session(
    session_id: str, ctx: ToolContext, agent: str = ""
) -> Annotated[CallToolResult, StopSessionResult]:
    """Stop one session, or all that this server opened."""
    shared = ctx.request_context.lifespan_context
    with tool_errors() as facts:
        facts.stopping = True
        if session_id.strip() == ALL:
            opened = [session for session in shared.ledger.open() if agent in ("", session.agent)]
            targets = [(shared.agents.known(session.agent), session.session_id) for session in opened]
        elif session_id.strip():
            targets = [await shared.open_session(agent, session_id)]
        else:
            raise InvalidRequestError("session_id is empty; pass the session_id of an earlier result, or 'all'")
        stopped: list[str] = []
        for target, session in targets:
            facts.agent, facts.session_id = target.agent, session
            outcome = await target.client.stop_session(
                target.agent.arn, session_id=session, qualifier=target.agent.qualifier
            )
            shared.ledger.stopped(session)
            if not outcome.already_gone:
                stopped.append(session)
        return StopSessionResult(
            session_id=ALL if session_id.strip() == ALL else targets[0][1],
            status="stopped" if stopped else "already_gone",
            stopped=stopped,
        ).shown()


async def list_agents(ctx: ToolContext) -> Annotated[CallToolResult, ListAgentsResult]:
    """List the agents, and the sessions that this server opened."""
    shared = ctx.request_context.lifespan_context
    now = anyio.current_time()
    with tool_errors():
        agents = [target.agent for target in await shared.agents.all()]
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
            for session in shared.ledger.open()
        ],
    ).shown()


async def read_output(
    handle: str, ctx: ToolContext, offset: int = 0, limit: int = READ_MAX_CHARS, stream: str = ""
) -> Annotated[CallToolResult, ReadOutputResult]:
    """Read a part of what a result left out."""
    shared = ctx.request_context.lifespan_context
    with tool_errors():
        call = shared.calls.named(handle)
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
            finished=call.finished.is_set(),
        ).shown()

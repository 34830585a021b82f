"""The tool ``list_agents``."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING, Annotated

from mcp.types import CallToolResult  # noqa: TC002 - the SDK reads it
from pydantic import BaseModel, Field
from pydantic.json_schema import SkipJsonSchema  # noqa: TC002 - pydantic reads it

from agentcore_mcp.errors import AgentCoreError
from agentcore_mcp.server.call import Phase
from agentcore_mcp.server.protocols.asking import check_has_tools
from agentcore_mcp.server.results import Result
from agentcore_mcp.server.state import ToolContext  # noqa: TC001 - the SDK reads it
from agentcore_mcp.server.tools import handoff
from agentcore_mcp.server.tools.call_agent_tool import CallAgentToolResult
from agentcore_mcp.server.tools.publishing import publish
from agentcore_mcp.server.tools.requests import answering

if TYPE_CHECKING:
    from agentcore_mcp.config import Agent
    from agentcore_mcp.server.protocols.detection import Detection
    from agentcore_mcp.server.tools.requests import ToolRequest

DESCRIPTION = "List the agents, and the sessions that this server has opened and not stopped, with their age."
# In a result: the ids may have 256 characters each, and a model that has opened so many wants them stopped, not read.
LISTED_MAX_SESSIONS = 50


class AgentInfo(BaseModel):
    """An agent that may be called."""

    name: str
    description: str
    commands: Annotated[str, Field(description="allow, ask (the user confirms each) or off.")]
    # Without a schema: it would cost every model more tokens than it is worth.
    protocol: SkipJsonSchema[str] = ""
    obstacle: SkipJsonSchema[str] = ""

    def as_line(self) -> str:
        """Show it on one line."""
        marks = [f"commands: {self.commands}", self.protocol, self.obstacle and f"can't be called: {self.obstacle}"]
        return " ".join([f"- {self.name}: {self.description or '(no description)'}", *[f"[{m}]" for m in marks if m]])


class SessionInfo(BaseModel):
    """A session that this server opened."""

    session_id: str
    agent: str
    age_s: int
    idle_s: int
    # Handles of those that the live view may show; a schema would cost each model more than it is worth.
    calls: SkipJsonSchema[list[str]] = Field(default_factory=list)


class ListAgentsResult(Result):
    """The agents, and the sessions that this server opened."""

    agents: list[AgentInfo]
    sessions: list[SessionInfo]
    # Where an agent may be an MCP server, no tool has a schema of its results.
    tools: SkipJsonSchema[str] = ""
    session_id: SkipJsonSchema[str] = ""
    note: Annotated[str, Field(description="If set, what else there may be.")] = ""

    def as_text(self) -> str:
        """Show a line for each."""
        agents = [agent.as_line() for agent in self.agents]
        sessions = [
            f"- {session.session_id}: {session.agent}, opened {session.age_s} s ago, last used {session.idle_s} s ago"
            + (f", with calls {', '.join(session.calls)}" if session.calls else "")
            for session in self.sessions
        ]
        note = [f"[{self.note}]"] if self.note else []
        tools = [f"tools (session_id: {self.session_id}):", self.tools] if self.session_id else []
        return "\n".join([*tools, "agents:", *agents, *note, "open sessions:", *(sessions or ["(none)"])])


async def list_agents(ctx: ToolContext, agent: str = "") -> Annotated[CallToolResult, ListAgentsResult]:
    """List the agents, and the sessions that this server opened; and the tools of an agent that is an MCP server."""
    with answering(ctx) as request:
        caller = request.caller
        tools = await _tools(request, agent) if agent else {}
        opened, now = await caller.ledger.open(), time.time()
        # A call that was not handed over may be in another worker, where a watcher can't find it.
        shared = caller.settings.server.store is not None
        shown = [call for call in caller.calls.running if call.live and (not shared or call.phase is Phase.UNATTENDED)]
        notes = [*filter(None, [tools.pop("note", "")])]
        if len(opened) > LISTED_MAX_SESSIONS:
            notes.append(f"{len(opened)} sessions are open; listed are the {LISTED_MAX_SESSIONS} used last")
        try:
            targets = await caller.agents.all()
        except AgentCoreError as error:
            # Configured agents can be called all the same.
            if not (targets := caller.agents.known_so_far()):
                raise
            notes.append(f"there may be more agents: {error.message}")
        return ListAgentsResult(
            agents=[_info(target.agent, caller.agents.detection) for target in targets],
            sessions=[
                SessionInfo(
                    session_id=session.session_id,
                    agent=session.agent,
                    age_s=round(now - session.opened_at),
                    idle_s=round(now - session.used_at),
                    calls=[call.handle for call in shown if call.session.key == session.key],
                )
                for session in opened[-LISTED_MAX_SESSIONS:]
            ],
            **tools,
            note="; ".join(notes),
        ).shown()


TOOL = partial(publish, list_agents, "List agents and sessions", DESCRIPTION, read_only=True)


def _info(agent: Agent, detection: Detection) -> AgentInfo:
    spoken = detection.known(agent)
    return AgentInfo(
        name=agent.name,
        description=detection.description_of(agent),
        commands=agent.commands.mode,
        protocol="" if spoken is None or spoken.assumed else spoken.protocol,
        obstacle=spoken.obstacle if spoken else "",
    )


async def _tools(request: ToolRequest, agent: str) -> dict[str, str]:
    """Return the result's fields for the tools of an MCP server, and for the session in which they were listed.

    That is the server's most recently used session, or else a new one. Listing is a call like those of other tools, so
    that text that doesn't fit can be read by a handle.
    """
    from agentcore_mcp.server.protocols.mcp import list_tools

    caller = request.caller
    used = [session.session_id for session in await caller.ledger.open() if session.agent == agent]
    session = await request.session(agent, used[-1] if used else "")
    await check_has_tools(caller.agents, session.target)
    call = request.new_call(session, "list_agents", "", "the list of tools")
    # The agents are listed as well.
    call.max_chars //= 2
    caller.begin(call, list_tools)
    await handoff.wait(request, call, handoff_after_s=None)
    listed = (await handoff.report(caller, call, CallAgentToolResult)).structured_content
    return {"tools": listed["text"], "session_id": listed["session_id"], "note": listed.get("note", "")}

"""What the calls of one server share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mcp.server.mcpserver import Context

if TYPE_CHECKING:
    from agentcore_mcp.config import Settings
    from agentcore_mcp.server.agents import Agents, Target
    from agentcore_mcp.server.call import Call
    from agentcore_mcp.server.calls import Calls
    from agentcore_mcp.server.ledger import Ledger, Session
    from agentcore_mcp.server.sessions import SessionNames
    from agentcore_mcp.server.stops import Stops


@dataclass(frozen=True, slots=True)
class Resources:
    """What the calls of one server share; made by its lifespan."""

    settings: Settings
    agents: Agents
    sessions: SessionNames
    ledger: Ledger
    calls: Calls
    stops: Stops

    async def target(self, agent: str, session_id: str) -> Target:
        """Return the agent that a call means: the one it names, or that of the session it names.

        Raises:
            InvalidRequestError: If there is none.
            AgentCoreError: If the agents have to be listed for it, and can't be.
        """
        return await self.agents.named(agent or self.ledger.agent_of(session_id.strip()))

    def open_session(self, target: Target, session_id: str) -> Session:
        """Return the session that a call means, and note that it is used.

        Raises:
            InvalidRequestError: If it is none.
        """
        opened = self.sessions.resolve(session_id, target.agent.arn)
        return self.ledger.used(opened, target.agent.name, session_id.strip())

    def answered(self, session: Session, call: Call, session_id: str) -> None:
        """Note from which session the service answers a call: as a rule from the one that it was asked for."""
        if session_id != call.session_id:
            self.ledger.moved(session, session_id)
            call.session_id = session_id
            call.note(f"session_id: {session_id}\n")


ToolContext = Context[Resources, Any]

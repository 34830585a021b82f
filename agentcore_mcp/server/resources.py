"""What the calls of one server share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mcp.server.mcpserver import Context

if TYPE_CHECKING:
    from agentcore_mcp.config import Settings
    from agentcore_mcp.server.agents import Agents, Target
    from agentcore_mcp.server.calls import Calls
    from agentcore_mcp.server.ledger import Ledger
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

    async def open_session(self, agent: str, session_id: str) -> tuple[Target, str]:
        """Return the agent and the session that a call means, and note that the session is used.

        Raises:
            InvalidRequestError: If either is not one.
            AgentCoreError: If the agents have to be listed for it, and can't be.
        """
        target = await self.agents.named(agent or self.ledger.agent_of(session_id.strip()))
        session = self.sessions.resolve(session_id, target.agent.arn)
        self.ledger.used(session, target.agent.name, session_id.strip())
        return target, session


ToolContext = Context[Resources, Any]

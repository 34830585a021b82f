"""What the calls of one server share."""

from __future__ import annotations

import math
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import anyio
from mcp.server.mcpserver import Context

from agentcore_mcp.server.agents import Agents
from agentcore_mcp.server.calls import Calls
from agentcore_mcp.server.ledger import Ledger
from agentcore_mcp.server.sessions import Session, SessionNames
from agentcore_mcp.server.stops import EXIT_LIMIT_S, Stops

if TYPE_CHECKING:
    import asyncio
    from collections.abc import AsyncIterator

    import httpx2

    from agentcore_mcp.config import Settings
    from agentcore_mcp.runtime.retries import Retries
    from agentcore_mcp.server.agents import Target


class ServerState:
    """What the calls of one server share. Tools get it in their context, transports with the server.

    Args:
        settings: Which agents there are, and how to reach them.
        retries: How often a call is sent again that can't have reached an agent.
        transport: Carries the requests to AgentCore instead of the network; for tests.

    Raises:
        ConfigurationError: If an agent's endpoint or credentials, or the certificates to trust can't be used.

    Attributes:
        end_by: Until when the end may take that has begun, on the event loop's clock.
    """

    def __init__(self, settings: Settings, retries: Retries, transport: httpx2.AsyncBaseTransport | None) -> None:
        self.settings = settings
        self.agents = Agents(settings, retries, transport)
        self.sessions = SessionNames()
        self.ledger = Ledger()
        self.calls = Calls()
        self.stops = Stops(self.agents, self.ledger, read_only=settings.read_only)
        self.end_by = math.inf

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Serve inside the block; leaving it ends the calls, and the sessions if the settings say so."""
        self.end_by = math.inf
        self.calls.ending = False
        try:
            yield
        finally:
            with anyio.CancelScope(shield=True):
                calls = await self.end()
                await self.stops.finish(calls, deadline=self.end_by)
                await self.agents.aclose()

    async def end(self) -> list[asyncio.Task[None]]:
        """Begin all that has to be done at the end, at once; return the calls that are about to end."""
        calls = await self.calls.end()
        if self.end_by == math.inf:
            self.end_by = anyio.current_time() + EXIT_LIMIT_S
            if self.settings.on_exit == "stop":
                self.stops.begin_all()
        return calls

    async def target(self, agent: str, session_id: str) -> Target:
        """Return the agent that a call means: the one it names, or that of the session it names.

        Raises:
            InvalidRequestError: If there is no such agent.
            AgentCoreError: If the agents have to be listed for it, and can't be.
        """
        return await self.agents.named(agent or self.ledger.agent_of(session_id.strip()))

    def session(self, target: Target, session_id: str, *, may_be_new: bool = True) -> Session:
        """Return the session that a call means, as if this were its first call: the ledger knows about earlier ones.

        Raises:
            InvalidRequestError: If ``session_id`` is neither an id nor a short name.
        """
        resolved = self.sessions.resolve(session_id, target.agent.arn, may_be_new=may_be_new)
        return Session(resolved, target, session_id.strip())


ToolContext = Context[ServerState, Any]

"""State that the calls of one server share, and that the calls of one of its callers share."""

from __future__ import annotations

import math
from contextlib import asynccontextmanager, nullcontext
from functools import cached_property
from typing import TYPE_CHECKING, Any

import anyio
from mcp.server.mcpserver import Context

from agentcore_mcp.config.installation import installation_key
from agentcore_mcp.server.agents import Agents
from agentcore_mcp.server.callers import Caller
from agentcore_mcp.server.calls import End
from agentcore_mcp.server.hosted.policy import Policy
from agentcore_mcp.server.hosted.principals import current_principal
from agentcore_mcp.server.stops import EXIT_LIMIT_S, Stops

if TYPE_CHECKING:
    import asyncio
    from collections.abc import AsyncIterator

    import httpx2

    from agentcore_mcp.config import Settings
    from agentcore_mcp.runtime.retries import Retries
    from agentcore_mcp.server.hosted.principals import Principal
    from agentcore_mcp.server.hosted.store.connection import RedisStore
    from agentcore_mcp.server.tools.confirmation import OneTimeCodec

# How many callers are remembered: those that called last.
MAX_CALLERS = 10_000


class ServerState:
    """State that the calls of one server share. Tools get it in their context, transports with the server.

    Args:
        settings: Which agents there are, and how to reach them.
        retries: How often to retry a call that can't have reached an agent.
        transport: Carries the requests to AgentCore instead of the network; for tests.

    Raises:
        ConfigurationError: If an agent's endpoint or credentials, the CA bundle or the store can't be used.

    Attributes:
        store: The store that this worker shares with others, if one is configured.
        confirmations: Seals questions to users; set by the server.
        has_ui: Whether the live view is also a page of its own, where every call may be shown.
        policy: What its callers may do.
        agents: All agents; a caller only has those that they may reach.
        ends: Whether the server is about to end.
        end_by: The deadline of a shutdown that has begun, on the event loop's clock.
    """

    confirmations: OneTimeCodec

    def __init__(self, settings: Settings, retries: Retries, transport: httpx2.AsyncBaseTransport | None) -> None:
        self.settings = settings
        self.policy = Policy(settings)
        self.agents = Agents(settings, retries, transport)
        self._reachable = self.agents.filtered(lambda agent: self.policy.may_reach(current_principal(), agent.allow))
        self.stops = Stops(self.agents, read_only=settings.read_only)
        self.store = _store(settings)
        self._callers: dict[Principal, Caller] = {}
        self.ends = End()
        self.has_ui = False
        self.end_by = math.inf

    @cached_property
    def key(self) -> bytes:
        """The key that session ids are marked with: the configured secret, or the key of this installation."""
        secret = self.settings.server.secret
        return installation_key() if secret is None else secret.get_secret_value().encode()

    def caller(self, principal: Principal) -> Caller:
        """Return the state that a principal's calls share."""
        caller = self._callers.pop(principal, None)
        if caller is None:
            caller = self._new(principal, self._reachable)
            if len(self._callers) >= MAX_CALLERS:
                idle = next((one for one in self._callers.values() if not one.calls.in_use), None)
                if idle is not None:
                    del self._callers[idle.principal]
        # Updated and moved to the end: the same principal's token may allow more or less by now.
        caller.principal = principal
        self._callers[principal] = caller
        return caller

    def _new(self, principal: Principal, agents: Agents) -> Caller:
        return Caller(principal, self.settings, agents, self.stops, self.ends, lambda: self.key, self.store)

    async def everybody(self) -> list[Caller]:
        """Return the callers who have sessions, on all workers that share a store; their agents are not filtered.

        Raises:
            StoreError: If the store can't be read.
        """
        if self.store is None:
            return list(self._callers.values())
        return [self._new(principal, self.agents) for principal in await self.store.principals()]

    def calls(self) -> list[asyncio.Task[None]]:
        """Return the tasks of all callers' running calls."""
        return [task for caller in self._callers.values() for task in caller.calls.running.values()]

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Serve inside the block; leaving it ends the calls, and the sessions if the settings say so."""
        self.end_by = math.inf
        self.ends.begun = False
        async with nullcontext() if self.store is None else self.store.running():
            try:
                yield
            finally:
                with anyio.CancelScope(shield=True):
                    calls = await self.end()
                    await self.stops.finish(calls, deadline=self.end_by)
                    await self.agents.aclose()

    async def end(self) -> list[asyncio.Task[None]]:
        """Begin every part of the shutdown at once; return the tasks of the calls that are ending."""
        self.ends.begun = True
        callers = list(self._callers.values())
        calls = [task for caller in callers for task in await caller.calls.end()]
        if self.end_by == math.inf:
            self.end_by = anyio.current_time() + EXIT_LIMIT_S
            # With a store, other workers go on with the sessions, and this one may only be making way for a new one.
            if self.settings.on_exit == "stop" and self.settings.server.store is None:
                # The most recently used one first: the others time out sooner.
                opened = [(one, caller) for caller in callers for one in await caller.ledger.open()]
                for session, caller in sorted(opened, key=lambda one: one[0].used_at, reverse=True):
                    self.stops.begin(session, caller.ledger.book)
        return calls


def _store(settings: Settings) -> RedisStore | None:
    if settings.server.store is None:
        return None
    # Imported here, for servers that have a store.
    from agentcore_mcp.server.hosted.store.connection import RedisStore

    return RedisStore(settings.server.store.get_secret_value())


ToolContext = Context[ServerState, Any]

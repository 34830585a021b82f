"""A principal's sessions, calls and agents, which no other principal's calls can find."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING

from agentcore_mcp.errors import InvalidRequestError, ResponseTimeoutError
from agentcore_mcp.server.calls import KEPT_MAX_CALLS, Calls
from agentcore_mcp.server.hosted.principals import ANYBODY
from agentcore_mcp.server.hosted.shells import Shells
from agentcore_mcp.server.hosted.tracing import span
from agentcore_mcp.server.hosted.upstream import user_id_of
from agentcore_mcp.server.ledger import Ledger
from agentcore_mcp.server.sessions import Session, SessionNames

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from agentcore_mcp.config import Settings
    from agentcore_mcp.runtime import StoppedSession
    from agentcore_mcp.server.agents import Agents, Target
    from agentcore_mcp.server.call import Call
    from agentcore_mcp.server.calls import End
    from agentcore_mcp.server.hosted.principals import Principal
    from agentcore_mcp.server.hosted.store.connection import RedisStore
    from agentcore_mcp.server.stops import Stops


class Caller:
    """A principal with their sessions, their calls and the agents that they may reach.

    Args:
        principal: The principal.
        settings: The settings.
        agents: The agents that the caller of the current request may reach.
        stops: Stops sessions.
        end: Whether the server is about to end.
        key: Returns the key that session ids are marked with.
        store: The store that the workers share, if there is one.
    """

    def __init__(
        self,
        principal: Principal,
        settings: Settings,
        agents: Agents,
        stops: Stops,
        end: End,
        key: Callable[[], bytes],
        store: RedisStore | None = None,
    ) -> None:
        self.principal = principal
        self.settings = settings
        self.agents = agents
        self._stops = stops
        owner = "" if principal == ANYBODY else principal.key
        self.sessions = SessionNames(key, owner=owner, foreign=settings.server.foreign_sessions)
        if store is None:
            self.ledger, self.calls = Ledger(), Calls(end)
        else:
            # Imported here, for servers that have a store.
            from agentcore_mcp.server.hosted.store.book import RedisBook
            from agentcore_mcp.server.hosted.store.calls import SharedCalls

            self.ledger = Ledger(RedisBook(store, principal, agents))
            self.calls = Calls(end, SharedCalls(store, principal, agents, kept_max=KEPT_MAX_CALLS))
        self.shells = Shells(principal, store)

    async def target(self, agent: str, session_id: str) -> Target:
        """Return the agent of a call: the one that it names, or else that of its session.

        Raises:
            InvalidRequestError: If there is no such agent.
            AgentCoreError: If the agents have to be listed for it, and can't be.
        """
        if not agent and (self.settings.discovery is not None or len(self.agents.known_so_far()) > 1):
            agent = await self.ledger.agent_of(session_id.strip())
        return await self.agents.named(agent)

    async def session(self, target: Target, session_id: str, *, may_be_new: bool = True) -> Session:
        """Return the session of a call as if this were its first call; the ledger knows about earlier calls.

        Raises:
            InvalidRequestError: If ``session_id`` is neither a short name nor an id that is the caller's to use.
        """
        called = session_id.strip()
        try:
            resolved = self.sessions.resolve(called, target.agent.arn, may_be_new=may_be_new)
        except InvalidRequestError:
            # The service may answer a call from a session with an id of its own.
            if await self.ledger.book.get((target.agent.name, called)) is None:
                raise
            resolved = called
        return Session(resolved, target, called)

    def begin(self, call: Call, work: Callable[[Caller, Call], Awaitable[None]]) -> None:
        """Begin a call in its session, as ``Calls.start`` does; ``work`` adds the output and the outcome to the call.

        Raises:
            InvalidRequestError: If the server is ending.
        """
        self.calls.start(call, partial(self._in_session, call, work))

    async def _in_session(self, call: Call, work: Callable[[Caller, Call], Awaitable[None]]) -> None:
        limit_s = self.settings.server.limits.call_s
        limit = asyncio.timeout(limit_s)
        try:
            async with limit:
                with span(call.tool, call.session.agent, call.session.session_id):
                    async with self.ledger.running(call):
                        await work(self, call)
        except Exception as error:
            if not limit.expired():
                raise
            raise ResponseTimeoutError(
                f"the call took {limit_s} s, this server's limit (server.limits.call_s), and was ended here"
            ) from error

    async def stop(self, session: Session) -> StoppedSession:
        """Stop a session now.

        Raises:
            AgentCoreError: If it can't be stopped.
        """
        return await self._stops.stop(session, self.ledger.book)

    def cancelled(self, session: Session) -> None:
        """Start the action of the agent's ``on_cancel`` after a call was cancelled."""
        agent, book = session.target.agent, self.ledger.book
        if agent.on_cancel == "stop":
            self._stops.begin(session, book)
        elif agent.on_cancel == "cancel":
            self._stops.begin_cancel(session, book, user_id_of(agent, self.principal))

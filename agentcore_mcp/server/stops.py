"""Stopping sessions: for a caller, and on the server's own account after a cancelled call and at its end."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

import anyio

from agentcore_mcp.errors import AgentCoreError

if TYPE_CHECKING:
    from agentcore_mcp.runtime.results import StoppedSession
    from agentcore_mcp.server.agents import Agents, Target
    from agentcore_mcp.server.ledger import Ledger

# A host kills the server two seconds after it has closed stdin.
EXIT_LIMIT_S = 1.2

logger = logging.getLogger(__name__)


class Stops:
    """Stops sessions in tasks of their own, which the end of the request that asked for it does not touch."""

    def __init__(self, agents: Agents, ledger: Ledger) -> None:
        self._agents = agents
        self._ledger = ledger
        self._going_on: set[asyncio.Task[None]] = set()

    async def stop(self, session_id: str, target: Target) -> StoppedSession:
        """Stop a session now.

        Raises:
            AgentCoreError: If it can't be stopped.
        """
        with self._ledger.stopping(session_id, target.agent.name):
            return await target.client.stop_session(
                target.agent.arn,
                session_id=session_id,
                qualifier=target.agent.qualifier,
                headers=target.stop_headers,
            )

    def begin(self, session_id: str, agent: str) -> None:
        """Begin to stop a session; a failure is logged, because nobody waits for it."""
        # Not in a task group: those of the request and of the server are being cancelled when this is called.
        task = asyncio.create_task(self._stop(session_id, agent))
        self._going_on.add(task)
        task.add_done_callback(self._going_on.discard)

    async def finish(self, *, all_open: bool) -> None:
        """Wait, but not for long, for what was begun.

        Args:
            all_open: Stop every session that is still open, too.
        """
        for session in self._ledger.open() if all_open else []:
            self.begin(session.session_id, session.agent)
        with anyio.move_on_after(EXIT_LIMIT_S, shield=True):
            await asyncio.gather(*self._going_on)

    async def _stop(self, session_id: str, agent: str) -> None:
        try:
            await self.stop(session_id, self._agents.known(agent))
        except AgentCoreError as error:
            logger.warning("session %s was not stopped: %s", session_id, error)

"""Stops sessions: for a caller, and on the server's own behalf after a cancelled call and at shutdown."""

from __future__ import annotations

import asyncio
import logging
from functools import partial
from typing import TYPE_CHECKING

import anyio

from agentcore_mcp.errors import AgentCoreError
from agentcore_mcp.server.protocols.asking import cancel_task

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from agentcore_mcp.runtime import StoppedSession
    from agentcore_mcp.server.agents import Agents
    from agentcore_mcp.server.ledger import Book
    from agentcore_mcp.server.sessions import Session

# Counted from the signal or the end of stdin. A host kills the server two seconds after that.
EXIT_LIMIT_S = 1.2
# Measured with 600 sessions whose stops take 50 ms each: 16 at once got 320 done in time, 64 or 128 all, 1,000 got 346.
STOPS_AT_ONCE = 64

logger = logging.getLogger(__name__)


class Stops:
    """Stops sessions in tasks of their own, which go on after the request that began them has ended."""

    def __init__(self, agents: Agents, *, read_only: bool) -> None:
        self._agents = agents
        self._read_only = read_only
        self._going_on: dict[asyncio.Task[None], str] = {}
        self._free = asyncio.Semaphore(STOPS_AT_ONCE)

    @property
    def pending(self) -> int:
        """How many stops go on that no request waits for."""
        return len(self._going_on)

    async def stop(self, session: Session, book: Book) -> StoppedSession:
        """Stop a session now.

        Args:
            session: The session.
            book: Where the session is stored.

        Raises:
            AgentCoreError: If it can't be stopped.
        """
        target = session.target
        async with self._free:
            try:
                # Before the request: a call in the session may see its end before the response to the stop arrives.
                await book.stopping(session, 1)
                client = self._agents.client_of(target)
                return await client.stop_session(
                    target.agent.arn,
                    session_id=session.session_id,
                    qualifier=target.agent.qualifier,
                    headers=target.stop_headers,
                )
            except BaseException:
                with anyio.CancelScope(shield=True):
                    await book.stopping(session, -1)
                raise

    def begin(self, session: Session, book: Book) -> None:
        """Begin to stop a session, unless read_only forbids it; a failure is only logged, as no request waits."""
        self._begin(session, partial(self.stop, session, book))

    def begin_cancel(self, session: Session, book: Book, user_id: str | None) -> None:
        """Begin to cancel the running task of an A2A agent in a session, as ``begin`` does."""
        self._begin(session, partial(self._cancel_task, session, book, user_id))

    def _begin(self, session: Session, what: Callable[[], Awaitable[object]]) -> None:
        if self._read_only:
            return
        # Not in a task group: those of the request and of the server are being cancelled when this is called.
        task = asyncio.create_task(self._logged(session, what))
        self._going_on[task] = session.session_id
        task.add_done_callback(self._going_on.pop)

    async def finish(self, calls: Sequence[asyncio.Task[None]], *, deadline: float) -> None:
        """Wait until a deadline for the stops that were begun, and log those that are not done by then.

        Args:
            calls: The tasks of calls that are ending, which are waited for as well.
            deadline: Until when, on the event loop's clock.
        """
        begun = dict(self._going_on)
        with anyio.CancelScope(deadline=deadline, shield=True):
            await asyncio.gather(*begun, *calls, return_exceptions=True)
        if left := [session_id for task, session_id in begun.items() if task.cancelled()]:
            logger.warning("%d sessions were not stopped in time: %s", len(left), ", ".join(left))

    async def _cancel_task(self, session: Session, book: Book, user_id: str | None) -> None:
        # Another worker may have read the answer.
        if (known := await book.get(session.key)) is not None:
            await cancel_task(self._agents, known, user_id=user_id)

    async def _logged(self, session: Session, what: Callable[[], Awaitable[object]]) -> None:
        try:
            await what()
        except AgentCoreError as error:
            logger.warning("session %s was not stopped: %s", session.session_id, error)

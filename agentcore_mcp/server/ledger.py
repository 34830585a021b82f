"""The sessions that were opened here. No API of AgentCore lists them, and one that is forgotten costs money."""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, TypeAlias

from agentcore_mcp.errors import (
    AgentCoreError,
    ConfigurationError,
    ConnectError,
    CredentialsError,
    InvalidRequestError,
    ServiceError,
    SessionStoppedError,
)
from agentcore_mcp.server.book import MemoryBook
from agentcore_mcp.server.hosted.slots import current_slot
from agentcore_mcp.wire.limits import SESSION_LIFETIME_S

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from agentcore_mcp.server.call import Call
    from agentcore_mcp.server.hosted.store.book import RedisBook
    from agentcore_mcp.server.sessions import Session
    from agentcore_mcp.wire.pauses import Pause

Book: TypeAlias = "MemoryBook | RedisBook"
# The statuses with which the service refuses a request before it looks for a session.
_REFUSED = frozenset({400, 401, 402, 403, 404, 429})


def _opened_nothing(error: AgentCoreError) -> bool:
    """Tell whether a call failed before it could open a session."""
    if isinstance(error, ServiceError):
        return error.status in _REFUSED
    return isinstance(error, ConfigurationError | ConnectError | CredentialsError | InvalidRequestError)


def _stopped(session: Session) -> SessionStoppedError:
    return SessionStoppedError("the session was stopped while this call ran", session_id=session.session_id)


class Ledger:
    """Remembers sessions from their first call on, and the agents of stopped ones.

    Args:
        book: Where sessions are stored.
    """

    def __init__(self, book: Book | None = None) -> None:
        self.book: Book = MemoryBook() if book is None else book

    @asynccontextmanager
    async def running(self, call: Call) -> AsyncIterator[None]:
        """Run a call inside the block, in its session, which may be known from earlier calls.

        Raises:
            SessionStoppedError: If the session is stopped meanwhile, instead of the block's own error, or if nothing
                shows whether the output is complete.
        """
        session = call.session = await self.book.used(call.session)
        if (slot := current_slot.get()) is not None:
            slot.opened()
        try:
            yield
        except AgentCoreError as error:
            error.session_id = session.session_id
            if await self.book.ended(session, opened=not _opened_nothing(error)):
                raise _stopped(session) from error
            raise
        if await self.book.ended(session) and call.stop is None:
            raise _stopped(session)

    @asynccontextmanager
    async def answering(self, session: Session) -> AsyncIterator[Sequence[Pause]]:
        """Give the agent's open questions to the call that answers them in the block, one call at a time.

        Unless the block calls ``book.left``, the questions are still open at its end.

        Raises:
            InvalidRequestError: If another call is answering it.
        """
        pauses = session.pauses
        # In a task, so that a call that is cancelled meanwhile knows whether it has claimed them.
        claim = asyncio.create_task(self.book.claim(session, pauses)) if pauses else None
        try:
            if claim is not None and not await asyncio.shield(claim):
                raise InvalidRequestError(
                    "another call is answering what the agent waits for; wait for that call's result, then ask again"
                )
            yield pauses
        finally:
            if claim is not None and session.pauses is pauses and await claim:
                await self.book.left(session, pauses, session.kept)

    async def answered(self, call: Call, session_id: str, request_id: str | None) -> None:
        """Record the AWS request id and the session id from the service's response to a call.

        If the session id differs from the requested one, it is that of the session that is open.
        """
        if call.account is not None:
            call.account.request_id = request_id
        if session_id != call.session.session_id:
            await self.book.moved(call.session, session_id)
            call.note(f"session_id: {session_id}\n")

    async def known(self, session: Session) -> Session:
        """Return the stored session: the one with its id, the one that answered in its place, or else ``session``."""
        if (found := await self.book.get(session.key)) is not None:
            return found
        answered = [one for one in await self.open() if (one.agent, one.called) == (session.agent, session.called)]
        return answered[-1] if answered else session

    async def agent_of(self, called: str) -> str:
        """Return the name of a session's agent; ``called`` is the session's id or the name a call last used for it.

        "" if the session is not known here, or was opened with several agents.
        """
        named = [one for one in await self.book.all() if called in (one.session_id, one.called)] if called else []
        agents = {one.agent for one in named if not one.stopping} or {one.agent for one in named}
        return agents.pop() if len(agents) == 1 else ""

    async def open(self) -> list[Session]:
        """Return the sessions that were not stopped and may still be open, the most recently used one last."""
        oldest = time.time() - SESSION_LIFETIME_S
        return [one for one in await self.book.all() if not one.stopping and one.used_at > oldest]

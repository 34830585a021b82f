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
# What the service answers before it looks for a session.
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
        book: Where they are written down.
    """

    def __init__(self, book: Book | None = None) -> None:
        self.book: Book = MemoryBook() if book is None else book

    @asynccontextmanager
    async def running(self, call: Call) -> AsyncIterator[None]:
        """Let a call run inside the block, in its session, which may be known from earlier ones.

        Raises:
            SessionStoppedError: Instead of what the block fails with, if the session is stopped meanwhile, and where
                nothing tells whether what was read is complete.
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
        """Give what the agent waits for to the call that answers it in the block, which is one call at a time.

        Unless ``book.left`` says otherwise by the end of the block, the agent still waits for it.

        Raises:
            InvalidRequestError: If another call is answering it.
        """
        pauses = session.pauses
        # A task, for a call that is cancelled meanwhile to know whether it has claimed them.
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
        """Note what the service answers a call with: AWS's id of the request that it became, and the session.

        If that isn't the one asked for, that one is open.
        """
        if call.account is not None:
            call.account.request_id = request_id
        if session_id != call.session.session_id:
            await self.book.moved(call.session, session_id)
            call.note(f"session_id: {session_id}\n")

    async def known(self, session: Session) -> Session:
        """Return a session as it is known: under its id, or as the one that answered for it, or else itself."""
        if (found := await self.book.get(session.key)) is not None:
            return found
        answered = [one for one in await self.open() if (one.agent, one.called) == (session.agent, session.called)]
        return answered[-1] if answered else session

    async def agent_of(self, called: str) -> str:
        """Return the name of the agent of a session, given by its id or the name it was last called by.

        "" if it is not known here, or was opened with several agents.
        """
        named = [one for one in await self.book.all() if called in (one.session_id, one.called)] if called else []
        agents = {one.agent for one in named if not one.stopping} or {one.agent for one in named}
        return agents.pop() if len(agents) == 1 else ""

    async def open(self) -> list[Session]:
        """Return the sessions that were not stopped and may still be there, the last used one last."""
        oldest = time.time() - SESSION_LIFETIME_S
        return [one for one in await self.book.all() if not one.stopping and one.used_at > oldest]

"""Stores a ledger's sessions in this process; ``hosted.store.book`` stores those that several workers share."""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from agentcore_mcp.server.sessions import Session
    from agentcore_mcp.wire.pauses import Pause

# A principal that opens more than this has lost count anyway; the oldest idle out by themselves.
MAX_SESSIONS = 1_000


class MemoryBook:
    """The sessions of one principal in this process, by agent and id.

    A returned session is up to date at that moment only. A book that workers share returns a different object from the
    one that was stored.

    Args:
        now: A clock: Unix time, in seconds.
    """

    def __init__(self, *, now: Callable[[], float] = time.time) -> None:
        self._now = now
        self._sessions: OrderedDict[tuple[str, str], Session] = OrderedDict()
        # An upper bound of the open sessions: one that times out is not subtracted at once.
        self._opened = 0

    def opened(self, session: Session, most: int) -> int | None:
        """Return how many sessions are open, counted exactly if they may be ``most``; None if this one is open."""
        known, now = self._sessions.get(session.key), self._now()
        if known is not None and known.is_open(now):
            return None
        if self._opened >= most:
            self._opened = sum(one.is_open(now) for one in self._sessions.values())
        return self._opened

    async def used(self, session: Session) -> Session:
        """Record a call in a session, and return the session as it is stored.

        A session that was stopped or has timed out begins anew, as the service opens another one under the same id; its
        previous span is kept in ``earlier``.
        """
        known, now = self._sessions.get(session.key), self._now()
        self._opened += known is None or not known.is_open(now)
        if known is None or known.stopping:
            session.opened_at, session.earlier = now, () if known is None else known.spans
            known = self._sessions[session.key] = session
        elif known.ends_at < now:
            known.earlier, known.opened_at = known.spans, now
        known.called = session.called
        known.calls += 1
        known.used_at = now
        self._sessions.move_to_end(known.key)
        if len(self._sessions) > MAX_SESSIONS:
            stopped = (one for one in self._sessions.values() if one.stopping)
            del self._sessions[next(stopped, next(iter(self._sessions.values()))).key]
        return known

    async def ended(self, session: Session, *, opened: bool = True) -> bool:
        """Record the end of a call in a session, and tell whether the session is being stopped, or was.

        The session's idle time starts now. Unless the session was stopped, a call that opened nothing is uncounted; a
        session without calls is removed.
        """
        if session.stopping > 0:
            return True
        now = self._now()
        if opened:
            self._opened += not session.is_open(now)
            session.used_at = now
            return False
        session.calls -= 1
        if session.calls == 0 and self._sessions.get(session.key) is session:
            del self._sessions[session.key]
            self._opened -= session.is_open(now)
        return False

    async def moved(self, session: Session, session_id: str) -> None:
        """Record that ``session`` has another id, and was opened when that session was; also update ``session``."""
        if self._sessions.get(session.key) is session:
            del self._sessions[session.key]
        session.session_id = session_id
        if (known := self._sessions.pop(session.key, None)) is not None:
            session.opened_at = known.opened_at
        self._sessions[session.key] = session

    async def claim(self, session: Session, pauses: Sequence[Pause]) -> bool:
        """Claim a session's pauses for the call that answers them, until ``left``; False if another has done so."""
        if session.is_claimed or session.pauses is not pauses:
            return False
        session.is_claimed = True
        return True

    async def left(self, session: Session, pauses: Sequence[Pause], kept: Mapping[str, Any]) -> None:
        """Record where the conversation was left, here and in ``session``, for the next turn to continue from."""
        session.pauses, session.kept, session.is_claimed = pauses, dict(kept), False

    async def stopping(self, session: Session, change: int) -> None:
        """Record that a stop began (1) or failed (-1). The first that doesn't fail ends the session."""
        self._opened += change < 0
        session.stopping += change
        session.stopped_at = min(session.stopped_at, self._now()) if session.stopping else math.inf

    async def get(self, key: tuple[str, str]) -> Session | None:
        """Return a session by its agent and id."""
        return self._sessions.get(key)

    async def all(self) -> list[Session]:
        """Return all sessions, including stopped ones, the most recently used one last."""
        return list(self._sessions.values())

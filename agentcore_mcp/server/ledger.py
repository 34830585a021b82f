"""The sessions that this process opened. No API of AgentCore lists them, and one that is forgotten costs money."""

from __future__ import annotations

from collections import OrderedDict
from contextlib import contextmanager
from typing import TYPE_CHECKING

import anyio

from agentcore_mcp.errors import (
    AgentCoreError,
    ConfigurationError,
    ConnectError,
    CredentialsError,
    InvalidRequestError,
    ServiceError,
    SessionStoppedError,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agentcore_mcp.server.call import Call
    from agentcore_mcp.server.sessions import Session

# A server that opens more than this has lost count anyway; the oldest idle out by themselves.
MAX_SESSIONS = 1_000
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
    """Remembers sessions from their first call on, and the agents of stopped ones."""

    def __init__(self) -> None:
        self._sessions: OrderedDict[tuple[str, str], Session] = OrderedDict()

    @contextmanager
    def running(self, call: Call) -> Iterator[None]:
        """Let a call run inside the block, in its session, which may be known from earlier ones.

        Raises:
            SessionStoppedError: Instead of what the block fails with, if the session is stopped meanwhile, and where
                nothing tells whether what was read is complete.
        """
        session = call.session = self._used(call.session)
        try:
            yield
        except AgentCoreError as error:
            error.session_id = session.session_id
            if session.stopping:
                raise _stopped(session) from error
            if session.calls == 1 and _opened_nothing(error):
                self._sessions.pop(session.key, None)
            raise
        if session.stopping and call.stop is None:
            raise _stopped(session)

    def _used(self, session: Session) -> Session:
        known = self._sessions.get(session.key)
        if known is None or known.stopping:
            known = self._sessions[session.key] = session
        known.called = session.called
        known.calls += 1
        known.used_at = anyio.current_time()
        self._sessions.move_to_end(known.key)
        if len(self._sessions) > MAX_SESSIONS:
            stopped = (one for one in self._sessions.values() if one.stopping)
            del self._sessions[next(stopped, next(iter(self._sessions.values()))).key]
        return known

    def answered(self, call: Call, session_id: str) -> None:
        """Note from which session the service answers a call. If it isn't the one asked for, that one is open."""
        session = call.session
        if session_id == session.session_id:
            return
        if self._sessions.get(session.key) is session:
            del self._sessions[session.key]
        session.session_id = session_id
        if (known := self._sessions.pop(session.key, None)) is not None:
            session.opened_at = known.opened_at
        self._sessions[session.key] = session
        call.note(f"session_id: {session_id}\n")

    def known(self, session: Session) -> Session:
        """Return a session as it is known: under its id, or as the one that answered for it, or else itself."""
        answered = [one for one in self.open() if (one.agent, one.called) == (session.agent, session.called)]
        return self._sessions.get(session.key) or (answered[-1] if answered else session)

    def agent_of(self, called: str) -> str:
        """Return the name of the agent of a session, given by its id or the name it was last called by.

        "" if this process did not open it, or opened it with several agents.
        """
        named = [one for one in self._sessions.values() if called and called in (one.session_id, one.called)]
        agents = {one.agent for one in named if not one.stopping} or {one.agent for one in named}
        return agents.pop() if len(agents) == 1 else ""

    def open(self) -> list[Session]:
        """Return the sessions that were not stopped, the last used one last."""
        return [session for session in self._sessions.values() if not session.stopping]

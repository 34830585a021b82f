"""The sessions that this process opened. No API of AgentCore lists them, and one that is forgotten costs money."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field

import anyio

# A server that opens more than this has lost count anyway; the oldest idle out by themselves.
MAX_SESSIONS = 1_000


@dataclass(slots=True)
class Session:
    """A session as this process knows it. Times are on the event loop's clock, in seconds.

    Attributes:
        session_id: Its id.
        agent: The name of its agent.
        called: What a caller last passed for it: the id, or a short name.
    """

    session_id: str
    agent: str
    called: str = ""
    opened_at: float = field(default_factory=anyio.current_time)
    used_at: float = field(default_factory=anyio.current_time)


class Ledger:
    """Remembers sessions from their first call until they are stopped."""

    def __init__(self) -> None:
        self._sessions: OrderedDict[str, Session] = OrderedDict()

    def used(self, session_id: str, agent: str, called: str) -> None:
        """Note that a session is used, and by what it was called."""
        session = self._sessions.setdefault(session_id, Session(session_id, agent))
        session.called = called
        session.used_at = anyio.current_time()
        self._sessions.move_to_end(session_id)
        if len(self._sessions) > MAX_SESSIONS:
            self._sessions.popitem(last=False)

    def stopped(self, session_id: str) -> None:
        """Note that a session is no more."""
        self._sessions.pop(session_id, None)

    def agent_of(self, called: str) -> str:
        """Return the name of the agent of a session, given by its id or the name it was last called by.

        Nothing, if this process did not open it, or opened several of that name.
        """
        if called in self._sessions:
            return self._sessions[called].agent
        agents = {session.agent for session in self._sessions.values() if session.called == called and called}
        return agents.pop() if len(agents) == 1 else ""

    def open(self) -> list[Session]:
        """Return the sessions that were not stopped, the last used one last."""
        return list(self._sessions.values())

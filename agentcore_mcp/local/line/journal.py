"""The journal: what was asked of this local AgentCore lately, for tests and people to look at.

It lives in memory and is bounded; it never holds a payload, only ids, states and times.
"""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass, field
from typing import Any, Literal

# Enough for the longest test to find its request, and under a megabyte.
ENTRIES_KEPT = 1000

State = Literal["open", "complete", "client_gone", "failed"]


@dataclass(slots=True)
class Entry:
    """One request.

    Attributes:
        state: ``open`` while it is worked on; ``complete`` when its whole answer was sent; ``client_gone`` from the
            moment the client closed the connection early, whether or not the work still goes on; ``failed`` when the
            answer broke off on our side.
        ended_at: When the work for it ended, Unix time, or None while it goes on.
    """

    id: str
    operation: str
    session_id: str | None = None
    status: int | None = None
    state: State = "open"
    started_at: float = field(default_factory=time.time)
    ended_at: float | None = None


class Journal:
    """The last requests, oldest first."""

    def __init__(self) -> None:
        self._entries: deque[Entry] = deque(maxlen=ENTRIES_KEPT)

    def open(self, request_id: str, operation: str) -> Entry:
        """Start an entry."""
        entry = Entry(request_id, operation)
        self._entries.append(entry)
        return entry

    def listing(self) -> list[dict[str, Any]]:
        """Return the entries as JSON objects, newest last."""
        return [{name: getattr(entry, name) for name in Entry.__slots__} for entry in self._entries]

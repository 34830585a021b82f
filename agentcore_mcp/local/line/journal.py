"""The journal: the latest requests to this local AgentCore, for tests and people to inspect.

It lives in memory and is bounded; it never holds a payload, only ids, states and times.
"""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass, field
from typing import Any, Literal

# Enough for the longest test to find its request, in less than a megabyte.
ENTRIES_KEPT = 1000

State = Literal["open", "complete", "client_gone", "failed"]


@dataclass(slots=True)
class RecordedRequest:
    """One request.

    Attributes:
        operation: As IAM names it, such as ``InvokeAgentRuntime``.
        agent: The name of the agent that it is for, or None if it was refused before that was known.
        session_id: The client's session id, or a new one; None as with ``agent``.
        status: The HTTP status of its response, or None before it is sent.
        state: ``open`` while it is worked on; ``complete`` when its whole answer was sent; ``client_gone`` from the
            moment the client closed the connection early, whether or not the work still goes on; ``failed`` when the
            answer broke off on our side.
        ended_at: When the work for it ended, Unix time, or None while it goes on.
    """

    id: str
    operation: str
    agent: str | None = None
    session_id: str | None = None
    status: int | None = None
    state: State = "open"
    started_at: float = field(default_factory=time.time)
    ended_at: float | None = None


class Journal:
    """The last requests, oldest first."""

    def __init__(self) -> None:
        self._entries: deque[RecordedRequest] = deque(maxlen=ENTRIES_KEPT)

    def open(self, request_id: str, operation: str) -> RecordedRequest:
        """Start an entry."""
        entry = RecordedRequest(request_id, operation)
        self._entries.append(entry)
        return entry

    def listing(self) -> list[dict[str, Any]]:
        """Return the entries as JSON objects, newest last."""
        return [{name: getattr(entry, name) for name in RecordedRequest.__slots__} for entry in self._entries]

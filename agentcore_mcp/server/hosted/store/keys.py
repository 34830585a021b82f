"""The keys in Redis.

All keys of a caller contain the caller's own key, so no argument of one caller leads to data of another.
"""

from __future__ import annotations

PREFIX = "agentcore-mcp"
# The callers who have sessions, by when they called last.
PRINCIPALS = f"{PREFIX}:principals"
# The channel that all workers listen on.
EVERYBODY = f"{PREFIX}:everybody"
# The subject of messages that name a cancelled request.
CANCELLED = "cancelled"
SLOTS = f"{PREFIX}:slots:"
# The slot of a session, held from before it is opened until it is recorded.
OPENING = "opening:"


def worker_key(worker: str) -> str:
    """Return the channel of a worker, which is also the key that exists while the worker is alive."""
    return f"{PREFIX}:worker:{worker}"


def once_key(token: str) -> str:
    """Return the key of a token that is valid for one use."""
    return f"{PREFIX}:once:{token}"


def session_key(principal: str, session: tuple[str, str]) -> str:
    """Return the key of a caller's session, by its agent and id."""
    return f"{PREFIX}:{principal}:session:{':'.join(session)}"


def sessions_key(principal: str) -> str:
    """Return the key of all sessions of a caller, by when they end; it is counted with the slots of this name."""
    return f"{SLOTS}{OPENING}{principal}:open"


def call_keys(principal: str, handle: str) -> list[str]:
    """Return the keys of a call, of the request that has claimed it, and of the caller's ended calls."""
    call = f"{PREFIX}:{principal}:call:{handle}"
    return [call, f"{call}:claim", f"{PREFIX}:{principal}:calls"]


def text_key(call: str, name: str) -> str:
    """Return the key of a text of a call, by the call's own."""
    return f"{call}:{name}"

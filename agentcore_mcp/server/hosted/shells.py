"""Which call has which shell of a caller's sessions: a shell runs one command at a time, and what is typed is for that.

With a store, it has that for all workers: what is typed at one is sent where the shell is read.
"""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from agentcore_mcp.errors import InvalidRequestError
from agentcore_mcp.server.hosted.store.connection import LEASE_S, noting
from agentcore_mcp.server.hosted.store.keys import session_key, worker_key
from agentcore_mcp.wire.limits import STREAM_MAX_S

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from agentcore_mcp.server.hosted.principals import Principal
    from agentcore_mcp.server.hosted.store.connection import RedisStore
    from agentcore_mcp.server.sessions import Session

# How long a request waits for a command that seems to wait for input, as was said before.
ASKED_AGAIN_S = 10.0
# A worker that died has none any more, and no call lasts longer. One that begins may not have said yet that it lives.
_HOLD = f"""
local held, alive = redis.call('GET', KEYS[1]), '{worker_key("")}'
if held and redis.call('EXISTS', alive .. string.match(held, '^%x+')) == 1 then return held end
redis.call('SET', KEYS[1], ARGV[1], 'EX', {2 * int(STREAM_MAX_S)})
redis.call('SET', alive .. string.match(ARGV[1], '^%x+'), 1, 'EX', {LEASE_S})
"""
# How many workers hear it: none while the one that reads the shell is connecting again.
_TYPE = f"""
local held = redis.call('GET', KEYS[1])
return held and redis.call('PUBLISH', '{worker_key("")}' .. string.match(held, '^%x+'), ARGV[1]) or 1
"""
_RELEASE = "if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end"


@dataclass(slots=True, eq=False)
class InShell:
    """How a call is in a shell.

    Attributes:
        name: The shell's.
        asks: The line after which the command seems to wait for input; "" as long as it doesn't.
        asked: How often it has come to that.
        keys: What is typed and not sent yet, where the shell is read.
    """

    name: str
    asks: str = ""
    asked: int = 0
    keys: asyncio.Queue[str] = field(default_factory=asyncio.Queue)

    def type(self, text: str) -> None:
        """Let what reads the shell send a text."""
        self.asks = ""
        self.keys.put_nowait(text)


def name_of(shell: InShell | None) -> str:
    """Return the name of a shell, "" without one."""
    return "" if shell is None else shell.name


class Shells:
    """The shells of a caller that run a command.

    Args:
        principal: Whose.
        store: What the workers share, if there is one.
    """

    def __init__(self, principal: Principal, store: RedisStore | None = None) -> None:
        self._owner, self._store = principal.key, store
        # By shell: which call has it, and what types into it here; with a store, that is told of all workers.
        self._held: dict[str, str] = {}
        self._typed: dict[str, Callable[[str], object]] = {} if store is None else store.heard

    @asynccontextmanager
    async def held(self, session: Session, shell: InShell, handle: str) -> AsyncIterator[None]:
        """Let the call of a handle have its shell inside the block.

        Raises:
            InvalidRequestError: If another call has it.
            StoreError: If Redis can't be reached.
        """
        key, store = self._key(session, shell.name), self._store
        mine = handle if store is None else f"{store.worker} {handle}"
        # Before others know of it: from then on they may type.
        if (held := self._held.setdefault(key, mine)) == mine:
            self._typed[key] = shell.type
        try:
            if store is not None and held == mine:
                held = (await store.run(_HOLD, [key], mine) or b"").decode()
            # Redis may have noted it before, and its answer was lost.
            if held not in ("", mine):
                raise InvalidRequestError(
                    f"the shell {shell.name!r} still runs the call {held.rpartition(' ')[2]!r}: wait for that with its "
                    "handle alone, answer it with input, or end it with input ^C; or name another shell"
                )
            yield
        finally:
            if self._held.get(key) == mine:
                del self._held[key], self._typed[key]
            if store is not None:
                with noting(f"that the shell of call {handle} is free"):
                    await store.run(_RELEASE, [key], mine)

    async def holder(self, session: Session, name: str) -> str:
        """Return the handle of the call that has a shell, "" if none has.

        Raises:
            StoreError: If Redis can't be reached.
        """
        if self._store is None:
            return self._held.get(self._key(session, name), "")
        async with self._store.reached() as redis:
            worker, _, handle = (await redis.get(self._key(session, name)) or b"").decode().partition(" ")
            return handle if worker and await redis.exists(worker_key(worker)) else ""

    async def type(self, session: Session, name: str, text: str) -> None:
        """Type a text into what runs in a shell; if nothing does any more, it is dropped.

        Raises:
            StoreError: If it can't be sent to the worker that reads the shell.
        """
        key, store = self._key(session, name), self._store
        if store is not None:
            message = json.dumps({"about": key, "what": text})
            async with store.reached():
                while not await store.run(_TYPE, [key], message):  # noqa: ASYNC110 - nobody announces it
                    await asyncio.sleep(0.1)
        elif key in self._typed:
            self._typed[key](text)

    def _key(self, session: Session, name: str) -> str:
        return f"{session_key(self._owner, session.key)}:shell:{name}"

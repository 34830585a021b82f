"""Which call has which shell of a caller's sessions: a shell runs one command at a time, and input goes to that one.

With a store, this holds for all workers: input at any worker is sent to the one that reads the shell.
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

# How long a request waits for a command that was already reported to wait for input.
ASKED_AGAIN_S = 10.0
# A dead worker has no shells, and no call lasts longer. A new worker may not have sent its first heartbeat yet.
_HOLD = f"""
local held, alive = redis.call('GET', KEYS[1]), '{worker_key("")}'
if held and redis.call('EXISTS', alive .. string.match(held, '^%x+')) == 1 then return held end
redis.call('SET', KEYS[1], ARGV[1], 'EX', {2 * int(STREAM_MAX_S)})
redis.call('SET', alive .. string.match(ARGV[1], '^%x+'), 1, 'EX', {LEASE_S})
"""
# Returns how many workers receive the input: 0 while the one that reads the shell is reconnecting.
_TYPE = f"""
local held = redis.call('GET', KEYS[1])
return held and redis.call('PUBLISH', '{worker_key("")}' .. string.match(held, '^%x+'), ARGV[1]) or 1
"""
_RELEASE = "if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end"


@dataclass(slots=True, eq=False)
class InShell:
    """A call's state in a shell.

    Attributes:
        name: The shell's name.
        asks: The line after which the command seems to wait for input; "" while it doesn't.
        asked: How often the command has seemed to wait for input.
        keys: Input that is not sent yet, on the worker that reads the shell.
    """

    name: str
    asks: str = ""
    asked: int = 0
    keys: asyncio.Queue[str] = field(default_factory=asyncio.Queue)

    def type(self, text: str) -> None:
        """Queue input for the shell."""
        self.asks = ""
        self.keys.put_nowait(text)


def name_of(shell: InShell | None) -> str:
    """Return the name of a shell, "" without one."""
    return "" if shell is None else shell.name


class Shells:
    """The shells of a caller that run a command.

    Args:
        principal: The caller.
        store: The store that the workers share, if there is one.
    """

    def __init__(self, principal: Principal, store: RedisStore | None = None) -> None:
        self._owner, self._store = principal.key, store
        # By shell: the call that has it, and what types into it here; with a store, input of other workers, too.
        self._held: dict[str, str] = {}
        self._typed: dict[str, Callable[[str], object]] = {} if store is None else store.heard

    @asynccontextmanager
    async def held(self, session: Session, shell: InShell, handle: str) -> AsyncIterator[None]:
        """Hold a shell for the call with a handle inside the block.

        Raises:
            InvalidRequestError: If another call has it.
            StoreError: If Redis can't be reached.
        """
        key, store = self._key(session, shell.name), self._store
        mine = handle if store is None else f"{store.worker} {handle}"
        # Before Redis has it: from then on other workers may send input.
        if (held := self._held.setdefault(key, mine)) == mine:
            self._typed[key] = shell.type
        try:
            if store is not None and held == mine:
                held = (await store.run(_HOLD, [key], mine) or b"").decode()
            # Ours if an earlier attempt succeeded and its answer was lost.
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
        """Return the handle of the call that has a shell, "" if no call has it.

        Raises:
            StoreError: If Redis can't be reached.
        """
        if self._store is None:
            return self._held.get(self._key(session, name), "")
        async with self._store.reached() as redis:
            worker, _, handle = (await redis.get(self._key(session, name)) or b"").decode().partition(" ")
            return handle if worker and await redis.exists(worker_key(worker)) else ""

    async def type(self, session: Session, name: str, text: str) -> None:
        """Send input to the command that runs in a shell; if none runs any more, drop it.

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

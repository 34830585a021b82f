"""Which call has which shell, for all workers: what is typed at one is sent where the shell is read."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from agentcore_mcp.server.hosted.shells import Shells, busy
from agentcore_mcp.server.hosted.store.connection import noting
from agentcore_mcp.server.hosted.store.keys import EVERYBODY, session_key, worker_key
from agentcore_mcp.server.hosted.store.writer import RUNNING_S

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from agentcore_mcp.server.hosted.principals import Principal
    from agentcore_mcp.server.hosted.shells import InShell
    from agentcore_mcp.server.hosted.store.connection import RedisStore
    from agentcore_mcp.server.sessions import Session

# A worker that died has none any more.
_HOLD = f"""
local held = redis.call('GET', KEYS[1])
if held and redis.call('EXISTS', '{worker_key("")}' .. string.match(held, '^%x+')) == 1 then return held end
redis.call('SET', KEYS[1], ARGV[1], 'EX', {RUNNING_S})
"""
_RELEASE = "if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end"


class SharedShells(Shells):
    """The shells of a caller.

    Args:
        store: The connection.
        principal: Whose.
    """

    def __init__(self, store: RedisStore, principal: Principal) -> None:
        super().__init__()
        self._store = store
        self._principal = principal.key

    @asynccontextmanager
    async def held(self, session: Session, shell: InShell, handle: str) -> AsyncIterator[None]:
        """As ``Shells`` does.

        Raises:
            InvalidRequestError: If another call has it.
            StoreError: If Redis can't be reached.
        """
        key, mine = self._key(session, shell.name), f"{self._store.worker} {handle}"
        if held := await self._store.run(_HOLD, [key], mine):
            raise busy(shell.name, held.decode().split()[1])
        self._store.heard[key] = shell.type
        try:
            yield
        finally:
            del self._store.heard[key]
            with noting(f"that the shell of call {handle} is free"):
                await self._store.run(_RELEASE, [key], mine)

    async def holder(self, session: Session, name: str) -> str:
        """As ``Shells`` does.

        Raises:
            StoreError: If Redis can't be reached.
        """
        async with self._store.reached() as redis:
            worker, _, handle = (await redis.get(self._key(session, name)) or b"").decode().partition(" ")
            return handle if worker and await redis.exists(worker_key(worker)) else ""

    async def type(self, session: Session, name: str, text: str) -> None:
        """As ``Shells`` does: the worker that reads the shell is the only one that listens for it."""
        await self._store.tell(EVERYBODY, call=self._key(session, name), what=text)

    def _key(self, session: Session, name: str) -> str:
        return f"{session_key(self._principal, session.key)}:shell:{name}"

"""Slots that limit concurrent calls and open sessions, counted over all workers.

A call holds its slots until it ends, even if its request hands it over and ends earlier.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from itertools import count
from typing import TYPE_CHECKING

from agentcore_mcp.server.hosted.store.connection import StoreError
from agentcore_mcp.server.hosted.store.keys import OPENING, SLOTS, worker_key
from agentcore_mcp.wire.limits import STREAM_MAX_S

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from agentcore_mcp.server.hosted.store.connection import RedisStore

# How soon giving back slots is retried if Redis can't be reached.
_AGAIN_S = 1.0
# No call lasts longer.
_KEPT_S = 2 * int(STREAM_MAX_S)
# KEYS: for each name, the workers that hold slots of it; NAME:WORKER has the holders and since when, NAME:open the open
# sessions and until when. ARGV: this worker, the holder, the prefix of live workers' keys, how long a slot counts, the
# call's session, and how many slots each name has. Takes one slot of each name and returns 0, or takes none and returns
# the number of the first full name. If the session is open, it needs no slot to open it. A repeat after a lost answer
# takes no more.
_TAKE = """
local now = tonumber(redis.call('TIME')[1])
local mine = ':' .. ARGV[1]
if redis.call('ZSCORE', KEYS[1] .. mine, ARGV[2]) then return 0 end
local take = {}
for i, key in ipairs(KEYS) do
  local opening = string.find(key, ':opening:', 1, true)
  if not opening or tonumber(redis.call('ZSCORE', key .. ':open', ARGV[5]) or 0) <= now then
    local held = opening and redis.call('ZCOUNT', key .. ':open', now, '+inf') or 0
    for _, worker in ipairs(redis.call('SMEMBERS', key)) do
      if worker == ARGV[1] or redis.call('EXISTS', ARGV[3] .. worker) == 1 then
        held = held + redis.call('ZCOUNT', key .. ':' .. worker, now - ARGV[4], '+inf')
      else
        redis.call('SREM', key, worker)
        redis.call('DEL', key .. ':' .. worker)
      end
    end
    if held >= tonumber(ARGV[i + 5]) then return i end
    table.insert(take, key)
  end
end
for _, key in ipairs(take) do
  redis.call('SADD', key, ARGV[1])
  redis.call('ZADD', key .. mine, now, ARGV[2])
  redis.call('EXPIRE', key, ARGV[4])
  redis.call('EXPIRE', key .. mine, ARGV[4])
end
return 0
"""
_FREE = "for _, key in ipairs(KEYS) do redis.call('ZREM', key, ARGV[1]) end"


class Slots:
    """Counts slots by name.

    Args:
        store: Where all workers count; None to count in this process.
    """

    def __init__(self, store: RedisStore | None = None) -> None:
        self._store = store
        self._held = Counter[str]()
        self._freeing = set[asyncio.Task[None]]()

    async def take(self, wanted: Mapping[str, int], holder: int, session: str = "") -> str | None:
        """Take a slot of each name; if a name has none left, take none at all and return the first such name.

        Args:
            wanted: How many slots there are of each name.
            holder: A number not used before, by which the slots are given back.
            session: The key of the call's session: if that is open, it needs no slot to open it. Open sessions are
                counted in Redis alone.

        Raises:
            StoreError: If Redis can't be reached. The slots may have been taken nevertheless.
        """
        names = list(wanted)
        if self._store is not None and names:
            keys = [SLOTS + name for name in names]
            arguments = self._store.worker, holder, worker_key(""), _KEPT_S, session, *wanted.values()
            freeing = list(self._freeing)
            full = await self._store.run(_TAKE, keys, *arguments)
            if full and freeing:
                # A client that calls again at once may be faster than the release of its slots.
                await asyncio.wait(freeing, timeout=_AGAIN_S)
                full = await self._store.run(_TAKE, keys, *arguments)
            return names[full - 1] if full else None
        full = next((name for name in names if self._held[name] >= wanted[name]), None)
        self._held.update(names if full is None else ())
        return full

    def free(self, names: Collection[str], holder: int) -> None:
        """Give back a slot of each name; in Redis by a background task, since a cancelled request can't wait for it."""
        if self._store is None:
            self._held.subtract(names)
            for name in names:
                if not self._held[name]:
                    del self._held[name]
        elif names:
            task = asyncio.create_task(self._free(self._store, names, holder))
            self._freeing.add(task)
            task.add_done_callback(self._freeing.discard)

    def keys(self, names: Collection[str]) -> list[str]:
        """Return the keys in Redis of the slots that this worker holds of some names."""
        return [] if self._store is None else [f"{SLOTS}{name}:{self._store.worker}" for name in names]

    async def _free(self, store: RedisStore, names: Collection[str], holder: int) -> None:
        while True:
            with suppress(StoreError):
                await store.run(_FREE, self.keys(names), holder)
                return
            await asyncio.sleep(_AGAIN_S)


class Slot:
    """The slots of one call, held until its request ends or, once the call has begun, until the call itself ends.

    Args:
        slots: Where they are taken.

    Attributes:
        holder: The number that they are held under.
    """

    _last = count(1)

    def __init__(self, slots: Slots) -> None:
        self._slots = slots
        self._names = set[str]()
        self.holder = 0
        self._begun = False

    async def take(self, wanted: Mapping[str, int], session: str = "") -> str | None:
        """Take slots like ``Slots.take``, in place of those held."""
        self._give_back(self._names)
        # Noted before they are taken: if this is cancelled, Redis may have taken them already.
        self._names, self.holder = set(wanted), next(self._last)
        full = await self._slots.take(wanted, self.holder, session)
        if full is not None:
            self._names = set()
        return full

    def begin(self, call: asyncio.Task[None]) -> None:
        """Hold the slots until the call has ended: after its request or, for a client at its limit, before."""
        self._begun = True
        call.add_done_callback(lambda _: self._give_back(self._names))

    def leave(self) -> None:
        """Give the slots back, now that the request has ended, unless its call has begun."""
        if not self._begun:
            self._give_back(self._names)

    def opened(self) -> None:
        """Give back the slot for opening the call's session, which is recorded now and counted itself."""
        self._give_back({name for name in self._names if name.startswith(OPENING)})

    @contextmanager
    def giving_back(self, beginning: str) -> Iterator[list[str]]:
        """Yield the keys that the block removes ``holder`` from, to give back the slots whose names have a prefix.

        If the block fails, these are given back later, like all others.
        """
        names = {name for name in self._names if name.startswith(beginning)}
        yield self._slots.keys(names)
        self._names = self._names - names

    def _give_back(self, names: set[str]) -> None:
        self._names = self._names - names
        self._slots.free(names, self.holder)


# The slots of the request that is being answered, and of the call that it began.
current_slot: ContextVar[Slot | None] = ContextVar("current_slot", default=None)

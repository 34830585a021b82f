"""Slots for what goes on at once, counted over all workers.

A call holds its own until it ends, also if its request hands it over and ends before.
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

# How soon slots are given back again that Redis could not be told of.
_AGAIN_S = 1.0
# No call lasts longer.
_KEPT_S = 2 * int(STREAM_MAX_S)
# KEYS: the workers that hold slots of each name; beside is since when each holds which, and until when an open session
# counts. ARGV: this worker, what it takes slots as, what the keys begin with that are there while a worker lives, how
# long a slot counts, the session that the call is for, and how many slots there are of each name. Takes one of each and
# returns 0, or which is full; where the session is open, none to open it. Asked again after a lost answer, it takes no
# more.
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
        """Take a slot of each name, or none and return the first name that has none left.

        Args:
            wanted: How many slots there are of each name.
            holder: What they are given back as, other than all before.
            session: The key of the session that a call goes on in: if it is open, it needs no slot to open it. Open
                sessions are counted in Redis alone.

        Raises:
            StoreError: If Redis can't be reached. It may have given them all the same.
        """
        names = list(wanted)
        if self._store is not None and names:
            keys = [SLOTS + name for name in names]
            arguments = self._store.worker, holder, worker_key(""), _KEPT_S, session, *wanted.values()
            freeing = list(self._freeing)
            full = await self._store.run(_TAKE, keys, *arguments)
            if full and freeing:
                # A client that calls again as soon as it has its answer may be faster than this.
                await asyncio.wait(freeing, timeout=_AGAIN_S)
                full = await self._store.run(_TAKE, keys, *arguments)
            return names[full - 1] if full else None
        full = next((name for name in names if self._held[name] >= wanted[name]), None)
        self._held.update(names if full is None else ())
        return full

    def free(self, names: Collection[str], holder: int) -> None:
        """Give back a slot of each name; in Redis, soon: a request that is cancelled can't wait for it."""
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
        """Return where in Redis this worker has what it holds of names."""
        return [] if self._store is None else [f"{SLOTS}{name}:{self._store.worker}" for name in names]

    async def _free(self, store: RedisStore, names: Collection[str], holder: int) -> None:
        while True:
            with suppress(StoreError):
                await store.run(_FREE, self.keys(names), holder)
                return
            await asyncio.sleep(_AGAIN_S)


class Slot:
    """What one call holds: until its request ends or, from when it has begun, until it ends itself.

    Args:
        slots: Where it is from.

    Attributes:
        holder: What it holds slots as.
    """

    _last = count(1)

    def __init__(self, slots: Slots) -> None:
        self._slots = slots
        self._names = set[str]()
        self.holder = 0
        self._begun = False

    async def take(self, wanted: Mapping[str, int], session: str = "") -> str | None:
        """Take slots as ``Slots`` does, instead of those that it has."""
        self._give_back(self._names)
        # Before they are there: if this is cancelled, they may be.
        self._names, self.holder = set(wanted), next(self._last)
        full = await self._slots.take(wanted, self.holder, session)
        if full is not None:
            self._names = set()
        return full

    def begin(self, call: asyncio.Task[None]) -> None:
        """Hold them until the call has ended, which may be after its request or, for a client at its limit, before."""
        self._begun = True
        call.add_done_callback(lambda _: self._give_back(self._names))

    def leave(self) -> None:
        """Give them back, now that the request has ended, unless a call has begun."""
        if not self._begun:
            self._give_back(self._names)

    def opened(self) -> None:
        """Take it that the session of the call is written down, and counts by itself."""
        self._give_back({name for name in self._names if name.startswith(OPENING)})

    @contextmanager
    def giving_back(self, beginning: str) -> Iterator[list[str]]:
        """Give the block what it removes ``holder`` from, to give back the slots whose names begin so.

        If it fails, they are given back as others are.
        """
        names = {name for name in self._names if name.startswith(beginning)}
        yield self._slots.keys(names)
        self._names = self._names - names

    def _give_back(self, names: set[str]) -> None:
        self._names = self._names - names
        self._slots.free(names, self.holder)


# Of the request that is being answered, and of the call that it began.
current_slot: ContextVar[Slot | None] = ContextVar("current_slot", default=None)

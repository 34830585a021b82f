"""Slots for what goes on at once, counted over all workers.

A call's are held by its request and, if that hands it over, until the call ends.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from contextvars import ContextVar
from typing import TYPE_CHECKING

from agentcore_mcp.server.hosted.store.connection import PREFIX, StoreError, channel
from agentcore_mcp.wire.limits import STREAM_MAX_S

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from agentcore_mcp.server.hosted.store.connection import RedisStore

# How soon slots are given back again that Redis could not be told of.
_AGAIN_S = 1.0
# No call lasts longer.
_KEPT_S = 2 * int(STREAM_MAX_S)
# KEYS: hashes of how many slots each worker holds. ARGV: this worker, what the keys begin with that are there while a
# worker lives, how long the hashes are kept, and the limit of each. Takes one of each and returns 0, or which is full.
_TAKE = """
for i, key in ipairs(KEYS) do
  local held, workers = 0, redis.call('HGETALL', key)
  for j = 1, #workers, 2 do
    if workers[j] == ARGV[1] or redis.call('EXISTS', ARGV[2] .. workers[j]) == 1 then
      held = held + workers[j + 1]
    else
      redis.call('HDEL', key, workers[j])
    end
  end
  if held >= tonumber(ARGV[i + 3]) then return i end
end
for _, key in ipairs(KEYS) do
  redis.call('HINCRBY', key, ARGV[1], 1)
  redis.call('EXPIRE', key, ARGV[3])
end
return 0
"""
_FREE = """
for _, key in ipairs(KEYS) do
  if redis.call('HINCRBY', key, ARGV[1], -1) <= 0 then redis.call('HDEL', key, ARGV[1]) end
end
"""


class Slots:
    """Counts slots by name.

    Args:
        store: Where all workers count; None to count in this process.
    """

    def __init__(self, store: RedisStore | None = None) -> None:
        self._store = store
        self._held = Counter[str]()
        self._freeing = set[asyncio.Task[None]]()

    async def take(self, wanted: Mapping[str, int]) -> str | None:
        """Take a slot of each name, or none and return the first name that has none left.

        Args:
            wanted: How many slots there are of each name.

        Raises:
            StoreError: If Redis can't be reached.
        """
        names = list(wanted)
        if self._store is not None:
            keys = [f"{PREFIX}:slots:{name}" for name in names]
            full = await self._store.run(_TAKE, keys, self._store.worker, channel(""), _KEPT_S, *wanted.values())
            return names[full - 1] if full else None
        full = next((name for name in names if self._held[name] >= wanted[name]), None)
        self._held.update(names if full is None else ())
        return full

    def free(self, names: Iterable[str]) -> None:
        """Give back a slot of each name; in Redis, soon: a request that is cancelled can't wait for it."""
        if self._store is None:
            self._held = self._held - Counter(names)
        else:
            task = asyncio.create_task(self._free(self._store, [f"{PREFIX}:slots:{name}" for name in names]))
            self._freeing.add(task)
            task.add_done_callback(self._freeing.discard)

    async def _free(self, store: RedisStore, keys: list[str]) -> None:
        while True:
            try:
                await store.run(_FREE, keys, store.worker)
            except StoreError:
                await asyncio.sleep(_AGAIN_S)
            else:
                return


class Slot:
    """The slots of one call.

    Args:
        slots: Where they are from.
        names: Their names.
        opening: The one of a session that may have to be opened; it counts by itself once it is written down.
    """

    def __init__(self, slots: Slots, names: Iterable[str], opening: str) -> None:
        self._slots = slots
        self._names = set(names)
        self._opening = opening
        self._holders = 1

    def hold_for(self, task: asyncio.Task[None]) -> None:
        """Keep them until a task has ended, too."""
        self._holders += 1
        task.add_done_callback(lambda _: self.leave())

    def leave(self) -> None:
        """Give them back if nothing else holds them."""
        self._holders -= 1
        if not self._holders and self._names:
            self._slots.free(self._names)

    def opened(self) -> None:
        """Take it that the session is written down."""
        if self._opening in self._names:
            self._names.remove(self._opening)
            self._slots.free([self._opening])


# Of the request that is being answered, and of the call that it began.
current_slot: ContextVar[Slot | None] = ContextVar("current_slot", default=None)

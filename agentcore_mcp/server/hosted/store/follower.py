"""Following a call that a worker reads, by what it writes to Redis: the text, the progress, and how it ends."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from agentcore_mcp.errors import InvalidRequestError, StreamInterruptedError
from agentcore_mcp.server.call import waited_for
from agentcore_mcp.server.hosted.store.connection import BEAT_S, LEASE_S
from agentcore_mcp.server.hosted.store.keys import text_key, worker_key
from agentcore_mcp.server.hosted.store.record import Record, error_of

if TYPE_CHECKING:
    from agentcore_mcp.server.call import Call
    from agentcore_mcp.server.hosted.store.connection import RedisStore
    from agentcore_mcp.server.hosted.store.record import Stored

_BATCH_BYTES = 256 * 1024
# How soon a follower looks without a message: one may be lost.
LOOK_S = 3.0
# Redis may come back after the sign of a worker has expired, and before it gives the next.
_MISSING_MAX_S = BEAT_S

# The first look claims the call for the request, and each keeps it; a claim ends by itself when nobody looks.
_LOOK = f"""
local holder = redis.call('GET', KEYS[2])
if holder and holder ~= ARGV[1] then return {{}} end
redis.call('SET', KEYS[2], ARGV[1], 'EX', {LEASE_S})
local found = {{redis.call('HGET', KEYS[1], 'record'), redis.call('HGET', KEYS[1], 'gone') or '', 0}}
if not found[1] then return {{'', 'is not kept any more', 0}} end
if redis.call('EXISTS', KEYS[3]) == 1 then
  redis.call('HDEL', KEYS[1], 'missing')
else
  local now = tonumber(redis.call('TIME')[1])
  redis.call('HSETNX', KEYS[1], 'missing', now)
  found[3] = now - redis.call('HGET', KEYS[1], 'missing')
end
for n = 4, #KEYS do
  found[n] = redis.call('GETRANGE', KEYS[n], ARGV[n - 2], ARGV[n - 2] + {_BATCH_BYTES - 1})
end
return found
"""


class Follower:
    """Follows one call, and has it to the exclusion of other requests.

    Args:
        store: The connection.
        keys: The call's own, and its claim's.
        call: The call, which what is new is added to.
        stored: What the store had of it.
    """

    def __init__(self, store: RedisStore, keys: list[str], call: Call, stored: Stored) -> None:
        self._store = store
        self._call = call
        self._stored = stored
        self._key = keys[0]
        texts = [text_key(keys[0], name) for name in call.outputs]
        self._keys = [*keys[:2], worker_key(stored.record.worker), *texts]
        self._news = asyncio.Event()

    async def run(self) -> None:
        """Bring in what is written until the call ends or is left.

        Raises:
            InvalidRequestError: If another request attends to it, or it is gone.
            StreamInterruptedError: If the worker that read it is gone.
            StoreError: If Redis can't be reached.
            Exception: What the call failed with.
        """
        self._store.heard[self._stored.claim] = self._hear
        try:
            while not self._stored.left:
                self._news.clear()
                missing_s, more = await self._look()
                if self._stored.record.finished and not more:
                    await self._end()
                    return
                if missing_s > _MISSING_MAX_S:
                    raise StreamInterruptedError(
                        "the worker of the server that read this call is gone, and the rest of its output is lost; the "
                        "work may go on in its session: ask there how far it came"
                    )
                if not more and not self._stored.left:
                    with suppress(TimeoutError):
                        async with asyncio.timeout(LOOK_S):
                            await self._news.wait()
        finally:
            del self._store.heard[self._stored.claim]

    def _hear(self, message: Any) -> None:
        if self._call.progress is not None:
            self._call.progress.add(message)
        self._news.set()

    async def _look(self) -> tuple[int, bool]:
        """Take what is new; return how long the worker that reads has been missing, and whether there is more."""
        call, told = self._call, self._stored.told
        offsets = [told.shown[name] for name in call.outputs]
        found = await self._store.run(_LOOK, self._keys, self._stored.claim, *offsets)
        if not found:
            raise waited_for(call.handle)
        self._stored.claimed = True
        if self._stored.left:
            # The result that leaves the call was made while this look was under way: the rest is for the next one.
            return 0, True
        written, gone, missing_s, *pieces = found
        if gone:
            raise InvalidRequestError(f"the call {call.handle!r} {gone.decode()}")
        record = self._stored.record = Record.model_validate_json(written)
        call.session.session_id = record.session_id
        for (name, output), data in zip(call.outputs.items(), pieces, strict=True):
            text, said = data.decode("utf-8", "ignore"), told.said.get(name, "")
            told.shown[name] += len(text.encode())
            if text:
                output.add(text.removeprefix(said))
                said = told.said[name] = ""
            output.held = record.unfinished[name].removeprefix(said)
            output.spool.kept_bytes, output.spool.dropped_bytes = record.kept[name], record.dropped[name]
        return missing_s, any(len(data) == _BATCH_BYTES for data in pieces)

    async def _end(self) -> None:
        """Take how the call ended."""
        # Here and not above: with it comes all that reads answers.
        from agentcore_mcp.wire.pieces import Binary

        record = self._stored.record
        self._call.stop, self._call.pauses = record.stop, record.pauses
        if record.image_type:
            async with self._store.reached() as redis:
                content = await redis.hget(self._key, "image")
            self._call.image = Binary.of(content, record.image_type) if content else None
        if record.failure is not None:
            raise error_of(record.failure)

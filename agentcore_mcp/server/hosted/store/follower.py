"""Follows a call through what the worker that reads it writes to Redis: the text, the progress and the outcome."""

from __future__ import annotations

import asyncio
import secrets
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

from agentcore_mcp.errors import InvalidRequestError, StreamInterruptedError
from agentcore_mcp.server.call import waited_for
from agentcore_mcp.server.hosted.store.connection import BEAT_S, LEASE_S, noting
from agentcore_mcp.server.hosted.store.keys import text_key, worker_key
from agentcore_mcp.server.hosted.store.record import Record
from agentcore_mcp.server.hosted.store.writer import GONE_S, KEPT_S

if TYPE_CHECKING:
    from agentcore_mcp.server.call import Call
    from agentcore_mcp.server.hosted.store.connection import RedisStore
    from agentcore_mcp.server.hosted.store.record import Told

_BATCH_BYTES = 256 * 1024
# How soon a follower polls without a message, since one may be lost.
LOOK_S = 3.0
# Redis may come back after a worker's heartbeat has expired, and before its next one.
_MISSING_MAX_S = BEAT_S

# The first poll claims the call for the request, and each later one renews the claim, which expires without polls.
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
_LET_GO = """
redis.call('DEL', KEYS[2])
for _, name in ipairs({'text', 'stdout', 'stderr', 'live'}) do redis.call('DEL', KEYS[1] .. ':' .. name) end
redis.call('HSET', KEYS[1], 'gone', ARGV[1])
redis.call('HDEL', KEYS[1], 'body')
redis.call('EXPIRE', KEYS[1], ARGV[2])
redis.call('ZREM', KEYS[3], KEYS[1])
"""
_LEAVE = """
if (redis.call('GET', KEYS[2]) or ARGV[2]) ~= ARGV[2] then return end
if redis.call('EXISTS', KEYS[1]) == 1 then redis.call('HSET', KEYS[1], 'told', ARGV[1]) end
redis.call('DEL', KEYS[2])
"""


class Follower:
    """Follows a call for one request; other requests are refused until this one leaves the call.

    Args:
        store: The connection.
        keys: The keys of the call, of its claim, and of the caller's ended calls.
        record: The record by the worker that reads the call.
        told: How much earlier results have shown; updated while following.

    Attributes:
        cancelled: Whether the request was cancelled, so that the call is to be cancelled, too.
    """

    def __init__(self, store: RedisStore, keys: list[str], record: Record, told: Told) -> None:
        self.cancelled = False
        self._store = store
        self._keys = keys
        self._record = record
        self._told = told
        # Says in Redis that this request has the call.
        self._claim = f"{store.worker} {secrets.token_hex(8)}"
        self._claimed = False
        self._left = False
        self._ended = False
        self._news = asyncio.Event()

    async def run(self, call: Call) -> None:
        """Read what is written of a call until it ends or is left.

        Raises:
            InvalidRequestError: If another request has the call, or the call is gone.
            StreamInterruptedError: If the worker that read the call is gone, or this worker is ending.
            StoreError: If Redis can't be reached.
            Exception: The error that the call failed with.
        """
        self._store.heard[self._claim] = partial(self._hear, call)
        try:
            while not self._left:
                self._news.clear()
                missing_s, more = await self._look(call)
                if self._record.finished and not more:
                    await self._end(call)
                    return
                if missing_s > _MISSING_MAX_S:
                    raise StreamInterruptedError(
                        "the worker of the server that read this call is gone, and the rest of its output is lost; the "
                        "work may go on in its session: ask there how far it came"
                    )
                if not more and not self._left:
                    with suppress(TimeoutError):
                        async with asyncio.timeout(LOOK_S):
                            await self._news.wait()
        except asyncio.CancelledError:
            if not self.cancelled:
                tool, handle = call.tool, call.handle
                raise StreamInterruptedError(
                    f"this worker is ending and the call goes on: call {tool} with handle {handle!r} alone"
                ) from None
            await self._let_go(call, "was cancelled with its request")
            await self.cancel()
            raise
        finally:
            del self._store.heard[self._claim]

    async def cancel(self) -> None:
        """Tell the worker that reads the call to end it."""
        await self._store.tell(worker_key(self._record.worker), self._keys[0], "cancel")

    async def leave(self, call: Call) -> None:
        """Release the running call to a later request."""
        # The task is not cancelled: a poll that is under way would claim the call after its release.
        self._left = True
        self._news.set()
        await asyncio.wait([task for task in [call.task] if task is not None])
        for name, output in call.outputs.items():
            self._told.said[name] = self._told.said.get(name, "") + output.held
        await self._release(call)

    async def settle(self, call: Call, why: str) -> None:
        """Keep an ended call, or note why nothing of it is kept; if following it failed, let another request try."""
        if self._ended and why:
            await self._let_go(call, why)
        elif self._claimed:
            self._told.kept = self._ended
            await self._release(call)

    async def _release(self, call: Call) -> None:
        self._told.omitted |= {name: output.ever_omitted_chars for name, output in call.outputs.items()}
        with noting(f"how much of call {call.handle} was told"):
            await self._store.run(_LEAVE, self._keys, self._told.model_dump_json(), self._claim)

    async def _let_go(self, call: Call, why: str) -> None:
        # Longer for a running call: the worker that reads it may hear late that it was cancelled.
        kept_s = GONE_S if self._record.finished else KEPT_S
        with noting(f"that call {call.handle} {why}"):
            await self._store.run(_LET_GO, self._keys, why, kept_s)

    def _hear(self, call: Call, message: Any) -> None:
        if call.progress is not None:
            call.progress.add(message)
        self._news.set()

    async def _look(self, call: Call) -> tuple[int, bool]:
        """Read what is new; return how long the reading worker has been missing, and whether there is more."""
        told = self._told
        offsets = [told.shown[name] for name in call.outputs]
        texts = [text_key(self._keys[0], name) for name in call.outputs]
        keys = [*self._keys[:2], worker_key(self._record.worker), *texts]
        # Set before Redis answers, so that the claim of a poll that is cancelled is released as well.
        self._claimed = True
        found = await self._store.run(_LOOK, keys, self._claim, *offsets)
        if not found:
            self._claimed = False
            raise waited_for(call.handle)
        if self._left:
            # The call was left while this poll was under way: the rest is for the result of the next request.
            return 0, True
        written, gone, missing_s, *pieces = found
        if gone:
            raise InvalidRequestError(f"the call {call.handle!r} {gone.decode()}")
        record = self._record = Record.model_validate_json(written)
        call.session.session_id = record.session_id
        if record.shell is not None and call.shell is not None:
            _, line, asked = record.shell
            if asked > call.shell.asked:
                call.shell.asks, call.shell.asked = line, asked
                if call.progress is not None:
                    call.progress.let_go()
            elif not line:
                call.shell.asks = ""
        for (name, output), data in zip(call.outputs.items(), pieces, strict=True):
            text, said = data.decode("utf-8", "ignore"), told.said.get(name, "")
            told.shown[name] += len(text.encode())
            if text:
                output.add(text.removeprefix(said))
                said = told.said[name] = ""
            output.held = record.unfinished[name].removeprefix(said)
            output.spool.kept_bytes, output.spool.dropped_bytes = record.kept[name], record.dropped[name]
        return missing_s, any(len(data) == _BATCH_BYTES for data in pieces)

    async def _end(self, call: Call) -> None:
        """Take over the call's outcome, and raise the error that it failed with, if any."""
        # Imported here, as it imports everything that reads responses.
        from agentcore_mcp.wire.pieces import Binary

        record = self._record
        record.tell(call)
        if record.body_type:
            async with self._store.reached() as redis:
                content = await redis.hget(self._keys[0], "body")
            call.body = Binary.of(content, record.body_type) if content else None
        self._ended = True
        if call.failure is not None:
            raise call.failure

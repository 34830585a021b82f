"""Writes a call to Redis while it is read, for the worker that gets the next request for it.

A text is one string, written and read by byte ranges like the local spool. In a Redis stream, an offset would have to
be searched for, and a retried write would store its piece twice, since Redis may have carried out a command whose
answer was lost.

Reading never waits for Redis: the local spool has what is not written yet, and progress messages are merged.
"""

from __future__ import annotations

import asyncio
import math
import time
from typing import TYPE_CHECKING

from agentcore_mcp.errors import AgentCoreError
from agentcore_mcp.server.hosted.store.connection import logger
from agentcore_mcp.server.hosted.store.keys import text_key, worker_key
from agentcore_mcp.server.hosted.store.record import Record, Told
from agentcore_mcp.server.progress import Progress
from agentcore_mcp.wire.limits import STREAM_MAX_S

if TYPE_CHECKING:
    from agentcore_mcp.server.call import Call
    from agentcore_mcp.server.hosted.store.connection import RedisStore
    from agentcore_mcp.server.spool import Spool

# A model pages through less; with 48 calls and three texts of each a caller has 576 MiB at most.
TEXT_MAX_BYTES = 4 * 1024 * 1024
# Beyond this a text is full: a character may have 4 bytes.
_FULL_BYTES = TEXT_MAX_BYTES - 4
# How much is written and read at once, in characters and bytes.
_BATCH_CHARS = 64 * 1024
KEPT_S = 3_600
# How long the outcome of a call is kept for a client that retries at once because its response was lost; at two
# handed-over calls a second, these are 600 keys.
GONE_S = 300
RUNNING_S = int(STREAM_MAX_S) + KEPT_S
# How often a piece is tried again, about a minute in all, before the next one.
_ATTEMPTS_MAX = 10

# Writes nothing to a call that is gone, and keeps only the last ended calls of a caller.
WRITE = f"""
if redis.call('HEXISTS', KEYS[1], 'gone') == 1 then return end
redis.call('HSET', KEYS[1], 'record', ARGV[1])
redis.call(ARGV[2] == 'kept' and 'HSET' or 'HSETNX', KEYS[1], 'told', ARGV[3])
if ARGV[5] ~= '' then redis.call('HSET', KEYS[1], 'body', ARGV[5]) end
redis.call('EXPIRE', KEYS[1], ARGV[4])
for n = 4, #KEYS do
  local offset, data = ARGV[2 * n + 2], ARGV[2 * n + 3]
  if data ~= '' then redis.call('SETRANGE', KEYS[n], offset, data) end
  redis.call('EXPIRE', KEYS[n], ARGV[4])
end
if ARGV[6] ~= '' then
  redis.call('ZADD', KEYS[3], ARGV[6], KEYS[1])
  redis.call('EXPIRE', KEYS[3], ARGV[4])
  for _, old in ipairs(redis.call('ZRANGE', KEYS[3], 0, -1 - ARGV[7])) do
    redis.call('DEL', old .. ':text', old .. ':stdout', old .. ':stderr', old .. ':live')
    if redis.call('EXISTS', old) == 1 then redis.call('HSET', old, 'gone', ARGV[8]) end
    redis.call('HDEL', old, 'body')
    redis.call('EXPIRE', old, {GONE_S})
    redis.call('ZREM', KEYS[3], old)
  end
end
local claim = redis.call('GET', KEYS[2])
if claim then
  local message = cjson.encode({{about = claim, what = ARGV[9]}})
  redis.call('PUBLISH', '{worker_key("")}' .. string.match(claim, '^%x+'), message)
end
"""


async def write_call(
    store: RedisStore, keys: list[str], call: Call, told: Told, tried: asyncio.Event, *, kept_max: int
) -> None:
    """Write a call until it has ended, and its outcome.

    Args:
        store: The connection.
        keys: The keys of the call, of its claim, and of the caller's ended calls.
        call: The call.
        told: How much of it results have shown.
        tried: Set after the first attempt to write the call, whether or not it succeeded.
        kept_max: How many ended calls of the caller are kept.
    """
    written = dict.fromkeys(call.spools, 0)

    async def write(message: str) -> bool:
        """Write what there is, at most one batch of each text; return whether there is more."""
        spools = call.spools
        data = {name: _next(spool, written[name]) for name, spool in spools.items()}
        total = {name: written[name] + len(each) for name, each in data.items()}
        left = {name: spool.kept_bytes - total[name] for name, spool in spools.items()}
        full = {name for name in spools if total[name] > _FULL_BYTES}
        dropped = {name: spool.dropped_bytes + (left[name] if name in full else 0) for name, spool in spools.items()}
        more = any(left[name] for name in left.keys() - full)
        ended = call.finished and not more
        body = call.body if ended else None
        await store.run(
            WRITE,
            [*keys, *(text_key(keys[0], name) for name in written)],
            Record.of(call, store.worker, total, dropped, ended=ended).model_dump_json(),
            "kept" if told.kept else "",
            told.model_dump_json(),
            KEPT_S if ended else RUNNING_S,
            b"" if body is None or len(body.content) > TEXT_MAX_BYTES else body.content,
            time.time() if ended else "",
            kept_max,
            f"has ended; the server keeps what was not told of the last {kept_max} calls only",
            message,
            *(part for name in written for part in (written[name], data[name])),
        )
        written.update(total)
        return more

    async def report(_: float, __: float | None, message: str | None) -> None:
        for _attempt in range(_ATTEMPTS_MAX):
            try:
                while await write(message or ""):
                    message = ""
            except AgentCoreError as error:
                logger.warning("call %s is not in the store yet: %s", call.handle, error)
            else:
                return
            finally:
                tried.set()
            await asyncio.sleep(1)

    # Follows the call as a request would, but writes to Redis where a request would send progress notifications.
    progress = call.progress = Progress(report, first="", waiting_for="", heartbeat_s=math.inf)
    if call.finished:
        progress.close()
    while True:
        # This also returns when the call asks something.
        await progress.run()
        await report(0, None, "")
        if call.finished:
            return


def _next(spool: Spool, written: int) -> bytes:
    data = spool.read(written, _BATCH_CHARS)[0].encode()
    return data[: TEXT_MAX_BYTES - written].decode("utf-8", "ignore").encode()

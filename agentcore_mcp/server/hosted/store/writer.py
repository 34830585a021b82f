"""Writing a call to Redis while it is read, for whichever worker has the next request for it.

A text is one string, written and read by byte ranges like the local spool. In a stream of entries an offset would have
to be searched for, and a piece that is written twice would be there twice: Redis may have carried out a command whose
answer was lost.

Nothing waits for Redis: the local spool has what is not written yet, and the progress of the call is merged.
"""

from __future__ import annotations

import asyncio
import math
import time
from typing import TYPE_CHECKING

from agentcore_mcp.errors import AgentCoreError
from agentcore_mcp.server.hosted.store.connection import logger
from agentcore_mcp.server.hosted.store.keys import text_key, worker_key
from agentcore_mcp.server.hosted.store.record import Record, Told, failure_of
from agentcore_mcp.server.progress import Progress
from agentcore_mcp.wire.limits import STREAM_MAX_S

if TYPE_CHECKING:
    from agentcore_mcp.server.call import Call
    from agentcore_mcp.server.hosted.store.connection import RedisStore
    from agentcore_mcp.server.spool import Spool

# A model pages through less; with 48 calls and two texts of each a caller has 384 MiB at most.
TEXT_MAX_BYTES = 4 * 1024 * 1024
# No character that does not fit is longer.
_FULL_BYTES = TEXT_MAX_BYTES - 4
# How much is written and read at once, in characters and bytes.
_BATCH_CHARS = 64 * 1024
KEPT_S = 3_600
# What became of a call is said to a client that asks again at once, as one does whose answer was lost; at two calls a
# second that are handed over, these are 600 keys.
GONE_S = 300
RUNNING_S = int(STREAM_MAX_S) + KEPT_S
# How often a piece is tried again, about a minute in all, before the next one.
_ATTEMPTS_MAX = 10

# What is gone is written no more. The last ended calls of a caller are kept.
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
  local message = cjson.encode({{call = claim, what = ARGV[9]}})
  redis.call('PUBLISH', '{worker_key("")}' .. string.match(claim, '^%x+'), message)
end
"""


class Writer:
    """Writes one call.

    Args:
        store: The connection.
        keys: The call's own, its claim's, and that of the caller's ended calls.
        call: The call.
        kept: Whether its end was told; then it has ended.
        kept_max: How many ended calls of the caller are kept.

    Attributes:
        tried: Is set once the call was written, or could not be.
    """

    def __init__(self, store: RedisStore, keys: list[str], call: Call, *, kept: bool, kept_max: int) -> None:
        self._store = store
        self._call = call
        self._kept = kept
        self._kept_max = kept_max
        self._written = dict.fromkeys(call.spools, 0)
        self._keys = [*keys, *(text_key(keys[0], name) for name in self._written)]
        shown = {name: output.spool.kept_bytes for name, output in call.outputs.items()}
        omitted = {name: output.ever_omitted_chars for name, output in call.outputs.items()}
        self._told = Told(shown=shown, omitted=omitted, kept=kept).model_dump_json()
        # Follows the call as a request would, and has what would be notified about it written.
        self._progress = Progress(self._report, first="", waiting_for="", heartbeat_s=math.inf)
        call.progress = self._progress
        if call.finished:
            self._progress.close()
        self.tried = asyncio.Event()

    async def run(self) -> None:
        """Write until the call has ended, and its end."""
        while True:
            # It returns, too, when the call asks something.
            await self._progress.run()
            await self._report(0, None, "")
            if self._call.finished:
                return

    async def _report(self, _: float, __: float | None, message: str | None) -> None:
        for _attempt in range(_ATTEMPTS_MAX):
            try:
                while await self._write(message or ""):
                    message = ""
            except AgentCoreError as error:
                logger.warning("call %s is not in the store yet: %s", self._call.handle, error)
            else:
                return
            finally:
                self.tried.set()
            await asyncio.sleep(1)

    async def _write(self, message: str) -> bool:
        """Write what there is, at most so much of each text; return whether there is more."""
        spools = self._call.spools
        data = {name: self._next(spool, self._written[name]) for name, spool in spools.items()}
        total = {name: self._written[name] + len(each) for name, each in data.items()}
        left = {name: spool.kept_bytes - total[name] for name, spool in spools.items()}
        full = {name for name in spools if total[name] > _FULL_BYTES}
        dropped = {name: spool.dropped_bytes + (left[name] if name in full else 0) for name, spool in spools.items()}
        more = any(left[name] for name in left.keys() - full)
        ended = self._call.finished and not more
        body = self._call.body if ended else None
        await self._store.run(
            WRITE,
            self._keys,
            self._record(total, dropped, ended=ended),
            "kept" if self._kept else "",
            self._told,
            KEPT_S if ended else RUNNING_S,
            b"" if body is None or len(body.content) > TEXT_MAX_BYTES else body.content,
            time.time() if ended else "",
            self._kept_max,
            f"has ended; the server keeps what was not told of the last {self._kept_max} calls only",
            message,
            *(part for name in self._written for part in (self._written[name], data[name])),
        )
        self._written = total
        return more

    def _next(self, spool: Spool, written: int) -> bytes:
        data = spool.read(written, _BATCH_CHARS)[0].encode()
        return data[: TEXT_MAX_BYTES - written].decode("utf-8", "ignore").encode()

    def _record(self, kept: dict[str, int], dropped: dict[str, int], *, ended: bool) -> str:
        call, agent = self._call, self._call.session.target.agent
        return Record(
            worker=self._store.worker,
            tool=call.tool,
            agent=agent.name,
            arn=str(agent.arn),
            session_id=call.session.session_id,
            called=call.session.called,
            waiting_for=call.waiting_for,
            max_chars=call.max_chars,
            timeout_s=call.timeout_s,
            shell=None if call.shell is None else (call.shell.name, call.shell.asks, call.shell.asked),
            kept=kept,
            dropped=dropped,
            unfinished={name: output.unfinished for name, output in call.outputs.items()},
            finished=ended,
            stop=call.stop,
            pauses=tuple(call.pauses),
            endpoint_url=call.endpoint_url,
            failure=None if call.failure is None or not ended else failure_of(call.failure),
            cancelled=call.cancelled,
            body_type="" if call.body is None or not ended else call.body.content_type,
        ).model_dump_json()

"""The sessions of a caller in Redis, where all workers find them.

A hash for each session, and an index of them by when they were last used. Each operation is one round trip. They go a
while after the service itself would have ended them.
"""

from __future__ import annotations

import json
import math
import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from agentcore_mcp.server.book import MAX_SESSIONS
from agentcore_mcp.server.hosted.store.connection import PREFIX, PRINCIPALS, noting
from agentcore_mcp.server.sessions import Session
from agentcore_mcp.wire.limits import IDLE_TIMEOUT_S, SESSION_LIFETIME_S
from agentcore_mcp.wire.pauses import Pause

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from agentcore_mcp.server.agents import Agents
    from agentcore_mcp.server.hosted.principals import Principal
    from agentcore_mcp.server.hosted.store.connection import RedisStore

# Minutes of sessions are counted over a day.
_KEPT_S = 86_400 + int(SESSION_LIFETIME_S)

# A session that was stopped is another one from then on, which its generation says to calls that began before.
_USED = """
local key, now, ttl = KEYS[1], tonumber(ARGV[1]), tonumber(ARGV[2])
local known = redis.call('HMGET', key, 'opened_at', 'used_at', 'stopping', 'stopped_at', 'earlier', 'generation')
local opened_at, earlier, generation = known[1], known[5] or '', tonumber(known[6] or 0)
if opened_at then
  local ends_at = math.min(known[2] + ARGV[3], opened_at + ARGV[4], tonumber(known[4] or '1e300'))
  local stopped = tonumber(known[3] or 0) > 0
  if stopped or ends_at < now then
    earlier = string.format('%s%s-%.3f ', earlier, opened_at, ends_at)
    if #earlier > 4000 then earlier = string.match(earlier, ' (.*)', -3900) end
    opened_at = false
  end
  if stopped then
    redis.call('DEL', key)
    generation = generation + 1
  end
end
redis.call('HSET', key, 'opened_at', opened_at or ARGV[1], 'used_at', ARGV[1], 'earlier', earlier,
  'generation', generation, unpack(ARGV, 7))
redis.call('HINCRBY', key, 'calls', 1)
redis.call('HSETNX', key, 'stopping', 0)
redis.call('EXPIRE', key, ttl)
redis.call('ZADD', KEYS[2], now, key)
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now - ttl)
redis.call('EXPIRE', KEYS[2], ttl)
if redis.call('ZCARD', KEYS[2]) > tonumber(ARGV[5]) then
  local all = redis.call('ZRANGE', KEYS[2], 0, -1)
  local gone = all[1]
  for _, one in ipairs(all) do
    if tonumber(redis.call('HGET', one, 'stopping') or 1) > 0 then gone = one break end
  end
  redis.call('DEL', gone)
  redis.call('ZREM', KEYS[2], gone)
end
redis.call('ZADD', KEYS[3], now, ARGV[6])
redis.call('ZREMRANGEBYSCORE', KEYS[3], '-inf', now - ttl)
redis.call('EXPIRE', KEYS[3], ttl)
return redis.call('HGETALL', key)
"""
# What follows changes the session that a call is in, and not one that has begun anew under its id.
_SAME = "if tonumber(redis.call('HGET', KEYS[1], 'generation') or -1) ~= tonumber(ARGV[1]) then return end\n"
_SET = f"{_SAME}redis.call('HSET', KEYS[1], ARGV[2], ARGV[3])"
_UNUSED = f"""{_SAME}
if redis.call('HINCRBY', KEYS[1], 'calls', -1) <= 0 then
  redis.call('DEL', KEYS[1])
  redis.call('ZREM', KEYS[2], KEYS[1])
end
"""
_MOVED = f"""{_SAME}
local opened_at = redis.call('HGET', KEYS[3], 'opened_at')
redis.call('RENAME', KEYS[1], KEYS[3])
redis.call('HSET', KEYS[3], 'session_id', ARGV[2], 'opened_at', opened_at or ARGV[3])
redis.call('ZADD', KEYS[2], redis.call('ZSCORE', KEYS[2], KEYS[1]) or ARGV[3], KEYS[3])
redis.call('ZREM', KEYS[2], KEYS[1])
"""
# A stop that is cancelled while it is counted is taken back whether or not it was.
_STOPPING = f"""{_SAME}
if tonumber(redis.call('HGET', KEYS[1], 'stopping') or 0) + ARGV[2] < 0 then return end
if redis.call('HINCRBY', KEYS[1], 'stopping', ARGV[2]) > 0 then
  redis.call('HSETNX', KEYS[1], 'stopped_at', ARGV[3])
else
  redis.call('HDEL', KEYS[1], 'stopped_at')
end
"""


class RedisBook:
    """A ``Book`` in Redis.

    What a call writes down at its end is logged if Redis can't be reached: the call itself is not lost for it.

    Args:
        store: The connection.
        principal: Whose sessions.
        agents: Where their agents are found by name.
        now: A clock: Unix time, in seconds. Those of the workers may differ by seconds.
    """

    def __init__(
        self, store: RedisStore, principal: Principal, agents: Agents, *, now: Callable[[], float] = time.time
    ) -> None:
        self._store = store
        self._agents = agents
        self._now = now
        self._prefix = f"{PREFIX}:{principal.key}:session"
        self._index = f"{PREFIX}:{principal.key}:sessions"
        self._principal = json.dumps([principal.issuer, principal.subject, principal.client])

    async def used(self, session: Session) -> Session:
        """Count the call, and fill in what is known of the session."""
        agent = session.target.agent
        known = {"agent": agent.name, "arn": str(agent.arn), "session_id": session.session_id, "called": session.called}
        written = await self._store.run(
            _USED,
            [self._key(session.key), self._index, PRINCIPALS],
            self._now(),
            _KEPT_S,
            IDLE_TIMEOUT_S,
            SESSION_LIFETIME_S,
            MAX_SESSIONS,
            self._principal,
            *(part for pair in known.items() for part in pair),
        )
        return _fill(session, _fields(written))

    async def idle(self, session: Session) -> None:
        """Write it down."""
        session.used_at = self._now()
        await self._change(session, _SET, "used_at", session.used_at)

    async def unused(self, session: Session) -> None:
        """Count one call less, and forget the session if it was the only one."""
        await self._change(session, _UNUSED)

    async def moved(self, session: Session, session_id: str) -> None:
        """Keep the session under its other id, opened when that was."""
        moved = self._key((session.agent, session_id))
        await self._change(session, _MOVED, session_id, session.opened_at, key=moved)
        session.session_id = session_id

    async def paused(self, session: Session, pauses: Sequence[Pause]) -> None:
        """Write it down if it has changed."""
        if pauses or session.pauses:
            session.pauses = pauses
            await self._change(session, _SET, "pauses", json.dumps([asdict(pause) for pause in pauses]))

    async def stopping(self, session: Session, change: int) -> None:
        """Count it.

        Raises:
            StoreError: If it can't be written that a stop begins: the calls in the session would not say why they end.
        """
        if change > 0:
            await self._store.run(_STOPPING, self._keys(session), session.generation, change, self._now())
        else:
            await self._change(session, _STOPPING, change, self._now())

    async def is_stopped(self, session: Session) -> bool:
        """Tell it from what is written of the session, or if that is another one by now."""
        generation = stopping = None
        with noting(f"whether session {session.session_id} was stopped"):
            async with self._store.reached() as redis:
                generation, stopping = await redis.hmget(self._key(session.key), ["generation", "stopping"])
        return generation is not None and (int(generation) != session.generation or int(stopping or 0) > 0)

    async def get(self, key: tuple[str, str]) -> Session | None:
        """Return the session."""
        async with self._store.reached() as redis:
            found = await redis.hgetall(self._key(key))
        return await self._session(found) if found else None

    async def all(self) -> list[Session]:
        """Return all of them, in two round trips."""
        async with self._store.reached() as redis:
            keys = await redis.zrange(self._index, 0, -1)
            async with redis.pipeline(transaction=False) as pipeline:
                for key in keys:
                    pipeline.hgetall(key)
                found = await pipeline.execute()
        return [await self._session(one) for one in found if one]

    async def _session(self, found: dict[bytes, bytes]) -> Session:
        fields = _fields(found)
        target = await self._agents.known(fields["agent"], fields["arn"])
        return _fill(Session(fields["session_id"], target, fields["called"]), fields)

    async def _change(self, session: Session, script: str, *args: Any, key: str | None = None) -> None:
        keys = self._keys(session) + ([key] if key else [])
        with noting(f"what became of session {session.session_id}"):
            await self._store.run(script, keys, session.generation, *args)

    def _keys(self, session: Session) -> list[str]:
        return [self._key(session.key), self._index]

    def _key(self, key: tuple[str, str]) -> str:
        return f"{self._prefix}:{':'.join(key)}"


def _fields(found: dict[bytes, bytes] | list[bytes]) -> dict[str, str]:
    """Return a hash as text; a script gives it as a list."""
    pairs = found.items() if isinstance(found, dict) else zip(found[::2], found[1::2], strict=True)
    return {name.decode(): value.decode() for name, value in pairs}


def _fill(session: Session, fields: dict[str, str]) -> Session:
    """Fill in what is written of a session."""
    spans = [span.partition("-") for span in fields["earlier"].split()]
    session.opened_at = float(fields["opened_at"])
    session.used_at = float(fields["used_at"])
    session.calls = int(fields["calls"])
    session.generation = int(fields["generation"])
    session.stopping = int(fields.get("stopping", 0))
    session.stopped_at = float(fields.get("stopped_at", math.inf))
    session.pauses = tuple(Pause(**pause) for pause in json.loads(fields.get("pauses", "[]")))
    session.earlier = tuple((float(begin), float(end)) for begin, _, end in spans)
    return session

"""The sessions of a caller in Redis, where all workers find them.

There is a hash for each session, and an index of them by end time. Each operation is one round trip, which also gives
back the slots that its call no longer needs. Sessions expire some time after the service itself would have ended them.
"""

from __future__ import annotations

import json
import secrets
import time
from contextlib import nullcontext
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from agentcore_mcp.server.book import MAX_SESSIONS
from agentcore_mcp.server.hosted.slots import current_slot
from agentcore_mcp.server.hosted.store.connection import noting, noting_odd
from agentcore_mcp.server.hosted.store.keys import OPENING, PRINCIPALS, session_key, sessions_key
from agentcore_mcp.server.sessions import Session
from agentcore_mcp.wire.limits import IDLE_TIMEOUT_S, SESSION_LIFETIME_S, SYNCHRONOUS_MAX_S
from agentcore_mcp.wire.pauses import Pause

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from agentcore_mcp.server.agents import Agents
    from agentcore_mcp.server.hosted.principals import Principal
    from agentcore_mcp.server.hosted.store.connection import RedisStore

# Minutes of sessions are counted over a day.
_KEPT_S = 86_400 + int(SESSION_LIFETIME_S)

# The beginning of each script. KEYS: a session, the caller's index, slots to give back. ARGV: the holder of the slots,
# an id of this step, and the generation that it is about. redis-py repeats a step whose answer was lost, and the repeat
# must not count.
_STEP = f"""
local session, index = KEYS[1], KEYS[2]
for n = 3, #KEYS do redis.call('ZREM', KEYS[n], ARGV[1]) end
local did, generation, calls, stopping, opened_at, used_at, stopped_at = unpack(redis.call('HMGET', session,
  'did', 'generation', 'calls', 'stopping', 'opened_at', 'used_at', 'stopped_at'))
generation, calls, stopping = tonumber(generation or 0), tonumber(calls or 0), tonumber(stopping or 0)
local repeated = did and string.find(did, ARGV[2], 1, true)
did = string.sub(ARGV[2] .. (did or ''), 1, 160)
local function ends_at()
  return math.min(used_at + {IDLE_TIMEOUT_S}, opened_at + {SESSION_LIFETIME_S}, stopped_at or 1e300)
end
"""
# After a stop, the same id begins a new session with the next generation, which calls of the old one don't change.
_USED = f"""{_STEP}
if repeated then return redis.call('HGETALL', session) end
local now = tonumber(ARGV[4])
local earlier = redis.call('HGET', session, 'earlier') or ''
if opened_at and (stopping > 0 or ends_at() < now) then
  earlier = string.format('%s%s-%.3f ', earlier, opened_at, ends_at())
  if #earlier > 4000 then earlier = string.match(earlier, ' (.*)', -3900) end
  opened_at = false
end
if stopping > 0 then
  redis.call('DEL', session)
  generation, calls, stopped_at = generation + 1, 0, false
end
opened_at, used_at = opened_at or ARGV[4], ARGV[4]
redis.call('HSET', session, 'did', did, 'generation', generation, 'calls', calls + 1, 'opened_at', opened_at,
  'used_at', used_at, 'earlier', earlier, unpack(ARGV, 6))
local added = redis.call('ZADD', index, ends_at(), session) + redis.call('ZADD', '{PRINCIPALS}', now, ARGV[5])
for _, key in ipairs({{index, '{PRINCIPALS}'}}) do
  if added > 0 then redis.call('ZREMRANGEBYSCORE', key, '-inf', now - {_KEPT_S}) end
  redis.call('EXPIRE', key, {_KEPT_S})
end
redis.call('EXPIRE', session, {_KEPT_S})
if added > 0 and redis.call('ZCARD', index) > {MAX_SESSIONS} then
  redis.call('DEL', redis.call('ZPOPMIN', index)[1])
end
return redis.call('HGETALL', session)
"""
# The scripts below change only the session that a call is in, not one that has begun anew under its id.
_SAME = f"""{_STEP}
if not opened_at then return 0 end
if generation ~= tonumber(ARGV[3]) then return 1 end
"""
_ENDED = f"""{_SAME}
if stopping > 0 then return 1 end
if ARGV[4] ~= '' then
  used_at = ARGV[4]
  redis.call('HSET', session, 'used_at', used_at)
  redis.call('ZADD', index, ends_at(), session)
elseif calls > 1 and not repeated then
  redis.call('HSET', session, 'did', did, 'calls', calls - 1)
elseif not repeated then
  redis.call('DEL', session)
  redis.call('ZREM', index, session)
end
return 0
"""
# A question that was answered after it was read can't be claimed.
_CLAIM = f"""{_SAME}
if redis.call('HGET', session, 'pauses') ~= ARGV[5] then return 0 end
local since = redis.call('HGET', session, 'claimed_at')
if since and not repeated and ARGV[4] - since < {SYNCHRONOUS_MAX_S} then return 0 end
redis.call('HSET', session, 'did', did, 'claimed_at', ARGV[4])
return 1
"""
_LEFT = f"""{_SAME}
redis.call('HSET', session, 'pauses', ARGV[4], 'kept', ARGV[5])
redis.call('HDEL', session, 'claimed_at')
"""
_MOVED = f"""{_SAME}
local moved = string.sub(session, 1, -1 - #ARGV[4]) .. ARGV[5]
opened_at = redis.call('HGET', moved, 'opened_at') or opened_at
redis.call('RENAME', session, moved)
redis.call('HSET', moved, 'session_id', ARGV[5], 'opened_at', opened_at)
redis.call('ZREM', index, session)
redis.call('ZADD', index, ends_at(), moved)
"""
# A stop that is cancelled while it is being counted is taken back, whether or not it had been counted.
_STOPPING = f"""{_SAME}
stopping = stopping + ARGV[4]
if repeated or stopping < 0 then return end
if stopping == 0 then stopped_at = 'inf' elseif (stopped_at or 'inf') == 'inf' then stopped_at = ARGV[5] end
redis.call('HSET', session, 'did', did, 'stopping', stopping, 'stopped_at', stopped_at)
redis.call('ZADD', index, ends_at(), session)
"""


class RedisBook:
    """Does in Redis what ``MemoryBook`` does in memory.

    If Redis can't be reached at the end of a call, this is logged, and doesn't fail the call.

    Args:
        store: The connection.
        principal: The caller whose sessions these are.
        agents: Finds the sessions' agents by name.
        now: A clock: Unix time, in seconds. The workers' clocks may differ by seconds.
    """

    def __init__(
        self, store: RedisStore, principal: Principal, agents: Agents, *, now: Callable[[], float] = time.time
    ) -> None:
        self._store = store
        self._agents = agents
        self._now = now
        self._of = principal

    async def used(self, session: Session) -> Session:
        """Count the call, and fill in what is known of the session."""
        agent, of = session.target.agent, self._of
        known = {"agent": agent.name, "arn": str(agent.arn), "session_id": session.session_id, "called": session.called}
        who = json.dumps([of.issuer, of.subject, of.client])
        fields = (part for pair in known.items() for part in pair)
        written = await self._run(_USED, session, self._now(), who, *fields, giving_back=OPENING)
        return _fill(session, _fields(written))

    async def ended(self, session: Session, *, opened: bool = True) -> bool:
        """Note the end of a call; return True if its session is being stopped, or is another one by now."""
        now = self._now()
        with noting(f"that a call in session {session.session_id} has ended"):
            if await self._run(_ENDED, session, now if opened else "", giving_back=""):
                return True
            session.used_at = now
        return False

    async def moved(self, session: Session, session_id: str) -> None:
        """Keep the session under its new id; if there is one of that id already, with the opening time of that one."""
        with noting(f"that session {session.session_id} is {session_id}"):
            await self._run(_MOVED, session, session.session_id, session_id)
        session.session_id = session_id

    async def claim(self, session: Session, pauses: Sequence[Pause]) -> bool:
        """Claim the pauses. The claim of a worker that dies lasts as long as an answer may take."""
        return bool(await self._run(_CLAIM, session, self._now(), _written(pauses)))

    async def left(self, session: Session, pauses: Sequence[Pause], kept: Mapping[str, Any]) -> None:
        """Write where the conversation was left, if that has changed."""
        if pauses or session.pauses or kept != session.kept:
            session.pauses, session.kept = pauses, dict(kept)
            with noting(f"where the conversation in session {session.session_id} was left"):
                await self._run(_LEFT, session, _written(pauses), json.dumps(session.kept))

    async def stopping(self, session: Session, change: int) -> None:
        """Count a stop that begins (1) or has failed (-1).

        Raises:
            StoreError: If the beginning of a stop can't be written: the session's calls could not say why they end.
        """
        with nullcontext() if change > 0 else noting(f"that session {session.session_id} was not stopped"):
            await self._run(_STOPPING, session, change, self._now())

    async def get(self, key: tuple[str, str]) -> Session | None:
        """Return the session."""
        async with self._store.reached() as redis:
            found = await redis.hgetall(session_key(self._of.key, key))
        sessions = await self._sessions([found])
        return sessions[0] if sessions else None

    async def all(self) -> list[Session]:
        """Return all sessions, in two round trips."""
        async with self._store.reached() as redis:
            keys = await redis.zrange(sessions_key(self._of.key), 0, -1)
            async with redis.pipeline(transaction=False) as pipeline:
                for key in keys:
                    pipeline.hgetall(key)
                found = await pipeline.execute()
        return sorted(await self._sessions(found), key=lambda one: one.used_at)

    async def _sessions(self, found: Sequence[dict[bytes, bytes]]) -> list[Session]:
        sessions = []
        for one in filter(None, found):
            with noting_odd("a session"):
                sessions.append(await self._session(one))
        return sessions

    async def _session(self, found: dict[bytes, bytes]) -> Session:
        fields = _fields(found)
        target = await self._agents.known(fields["agent"], fields["arn"])
        return _fill(Session(fields["session_id"], target, fields["called"]), fields)

    async def _run(self, script: str, session: Session, *args: Any, giving_back: str | None = None) -> Any:
        """Run one of the scripts, which gives back the call's slots whose names begin with ``giving_back``."""
        keys, slot = [session_key(self._of.key, session.key), sessions_key(self._of.key)], current_slot.get()
        args = (secrets.token_hex(8), session.generation, *args)
        if slot is None or giving_back is None:
            return await self._store.run(script, keys, "", *args)
        with slot.giving_back(giving_back) as slots:
            return await self._store.run(script, keys + slots, slot.holder, *args)


def _written(pauses: Sequence[Pause]) -> str:
    return json.dumps([asdict(pause) for pause in pauses])


def _fields(found: dict[bytes, bytes] | list[bytes]) -> dict[str, str]:
    """Decode a hash; a script returns it as a flat list."""
    pairs = found.items() if isinstance(found, dict) else zip(found[::2], found[1::2], strict=True)
    return {name.decode(): value.decode() for name, value in pairs}


def _fill(session: Session, fields: dict[str, str]) -> Session:
    """Fill in a session from the fields of its hash."""
    spans = [span.partition("-") for span in fields["earlier"].split()]
    session.opened_at = float(fields["opened_at"])
    session.used_at = float(fields["used_at"])
    session.calls = int(fields["calls"])
    session.generation = int(fields["generation"])
    session.stopping = int(fields.get("stopping", 0))
    session.stopped_at = float(fields.get("stopped_at", "inf"))
    session.pauses = tuple(Pause(**pause) for pause in json.loads(fields.get("pauses", "[]")))
    session.kept = json.loads(fields.get("kept", "{}"))
    session.earlier = tuple((float(begin), float(end)) for begin, _, end in spans)
    return session

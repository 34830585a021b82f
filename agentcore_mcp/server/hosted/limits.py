"""How much a principal may use: calls, sessions and their minutes, on all workers together.

A check of the gate: what it refuses reaches no agent. The way out stays open: stopping a session, reading output and
waiting on for a call are limited by the rate alone.
"""

from __future__ import annotations

import math
import time
from bisect import bisect_left
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any, NamedTuple

from starlette.responses import JSONResponse

from agentcore_mcp.errors import AgentCoreError, ConfigurationError, InvalidRequestError
from agentcore_mcp.server.arguments import given_text
from agentcore_mcp.server.hosted.slots import Slot, Slots, current_slot
from agentcore_mcp.server.hosted.store.connection import PREFIX

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from starlette.responses import Response

    from agentcore_mcp.config import Settings
    from agentcore_mcp.server.callers import Caller
    from agentcore_mcp.server.hosted.gate import Check, ToolCall
    from agentcore_mcp.server.hosted.store.connection import RedisStore
    from agentcore_mcp.server.sessions import Session

# When another call ends isn't known.
AGAIN_S = 5.0
_DAY_S = 86_400
# Of the codes that MCP leaves to implementations.
OVER_LIMIT = -32003


class OverLimitError(Exception):
    """A call is over a limit, which the text names, and it is worth trying again after so many seconds."""

    def __init__(self, text: str, after_s: float = AGAIN_S) -> None:
        super().__init__(text)
        self.after_s = max(1, math.ceil(after_s))


class Limits:
    """Checks calls against ``server.limits``.

    Args:
        settings: The settings that have them.
        store: What all workers share; None where there is one.
        now: A clock: Unix time, in seconds.
        minute_s: How long a minute of calls_per_minute is; for tests.

    Raises:
        ConfigurationError: If calls_per_minute is set, and the library ``limits`` isn't installed.

    Attributes:
        checks: What the gate has to ask, which is nothing where nothing is limited.
    """

    def __init__(
        self,
        settings: Settings,
        store: RedisStore | None = None,
        *,
        now: Callable[[], float] = time.time,
        minute_s: int = 60,
    ) -> None:
        self._limits = limits = settings.server.limits
        self._store = store
        self._now = now
        self._slots = Slots(store)
        self._of_sessions = bool(limits.sessions or limits.session_minutes)
        self._of_slots = bool(self._of_sessions or limits.concurrent_calls or limits.agent_concurrent_calls)
        self._rate: Any = None
        self._limiter: Any = None
        if limits.calls_per_minute:
            try:
                from limits import RateLimitItemPerSecond
            except ImportError:
                raise ConfigurationError(
                    "server.limits.calls_per_minute needs a library: pip install 'agentcore-mcp[limits]'"
                ) from None
            self._rate = RateLimitItemPerSecond(limits.calls_per_minute, minute_s, "calls")
        self.checks: list[Check] = [self.check] if self._of_slots or self._rate else []

    async def check(self, call: ToolCall) -> Response | None:
        """Return the answer to a call that is over a limit."""
        begins = call.tool in ("invoke_agent", "run_command") and not given_text(call.arguments, "handle")
        try:
            if self._of_slots and begins:
                await self._take(call)
            if self._rate is not None:
                await self._count(call.principal.key)
        except OverLimitError as error:
            text = f"{error}; try again in {error.after_s} s. Nothing was sent to an agent."
            return _refusal(call, 429, text, error.after_s)
        except InvalidRequestError:
            # The tool finds the same, says so and calls no agent.
            return None
        except AgentCoreError as error:
            return _refusal(call, 503, error.message, AGAIN_S)
        return None

    async def _count(self, key: str) -> None:
        async with nullcontext() if self._store is None else self._store.reached() as redis:
            if self._limiter is None:
                self._limiter = _limiter(redis)
            if await self._limiter.hit(self._rate, key):
                return
            reset_at = (await self._limiter.get_window_stats(self._rate, key)).reset_time
        text = f"you may make {self._rate.amount} calls a minute (calls_per_minute)"
        raise OverLimitError(text, reset_at - time.time())

    async def _take(self, call: ToolCall) -> None:
        """Take the slots that a call needs, until both its request and the call itself have ended."""
        limits, me = self._limits, call.principal.key
        needed: list[_Slot] = []
        if most := limits.concurrent_calls:
            text = f"{most} of your calls go on, and no more may (concurrent_calls): wait for one, or stop its session"
            needed.append(_Slot(f"calls:{me}", most, OverLimitError(f"{text} with stop_session")))
        session = None
        if (self._of_sessions or limits.agent_concurrent_calls) and (agents := await call.agents()):
            name = agents[0].name
            if most := limits.agent_concurrent_calls:
                text = f"{most} calls of the agent {name} go on, and no more may, of all callers together"
                needed.append(_Slot(f"agent:{name}", most, OverLimitError(f"{text} (agent_concurrent_calls)")))
            if self._of_sessions:
                target = await call.caller.target(name, "")
                session = await call.caller.session(target, given_text(call.arguments, "session_id"))
        while True:
            others = None if session is None else await self._others(call.caller, session)
            wanted = needed if others is None else [*needed, self._opening(others, f"opening:{me}")]
            full = await self._slots.take({slot.name: slot.limit for slot in wanted})
            if full is not None:
                raise next(slot.over for slot in wanted if slot.name == full)
            held = Slot(self._slots, [slot.name for slot in wanted], f"opening:{me}")
            if session is None or others is None or len(await self._others(call.caller, session) or ()) <= len(others):
                break
            # Another call has opened a session in between, on whatever worker: count anew.
            held.leave()
        call.until_answered.callback(held.leave)
        current_slot.set(held)

    async def _others(self, caller: Caller, session: Session) -> list[Session] | None:
        """Return the open sessions, if a call opens another that has to be counted.

        Raises:
            OverLimitError: If they were open for as long as they may.
        """
        minutes, now, book = self._limits.session_minutes, self._now(), caller.ledger.book
        if session.called and not minutes:
            # Mostly a call goes on in a session, and then there is no need to read all.
            known = await book.get(session.key)
            if known is not None and not known.stopping and known.ends_at > now:
                return None
        known_ones = await book.all()
        if minutes and _open_s(known_ones, now) >= minutes * 60:
            # Those that are open go on counting until they end.
            after_s = 1 + bisect_left(
                range(1, _DAY_S), True, key=lambda later_s: _open_s(known_ones, now + later_s) < minutes * 60
            )
            raise OverLimitError(
                f"your sessions were open for {minutes} minutes in the last 24 hours, and may be no longer "
                "(session_minutes): stop those that you don't need with stop_session",
                after_s,
            )
        opened = [one for one in known_ones if not one.stopping and one.ends_at > now]
        return None if not self._limits.sessions or any(_same(one, session) for one in opened) else opened

    def _opening(self, others: Sequence[Session], name: str) -> _Slot:
        """Return the slot of a session that is about to be opened; those that are open have theirs."""
        most = self._limits.sessions or 0
        ends_at = min((one.ends_at for one in others), default=0.0)
        text = (
            f"{most} of your sessions are open, and no more may be (sessions): go on in one by its session_id, or stop"
        )
        after_s = ends_at - self._now() if len(others) >= most else AGAIN_S
        return _Slot(name, most - len(others), OverLimitError(f"{text} a session with stop_session", after_s))


class _Slot(NamedTuple):
    """What a call needs one of: its name, how many there are, and what to say where none is left."""

    name: str
    limit: int
    over: OverLimitError


def _limiter(redis: Any) -> Any:
    """Return what counts calls, in Redis if there is a client of one.

    A sliding counter takes two numbers of each principal. The library's moving window takes the time of each call, and
    in memory a hop to a thread for each principal whenever it tidies up.
    """
    from limits.aio.storage import MemoryStorage, RedisStorage
    from limits.aio.strategies import SlidingWindowCounterRateLimiter

    if redis is None:
        return SlidingWindowCounterRateLimiter(MemoryStorage())
    pool, prefix = redis.connection_pool, f"{PREFIX}:rate"
    storage = RedisStorage("redis://", implementation="redispy", key_prefix=prefix, connection_pool=pool)
    return SlidingWindowCounterRateLimiter(storage)


def _open_s(sessions: Sequence[Session], at: float) -> float:
    """Return for how many seconds sessions were open in the 24 hours before a time, all together."""
    spans = [span for session in sessions for span in session.spans]
    return sum(max(0.0, min(end, at) - max(begin, at - _DAY_S)) for begin, end in spans)


def _same(known: Session, session: Session) -> bool:
    """Tell whether a call means a session: by its id, or by what it was called when another id answered."""
    return known.key == session.key or (known.agent == session.agent and known.called == session.called != "")


def _refusal(call: ToolCall, status: int, text: str, after_s: float) -> JSONResponse:
    """Return an answer that an MCP client shows as the error of the call."""
    error = {"code": OVER_LIMIT, "message": text}
    answer = {"jsonrpc": "2.0", "id": call.request_id, "error": error}
    return JSONResponse(answer, status, {"Retry-After": f"{after_s:.0f}"})

"""How much a principal may use: calls, sessions and their minutes, on all workers together.

A check of the gate: a refused call reaches no agent. A caller over a limit can get below it again: stopping a session,
reading output and waiting for a running call are subject to the rate limit alone.
"""

from __future__ import annotations

import math
import time
from bisect import bisect_left
from contextlib import nullcontext, suppress
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from agentcore_mcp.errors import AgentCoreError, ConfigurationError, InvalidRequestError
from agentcore_mcp.server.arguments import given_text
from agentcore_mcp.server.book import MemoryBook
from agentcore_mcp.server.hosted.gate import AGAIN_S
from agentcore_mcp.server.hosted.slots import Slot, Slots, current_slot
from agentcore_mcp.server.hosted.store.keys import OPENING, PREFIX, session_key

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from limits import RateLimitItem
    from starlette.responses import Response

    from agentcore_mcp.config import Settings
    from agentcore_mcp.server.callers import Caller
    from agentcore_mcp.server.hosted.gate import Check, ToolCall
    from agentcore_mcp.server.hosted.store.connection import RedisStore
    from agentcore_mcp.server.sessions import Session

_DAY_S = 86_400
# How often the sessions of a caller are read to add up their minutes.
_LOOK_S = 5.0
# Prefixes of slot names, besides ``OPENING``.
_CALLS = "calls:"
_OF_AGENT = "agent:"


class OverLimitError(Exception):
    """A call is over a limit, which the text names; ``after_s`` says after how many seconds to try again."""

    def __init__(self, text: str, after_s: float = AGAIN_S) -> None:
        super().__init__(text)
        self.after_s = max(1, math.ceil(after_s))


class Limits:
    """Checks calls against ``server.limits``.

    Args:
        settings: The settings, with the limits.
        store: The store that all workers share; None with a single worker.
        now: A clock: Unix time, in seconds.
        minute_s: How long the minute of calls_per_minute is; for tests.

    Raises:
        ConfigurationError: If calls_per_minute is set, and the library ``limits`` isn't installed.

    Attributes:
        checks: The checks for the gate; empty if nothing is limited.
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
        self._rate = _rate(limits.calls_per_minute, minute_s) if limits.calls_per_minute else None
        self._limiter: Any = None
        # By caller: until when the minutes of its sessions need not be added up again.
        self._enough_until: WeakKeyDictionary[Caller, float] = WeakKeyDictionary()
        self.checks: list[Check] = [self.check] if self._of_slots or self._rate else []

    async def check(self, call: ToolCall) -> Response | None:
        """Return the refusal of a call that is over a limit, or whose usage can't be counted."""
        begins = call.tool in ("invoke_agent", "run_command", "decide_command") and not given_text(
            call.arguments, "handle"
        )
        try:
            if self._of_slots and begins:
                await self._take(call)
            # The live view polls with ``watch_call`` several times a second, and no poll reaches an agent.
            if self._rate is not None and call.tool != "watch_call":
                await self._count(self._rate, call.principal.key)
        except OverLimitError as error:
            text = f"{error}; try again in {error.after_s} s. Nothing was sent to an agent."
            return call.refusal(429, text, error.after_s)
        except AgentCoreError as error:
            return call.refusal(503, error.message)
        return None

    async def _count(self, rate: RateLimitItem, key: str) -> None:
        async with nullcontext() if self._store is None else self._store.reached() as redis:
            self._limiter = self._limiter or _limiter(redis)
            if await self._limiter.hit(rate, key):
                return
            reset_at = (await self._limiter.get_window_stats(rate, key)).reset_time
        raise OverLimitError(f"you may make {rate.amount} calls a minute (calls_per_minute)", reset_at - time.time())

    async def _take(self, call: ToolCall) -> None:
        """Take the slots that a call needs, until both its request and the call itself have ended."""
        limits, me, session = self._limits, call.principal.key, None
        needs: dict[str, int] = {}
        if limits.concurrent_calls:
            needs[f"{_CALLS}{me}"] = limits.concurrent_calls
        if (self._of_sessions or limits.agent_concurrent_calls) and (agents := await call.agents()):
            name = agents[0].name
            if limits.agent_concurrent_calls:
                needs[f"{_OF_AGENT}{name}"] = limits.agent_concurrent_calls
            if self._of_sessions:
                # If the agent or session can't be used, the tool finds that out too, and calls no agent.
                with suppress(InvalidRequestError):
                    target = await call.caller.target(name, "")
                    session = await call.caller.session(target, given_text(call.arguments, "session_id"))
        if session is not None and limits.session_minutes:
            await self._check_minutes(call.caller, limits.session_minutes)
        held = Slot(self._slots)
        call.until_answered.callback(held.leave)
        current_slot.set(held)
        opening, key = f"{OPENING}{me}", ""
        if session is not None and limits.sessions:
            book, key = call.caller.ledger.book, session_key(me, session.key)
            opened = book.opened(session, limits.sessions) if isinstance(book, MemoryBook) else 0
            if opened is not None:
                needs[opening] = limits.sessions - opened
        others: list[Session] = []
        full = await held.take(needs, key)
        if full == opening and session is not None:
            others = [one for one in await call.caller.ledger.book.all() if one.is_open(self._now())]
            # The session is open already, under an id that the service has given it.
            if session.called and (session.agent, session.called) in [(one.agent, one.called) for one in others]:
                del needs[opening]
                full = await held.take(needs)
        if full:
            raise self._over(full, others)

    async def _check_minutes(self, caller: Caller, minutes: int) -> None:
        """Raise OverLimitError if a caller's sessions have used up their minutes."""
        now = self._now()
        if now < self._enough_until.get(caller, 0):
            return
        sessions = await caller.ledger.book.all()
        if (left_s := minutes * 60 - _open_s(sessions, now)) > 0:
            opened = 1 + sum(one.is_open(now) for one in sessions)
            self._enough_until[caller] = now + min(_LOOK_S, left_s / opened)
            return
        # Open sessions go on counting until they end.
        later = range(1, _DAY_S)
        free = bisect_left(later, True, key=lambda later_s: _open_s(sessions, now + later_s) < minutes * 60)
        text = f"your sessions were open for {minutes} minutes in 24 hours, and may be no longer (session_minutes)"
        raise OverLimitError(f"{text}: stop those that you don't need with stop_session", 1 + free)

    def _over(self, name: str, others: Sequence[Session]) -> OverLimitError:
        """Return the error for a name without a free slot; ``others`` are the caller's open sessions, if known."""
        limits = self._limits
        if name.startswith(_CALLS):
            text = (
                f"{limits.concurrent_calls} of your calls go on, and no more may (concurrent_calls): wait for one, or"
            )
            return OverLimitError(f"{text} stop its session with stop_session")
        if name.startswith(_OF_AGENT):
            text = (
                f"{limits.agent_concurrent_calls} calls of the agent {name.removeprefix(_OF_AGENT)} go on, and no more"
            )
            return OverLimitError(f"{text} may, of all callers together (agent_concurrent_calls)")
        text = f"{limits.sessions} of your sessions are open, and no more may be (sessions): go on in one by its"
        full = len(others) >= (limits.sessions or 0)
        after_s = min(one.ends_at for one in others) - self._now() if full else AGAIN_S
        return OverLimitError(f"{text} session_id, or stop a session with stop_session", after_s)


def _open_s(sessions: Sequence[Session], at: float) -> float:
    """Return for how many seconds sessions were open in the 24 hours before a time, all together."""
    spans = [span for session in sessions for span in session.spans]
    return sum(max(0.0, min(end, at) - max(begin, at - _DAY_S)) for begin, end in spans)


def _rate(calls: int, seconds: int) -> RateLimitItem:
    try:
        from limits import RateLimitItemPerSecond
    except ImportError:
        extra = "pip install 'agentcore-mcp[limits]'"
        raise ConfigurationError(f"server.limits.calls_per_minute needs a library: {extra}") from None
    return RateLimitItemPerSecond(calls, seconds, "calls")


def _limiter(redis: Any) -> Any:
    """Return the rate limiter, which counts in Redis if there is a client for it.

    A sliding window counter is two numbers. The library's moving window is a list of times, tidied up in a thread.
    """
    from limits.aio.storage import MemoryStorage, RedisStorage
    from limits.aio.strategies import SlidingWindowCounterRateLimiter

    if redis is None:
        return SlidingWindowCounterRateLimiter(MemoryStorage())
    pool, prefix = redis.connection_pool, f"{PREFIX}:rate"
    storage = RedisStorage("redis://", implementation="redispy", key_prefix=prefix, connection_pool=pool)
    return SlidingWindowCounterRateLimiter(storage)

"""Calls in progress: the server reads an agent or a command independently of the request that started the call.

A request starts a call and attends to it. If the host can't wait any longer, it returns what there is with a handle,
the reading goes on, and a later request attends to the same call again. Everything is bounded: how many calls go on
unattended, for how long, how much of them is kept, and how many finished ones wait to be collected.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from contextlib import nullcontext
from contextvars import Context
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import anyio

from agentcore_mcp.errors import InvalidRequestError, ResponseTimeoutError, StreamInterruptedError
from agentcore_mcp.server.call import Call, Phase, waited_for
from agentcore_mcp.server.hosted.principals import forget_caller
from agentcore_mcp.server.hosted.shells import ASKED_AGAIN_S
from agentcore_mcp.server.hosted.slots import current_slot
from agentcore_mcp.server.progress import Progress
from agentcore_mcp.wire.limits import STREAM_MAX_S

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from agentcore_mcp.server.hosted.store.calls import SharedCalls
    from agentcore_mcp.server.progress import Report

# The service ends a stream then, so nothing comes later.
UNATTENDED_MAX_S = STREAM_MAX_S
UNATTENDED_MAX_CALLS = 16
# How soon a call that would be one too many looks again whether it may be left.
LEAVE_AGAIN_S = 1.0
# Ended calls whose output can still be read: not collected, or omitted from the result.
KEPT_MAX_CALLS = 32
# Handles of calls of which nothing is left that can still be explained.
_GONE_MAX_CALLS = 256


@dataclass(slots=True)
class End:
    """Whether a server is about to end.

    Attributes:
        begun: What is cancelled from now on is cancelled by that and not by a caller, and no call begins any more.
    """

    begun: bool = False


class Calls:
    """The calls of one caller of a server.

    Args:
        end: Whether the server is about to end, which the calls of its other callers share.
        shared: Where workers share those that are handed over or kept; without it, they are in this process alone.
    """

    def __init__(self, end: End | None = None, shared: SharedCalls | None = None) -> None:
        self._end = End() if end is None else end
        self._shared = shared
        # Those that entered their phase last are last. With a store, one may be read and followed in one worker.
        self._calls: OrderedDict[Call, None] = OrderedDict()
        # What has become of those that are gone, by handle.
        self._gone: OrderedDict[str, str] = OrderedDict()

    @property
    def ending(self) -> bool:
        """Whether the server is about to end."""
        return self._end.begun

    @property
    def in_use(self) -> bool:
        """Whether a call is in progress or to be collected, or its texts may be read."""
        return bool(self._calls)

    @property
    def running(self) -> dict[Call, asyncio.Task[None]]:
        """The calls that go on, here or, as those that are followed, in another worker; and what carries each out."""
        return {call: call.task for call in self._calls if call.task is not None and not call.task.done()}

    async def end(self) -> list[asyncio.Task[None]]:
        """End what still runs, so that the requests that attend can say so in time; return what is about to end."""
        self._end.begun = True
        # A task that is cancelled before its first step never tells that it has ended.
        await asyncio.sleep(0)
        tasks = list(self.running.values())
        for task in tasks:
            task.cancel()
        return tasks if self._shared is None else [*tasks, *self._shared.tasks]

    def start(self, call: Call, work: Callable[[], Awaitable[None]]) -> None:
        """Begin a call; what its work raises is kept for the request that attends to it.

        Raises:
            InvalidRequestError: If the server is ending.
        """
        if self.ending:
            raise InvalidRequestError("the server is ending, and sent nothing; call again once it is back")
        self._calls[call] = None
        # Not in a task group: what anyio holds of each task is as much as the rest of a call that waits.
        call.task = asyncio.create_task(self._carry_out(call, work))
        # One that is followed here has the slot of the request that it began with.
        if call.stored is None and (slot := current_slot.get()) is not None:
            slot.begin(call.task)

    async def attend(self, call: Call, report: Report, *, first: str, handoff_after_s: float | None) -> bool:
        """Wait for a call with its progress told; return whether it has finished.

        If the waiting is cancelled, so is the call. If it takes longer than ``handoff_after_s``, it goes on unattended,
        unless as many as may do so already.

        Raises:
            Exception: What the call failed with.
        """
        if call.stored is not None:
            call.finished = False
            self.start(call, partial(call.stored.run, call))
        progress = Progress(report, first=first, waiting_for=call.waiting_for)
        call.attend(progress)
        wait_s, said_why = ASKED_AGAIN_S if call.shell and call.shell.asks else handoff_after_s, False
        try:
            while True:
                # Without a scope where it takes as long as it takes: it is a good part of what a call that waits holds.
                with nullcontext() if wait_s is None else anyio.move_on_after(wait_s):
                    await progress.run()
                if call.finished:
                    break
                going_on = sum(other.phase is Phase.UNATTENDED for other in self._calls)
                if going_on < UNATTENDED_MAX_CALLS or call.stored is not None or call.question is not None:
                    # Not in the request's context, which has its token.
                    end = asyncio.get_running_loop().call_later(UNATTENDED_MAX_S, call.cancel, context=Context())
                    call.hand_off(end)
                    return False
                if not said_why:
                    call.note(f"[{going_on} other calls go on unattended already, so this request waits to the end]\n")
                wait_s, said_why = LEAVE_AGAIN_S, True
        except BaseException:
            if call.stored is not None and not self.ending:
                call.stored.cancelled = True
            call.cancel()
            if call.task is not None:
                # Not before: until then it may still write.
                call.task.add_done_callback(lambda _: self._let_go(call, "was cancelled with its request"))
            raise
        finally:
            call.progress = None
        if call.failure is not None:
            raise call.failure
        return True

    async def leave(self, call: Call) -> None:
        """Let a later request have the rest of a call that was handed over, now that a result shows what there was."""
        for output in call.outputs.values():
            output.begin_next()
        if self._shared is not None:
            if call.stored is not None:
                del self._calls[call]
            await self._shared.leave(call, partial(self._let_go, call, "is in the store"))

    async def read(self, call: Call, name: str, offset: int, max_chars: int) -> tuple[str, int]:
        """Return a part of a text, as ``Spool.read`` does.

        Raises:
            AgentCoreError: If it can't be read.
        """
        if self._shared is None:
            return call.spools[name].read(offset, max_chars)
        return await self._shared.read(call, name, offset, max_chars)

    async def _carry_out(self, call: Call, work: Callable[[], Awaitable[None]]) -> None:
        try:
            await work()
        except asyncio.CancelledError:
            call.failure = (
                StreamInterruptedError("the server is ending, and ended the call")
                if self.ending
                else call.failure
                or ResponseTimeoutError(
                    f"the call went on for {UNATTENDED_MAX_S:g} s without being collected, and was ended"
                )
            )
        except Exception as error:  # noqa: BLE001 - raised again where the call is attended to
            call.failure = error
        forget_caller()
        call.finish()
        if call.phase is Phase.UNCOLLECTED and self._shared is None:
            self._make_room(call, f"ended and was not collected; the server keeps the last {KEPT_MAX_CALLS} such calls")

    async def settle(self, call: Call) -> None:
        """Keep a finished call's texts, if its results left something out; the oldest kept ones have to go."""
        how = "was collected to its end" if call.failure is None else "ended with an error, which was returned"
        why = "" if call.ever_omitted_chars else f"{how}, and its results were complete"
        if why:
            self._let_go(call, why)
        else:
            call.keep()
        if self._shared is not None:
            await self._shared.settle(call, why, partial(call.let_go, "is in the store"))
            self._calls.pop(call, None)
        elif not why:
            self._make_room(call, f"has ended; the server keeps omitted text of the last {KEPT_MAX_CALLS} calls only")

    def _let_go(self, call: Call, why: str) -> None:
        call.let_go(why)
        self._calls.pop(call, None)
        self._gone[call.handle] = why
        if len(self._gone) > _GONE_MAX_CALLS:
            self._gone.popitem(last=False)

    def _make_room(self, call: Call, why: str) -> None:
        """Note that a call is the last to have entered its phase; the oldest in it have to go."""
        self._calls[call] = None
        self._calls.move_to_end(call)
        for oldest in [other for other in self._calls if other.phase is call.phase][:-KEPT_MAX_CALLS]:
            self._let_go(oldest, why)

    async def named(self, handle: str) -> Call:
        """Return a call by its handle.

        Raises:
            InvalidRequestError: If there is no such call, or nothing of it is left.
        """
        if self._shared is None:
            call, why = next((one for one in self._calls if one.handle == handle), None), self._gone.get(handle)
        else:
            call = await self._shared.named(handle)
            why = call.gone if call is not None else ""
        if why:
            raise InvalidRequestError(f"the call {handle!r} {why}")
        if call is None:
            raise InvalidRequestError(
                f"no call has the handle {handle[:40]!r}; pass one as a result gave it since this server was started"
            )
        return call

    async def collectable(self, handle: str, tool: str) -> Call:
        """Return a call that no request attends to and whose end is still to be told.

        Raises:
            InvalidRequestError: If it isn't one, or of another tool.
        """
        call = await self.named(handle)
        if call.tool != tool:
            raise InvalidRequestError(f"the handle {handle!r} is of a call of {call.tool}; pass it there")
        if call.phase is Phase.KEPT:
            raise InvalidRequestError(f"the call {handle!r} has ended; read its output with read_output")
        if call.phase not in (Phase.UNATTENDED, Phase.UNCOLLECTED):
            raise waited_for(handle)
        return call

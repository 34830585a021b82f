"""Calls in progress: the server reads an agent or a command independently of the request that started the call.

A request starts a call and attends to it. If the host can't wait any longer, the request returns the output so far
with a handle, the reading goes on, and a later request attends to the same call again. Everything is bounded: how many
calls go on unattended, for how long, how much of them is kept, and how many finished ones wait to be collected.
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

# The service ends a stream after this time.
UNATTENDED_MAX_S = STREAM_MAX_S
UNATTENDED_MAX_CALLS = 16
# How often a request at the limit of unattended calls checks again whether it may leave its call.
LEAVE_AGAIN_S = 1.0
# Ended calls whose output can still be read: not collected, or omitted from the result.
KEPT_MAX_CALLS = 32
# How many deleted calls are remembered, to explain what became of them.
_GONE_MAX_CALLS = 256


@dataclass(slots=True)
class End:
    """Whether a server is about to end.

    Attributes:
        begun: If set, cancellations come from the shutdown and not from a caller, and no new call begins.
    """

    begun: bool = False


class Calls:
    """The calls of one caller of a server.

    Args:
        end: Whether the server is about to end; shared with the calls of its other callers.
        shared: Where workers share calls that are handed over or kept; without it, calls stay in this process.
    """

    def __init__(self, end: End | None = None, shared: SharedCalls | None = None) -> None:
        self._end = End() if end is None else end
        self._shared = shared
        # In the order in which they entered their phase. With a store, one worker may both read and follow a call.
        self._calls: OrderedDict[Call, None] = OrderedDict()
        # What became of deleted calls, by handle.
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
        """The running calls and their tasks, including calls that run in another worker and are followed here."""
        return {call: call.task for call in self._calls if call.task is not None and not call.task.done()}

    async def end(self) -> list[asyncio.Task[None]]:
        """Cancel the running calls, so that their requests can still respond; return the tasks that are ending."""
        self._end.begun = True
        # A task that is cancelled before its first step never reports its end.
        await asyncio.sleep(0)
        tasks = list(self.running.values())
        for task in tasks:
            task.cancel()
        return tasks if self._shared is None else [*tasks, *self._shared.tasks]

    def start(self, call: Call, work: Callable[[], Awaitable[None]]) -> None:
        """Begin a call; an exception of ``work`` is kept for the request that attends to it.

        Raises:
            InvalidRequestError: If the server is ending.
        """
        if self.ending:
            raise InvalidRequestError("the server is ending, and sent nothing; call again once it is back")
        self._calls[call] = None
        # Not in a task group: anyio's state per task takes as much memory as the rest of a waiting call.
        call.task = asyncio.create_task(self._carry_out(call, work))
        # A call that is followed here keeps the slot of the request that began it.
        if call.stored is None and (slot := current_slot.get()) is not None:
            slot.begin(call.task)

    async def attend(self, call: Call, report: Report, *, first: str, handoff_after_s: float | None) -> bool:
        """Wait for a call and report its progress; return whether it has finished.

        If the wait is cancelled, so is the call. A call that takes longer than ``handoff_after_s`` goes on unattended,
        unless the limit of unattended calls is reached.

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
                # No scope without a timeout: it would take a good part of the memory of a waiting call.
                with nullcontext() if wait_s is None else anyio.move_on_after(wait_s):
                    await progress.run()
                if call.finished:
                    break
                going_on = sum(other.phase is Phase.UNATTENDED for other in self._calls)
                if going_on < UNATTENDED_MAX_CALLS or call.stored is not None or call.question is not None:
                    # Not in the request's context, which holds the caller's token.
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
                # Not before the task has ended: until then it may still write.
                call.task.add_done_callback(lambda _: self._let_go(call, "was cancelled with its request"))
            raise
        finally:
            call.progress = None
        if call.failure is not None:
            raise call.failure
        return True

    async def leave(self, call: Call) -> None:
        """Leave the rest of a call that was handed over to a later request; a result shows the output so far."""
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
        """Keep a finished call's texts if its results left any text out; the oldest kept calls are deleted."""
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
        """Record that a call has just entered its phase; delete the oldest calls beyond that phase's limit."""
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
        """Return a call that no request attends to and whose end has not been reported.

        Raises:
            InvalidRequestError: If the handle is not of such a call, or is of another tool's.
        """
        call = await self.named(handle)
        if call.tool != tool:
            raise InvalidRequestError(f"the handle {handle!r} is of a call of {call.tool}; pass it there")
        if call.phase is Phase.KEPT:
            raise InvalidRequestError(f"the call {handle!r} has ended; read its output with read_output")
        if call.phase not in (Phase.UNATTENDED, Phase.UNCOLLECTED):
            raise waited_for(handle)
        return call

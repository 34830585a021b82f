"""Calls in progress: the server reads an agent or a command independently of the request that started the call.

A request starts a call and attends to it. If the host can't wait any longer, it returns what there is with a handle,
the reading goes on, and a later request attends to the same call again. Everything is bounded: how many calls go on
unattended, for how long, how much of them is kept, and how many finished ones wait to be collected.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING

import anyio

from agentcore_mcp.errors import InvalidRequestError, ResponseTimeoutError, StreamInterruptedError
from agentcore_mcp.server.call import Call, Phase
from agentcore_mcp.server.hosted.slots import current_slot
from agentcore_mcp.server.hosted.tracing import span
from agentcore_mcp.server.progress import Progress
from agentcore_mcp.wire.limits import STREAM_MAX_S

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from agentcore_mcp.server.progress import Report

# The service ends a stream then, so nothing comes later.
UNATTENDED_MAX_S = STREAM_MAX_S
UNATTENDED_MAX_CALLS = 16
# How soon a call that would be one too many looks again whether it may be left.
LEAVE_AGAIN_S = 1.0
# Ended calls whose output can still be read: not collected, or omitted from the result.
KEPT_MAX_CALLS = 32
# Expired handles that can still be explained.
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
        limit_s: After how many seconds a call is ended.
    """

    def __init__(self, end: End | None = None, *, limit_s: float | None = None) -> None:
        self._limit_s = limit_s
        self._end = End() if end is None else end
        # Those that entered their phase last are last.
        self._calls: OrderedDict[str, Call] = OrderedDict()

    @property
    def ending(self) -> bool:
        """Whether the server is about to end."""
        return self._end.begun

    @property
    def in_use(self) -> bool:
        """Whether a call is in progress or to be collected, or its texts may be read."""
        return any(call.phase is not Phase.GONE for call in self._calls.values())

    @property
    def running(self) -> list[asyncio.Task[None]]:
        """What carries out the calls that go on."""
        return [call.task for call in self._calls.values() if call.task is not None and not call.task.done()]

    async def end(self) -> list[asyncio.Task[None]]:
        """End what still runs, so that the requests that attend can say so in time; return what is about to end."""
        self._end.begun = True
        # A task that is cancelled before its first step never tells that it has ended.
        await asyncio.sleep(0)
        tasks = self.running
        for task in tasks:
            task.cancel()
        return tasks

    def start(self, call: Call, work: Callable[[], Awaitable[None]]) -> None:
        """Begin a call; what its work raises is kept for the request that attends to it.

        Raises:
            InvalidRequestError: If the server is ending.
        """
        if self.ending:
            raise InvalidRequestError("the server is ending, and sent nothing; call again once it is back")
        self._calls[call.handle] = call
        # Not in a task group: what anyio holds of each task is as much as the rest of a call that waits.
        call.task = asyncio.create_task(self._carry_out(call, work))
        if (slot := current_slot.get()) is not None:
            slot.begin(call.task)

    async def attend(self, call: Call, report: Report, *, first: str, handoff_after_s: float | None) -> bool:
        """Wait for a call with its progress told; return whether it has finished.

        If the waiting is cancelled, so is the call. If it takes longer than ``handoff_after_s``, it goes on unattended,
        unless as many as may do so already.

        Raises:
            Exception: What the call failed with.
        """
        progress = Progress(report, first=first, waiting_for=call.waiting_for)
        call.attend(progress)
        wait_s, said_why = handoff_after_s, False
        try:
            while True:
                # Without a scope where it takes as long as it takes: it is a good part of what a call that waits holds.
                with nullcontext() if wait_s is None else anyio.move_on_after(wait_s):
                    await progress.run()
                if call.finished:
                    break
                going_on = sum(other.phase is Phase.UNATTENDED for other in self._calls.values())
                if going_on < UNATTENDED_MAX_CALLS:
                    call.hand_off(asyncio.get_running_loop().call_later(UNATTENDED_MAX_S, call.cancel))
                    return False
                if not said_why:
                    call.note(f"[{going_on} other calls go on unattended already, so this request waits to the end]\n")
                wait_s, said_why = LEAVE_AGAIN_S, True
        except BaseException:
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

    async def _carry_out(self, call: Call, work: Callable[[], Awaitable[None]]) -> None:
        limit = asyncio.timeout(self._limit_s)
        try:
            async with limit:
                with span(call.tool, call.session.agent, call.session.session_id):
                    await work()
        except asyncio.CancelledError:
            call.failure = (
                StreamInterruptedError("the server is ending, and ended the call")
                if self.ending
                else ResponseTimeoutError(
                    f"the call went on for {UNATTENDED_MAX_S:g} s without being collected, and was ended"
                )
            )
        except Exception as error:  # noqa: BLE001 - raised again where the call is attended to
            ended = f"the call took {self._limit_s} s, this server's limit (server.limits.call_s), and was ended here"
            call.failure = ResponseTimeoutError(ended) if limit.expired() else error
        call.finish()
        if call.phase is Phase.UNCOLLECTED:
            self._make_room(call, f"ended and was not collected; the server keeps the last {KEPT_MAX_CALLS} such calls")

    async def settle(self, call: Call) -> None:
        """Keep a finished call's texts, if its results left something out; the oldest kept ones have to go."""
        if not call.ever_omitted_chars:
            how = "was collected to its end" if call.failure is None else "ended with an error, which was returned"
            self._let_go(call, f"{how}, and its results were complete")
            return
        call.keep()
        self._make_room(call, f"has ended; the server keeps omitted text of the last {KEPT_MAX_CALLS} calls only")

    def _let_go(self, call: Call, why: str) -> None:
        call.let_go(why)
        for gone in self._entered(call)[:-_GONE_MAX_CALLS]:
            del self._calls[gone.handle]

    def _make_room(self, call: Call, why: str) -> None:
        for oldest in self._entered(call)[:-KEPT_MAX_CALLS]:
            self._let_go(oldest, why)

    def _entered(self, call: Call) -> list[Call]:
        """Note that a call is the last to have entered its phase, and return all that are in it."""
        self._calls[call.handle] = call
        self._calls.move_to_end(call.handle)
        return [other for other in self._calls.values() if other.phase is call.phase]

    async def named(self, handle: str) -> Call:
        """Return a call by its handle.

        Raises:
            InvalidRequestError: If there is no such call, or nothing of it is left.
        """
        call = self._calls.get(handle)
        if call is None:
            raise InvalidRequestError(
                f"no call has the handle {handle[:40]!r}; pass one as a result gave it since this server was started"
            )
        if call.phase is Phase.GONE:
            raise InvalidRequestError(f"the call {handle!r} {call.gone}")
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
            raise InvalidRequestError(
                f"the call {handle!r} is being waited for by another request, which gets the rest"
            )
        return call

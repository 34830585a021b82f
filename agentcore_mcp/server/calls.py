"""Calls in progress: reading an agent or a command goes on in the server, whoever is waiting for it.

A handler starts a call and attends to it. If the host can't wait any longer, the handler returns what there is with a
handle, the reading goes on, and a later request attends to the same call again. Everything is bounded: how many calls
go on unattended, for how long, how much of them is kept, and how many finished ones wait to be collected.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from typing import TYPE_CHECKING

import anyio

from agentcore_mcp.errors import InvalidRequestError, ResponseTimeoutError, ServerEndingError
from agentcore_mcp.server.call import Call, discard
from agentcore_mcp.server.progress import Progress

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

    from agentcore_mcp.server.progress import Report

# The service ends a stream after 60 minutes; nothing comes later.
UNATTENDED_MAX_S = 3600.0
UNATTENDED_MAX_CALLS = 16
# How soon a call that would be one too many looks again whether it may be left.
LEAVE_AGAIN_S = 1.0
# Calls whose output somebody may still want: the result said that there is more of it.
KEPT_MAX_CALLS = 32
# Handles of which it is still known why they are of no use any more.
_GONE_MAX = 256


class Calls:
    """The calls of one server. Use as an async context manager; leaving it ends what still runs."""

    def __init__(self) -> None:
        self._unattended: dict[str, Call] = {}
        # Those about to be: they count too, since many may be left at once.
        self._leaving: set[Call] = set()
        self._attended: dict[str, Call] = {}
        self._kept: OrderedDict[str, Call] = OrderedDict()
        self._gone: OrderedDict[str, str] = OrderedDict()
        # Not in a task group: what anyio holds of each task is as much as the rest of a call that waits.
        self._tasks: set[asyncio.Task[None]] = set()
        self._ending = False
        # What is cancelled from then on is cancelled by the end of the server, and by nobody who waits for it.
        self.end_is_near = False

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Let calls run inside the block."""
        try:
            yield
        finally:
            with anyio.CancelScope(shield=True):
                await self.end()
                await asyncio.gather(*self._tasks, return_exceptions=True)

    async def end(self) -> None:
        """End what still runs, so that whoever attends to it can say so in time, and begin nothing any more."""
        self._ending = self.end_is_near = True
        # A task that is cancelled before its first step never tells that it has ended.
        await asyncio.sleep(0)
        for task in self._tasks:
            task.cancel()

    def start(self, call: Call, work: Callable[[], Awaitable[None]]) -> None:
        """Begin a call; what its work raises is kept for whoever attends to it.

        Raises:
            InvalidRequestError: If the server is ending.
        """
        if self._ending:
            raise InvalidRequestError("the server is ending, and sent nothing; call again once it is back")
        call.task = asyncio.create_task(self._carry_out(call, work))
        self._tasks.add(call.task)
        call.task.add_done_callback(self._tasks.discard)

    async def attend(self, call: Call, report: Report, *, first: str, handoff_after_s: float | None) -> bool:
        """Wait for a call with its progress told; return whether it has finished.

        If the waiting is cancelled, so is the call. If it takes longer than ``handoff_after_s``, it goes on unattended,
        unless as many as may do so already.

        Raises:
            Exception: What the call failed with.
        """
        self._unattended.pop(call.handle, None)
        self._attended[call.handle] = call
        call.forget_deadline()
        call.progress = Progress(report, first=first, waiting_for=call.waiting_for)
        if call.finished:
            call.progress.close()
        try:
            with self._left_after(handoff_after_s, call):
                await call.progress.run()
        except BaseException:
            call.cancel()
            if call.task is not None:
                # Not before: until then it may still write.
                call.task.add_done_callback(lambda _: self._let_go(call, "was cancelled while it was waited for"))
            raise
        finally:
            call.progress = None
            del self._attended[call.handle]
        if not call.finished:
            self._forget_uncollected()
            call.deadline = asyncio.get_running_loop().call_later(UNATTENDED_MAX_S, call.cancel)
            self._unattended[call.handle] = call
            return False
        if call.failure is not None:
            raise call.failure
        return True

    @contextmanager
    def _left_after(self, handoff_after_s: float | None, call: Call) -> Iterator[None]:
        """Leave the block after some time, as soon as there is room for the call among those that nobody attends to."""
        if handoff_after_s is None:
            # Without a scope: of a call that waits, it would be a good part of what is held.
            yield
            return
        scope = anyio.CancelScope()
        loop = asyncio.get_running_loop()
        timer: asyncio.TimerHandle

        def leave(*, again: bool = False) -> None:
            nonlocal timer
            going_on = sum(not other.finished for other in self._unattended.values()) + len(self._leaving)
            if going_on < UNATTENDED_MAX_CALLS:
                self._leaving.add(call)
                scope.cancel()
                return
            if not again:
                call.note(f"[{going_on} other calls go on unattended already, so this one has to be waited for]\n")
            timer = loop.call_later(LEAVE_AGAIN_S, partial(leave, again=True))

        timer = loop.call_later(handoff_after_s, leave)
        try:
            with scope:
                yield
        finally:
            timer.cancel()
            self._leaving.discard(call)

    async def _carry_out(self, call: Call, work: Callable[[], Awaitable[None]]) -> None:
        try:
            await work()
        except asyncio.CancelledError:
            call.failure = (
                ServerEndingError("the server is ending, and ended the call")
                if self._ending
                else ResponseTimeoutError(
                    f"the call went on for {UNATTENDED_MAX_S:g} s without being collected, and was ended"
                )
            )
        except Exception as error:  # noqa: BLE001 - raised again where the call is attended to
            call.failure = error
        call.finish()

    def _forget_uncollected(self) -> None:
        ended = [call for call in self._unattended.values() if call.finished]
        for call in ended[: max(0, len(ended) - KEPT_MAX_CALLS)]:
            del self._unattended[call.handle]
            self._let_go(call, f"ended and was not collected; the last {KEPT_MAX_CALLS} such calls are kept")

    def settle(self, call: Call) -> None:
        """Keep a finished call's texts, if its results left something out; the oldest kept ones have to go."""
        if not call.ever_omitted_chars:
            how = "was collected to its end" if call.failure is None else "ended with an error that was told"
            self._let_go(call, f"{how}, and nothing of it was left out")
            return
        for output in call.outputs.values():
            output.keep_all()
        self._kept[call.handle] = call
        while len(self._kept) > KEPT_MAX_CALLS:
            _, oldest = self._kept.popitem(last=False)
            self._let_go(oldest, f"has ended; what the last {KEPT_MAX_CALLS} calls left out is kept, and no more")

    def _let_go(self, call: Call, why: str) -> None:
        discard(call)
        self._gone[call.handle] = why
        if len(self._gone) > _GONE_MAX:
            self._gone.popitem(last=False)

    def named(self, handle: str) -> Call:
        """Return a call by its handle.

        Raises:
            InvalidRequestError: If there is none.
        """
        call = self._unattended.get(handle) or self._attended.get(handle) or self._kept.get(handle)
        if call is None and (why := self._gone.get(handle)):
            raise InvalidRequestError(f"the call {handle!r} {why}")
        if call is None:
            raise InvalidRequestError(
                f"no call has the handle {handle[:40]!r}; pass one as a result gave it since this server was started"
            )
        return call

    def unattended(self, handle: str, tool: str) -> Call:
        """Return a call that goes on unattended, to attend to it again.

        Raises:
            InvalidRequestError: If it isn't one, or of another tool.
        """
        call = self.named(handle)
        if call.tool != tool:
            raise InvalidRequestError(f"the handle {handle!r} is of a call of {call.tool}; pass it there")
        if handle in self._attended:
            raise InvalidRequestError(
                f"the call {handle!r} is being waited for by another request, which gets the rest"
            )
        if handle not in self._unattended:
            raise InvalidRequestError(f"the call {handle!r} has ended; read its output with read_output")
        return call

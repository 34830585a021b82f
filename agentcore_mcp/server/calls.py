"""Calls in progress: reading an agent or a command goes on in the server, whoever is waiting for it.

A handler starts a call and attends to it. If the host can't wait any longer, the handler returns what there is with a
handle, the reading goes on, and a later request attends to the same call again. Everything is bounded: how many calls
go on unattended, for how long, how much of them is kept, and how many finished ones wait to be collected.
"""

from __future__ import annotations

import asyncio
import secrets
from collections import OrderedDict
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

import anyio

from agentcore_mcp.errors import InvalidRequestError, ResponseTimeoutError, ServerEndingError
from agentcore_mcp.server.progress import Progress
from agentcore_mcp.server.spool import SpoolFolder

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

    from agentcore_mcp.server.output import Output
    from agentcore_mcp.server.progress import Report
    from agentcore_mcp.wire.eventstream import ContentStop

# The service ends a stream after 60 minutes; nothing comes later.
UNATTENDED_MAX_S = 3600.0
UNATTENDED_MAX_CALLS = 16
# How soon a call that would be one too many looks again whether it may be left.
LEAVE_AGAIN_S = 1.0
# Calls whose output somebody may still want: the result said that there is more of it.
KEPT_MAX_CALLS = 32
# 72 bits: a handle can't be guessed by another client of the same server.
_HANDLE_BYTES = 9


@dataclass(slots=True, eq=False)
class Call:
    """One call, from its request to its last piece.

    Attributes:
        tool: The tool that it is a call of.
        agent: The name of the agent that is called.
        session_id: The session that it runs in.
        waiting_for: What a heartbeat says it is waiting for.
        outputs: Its texts by name, the first being the one that is meant without a name.
        timeout_s: After how many seconds the service ends it, if it is a command.
        handle: What a later request names it by.
        failure: What it ended with, unless it ended well.
        stop: How a command ended.
        finished: Whether nothing more comes.
        progress: What tells whoever attends to it, while somebody does.
        task: What carries it out.
        deadline: Ends it, if nobody collects it in time.
    """

    tool: str
    agent: str
    session_id: str
    waiting_for: str
    outputs: dict[str, Output]
    timeout_s: int | None = None
    handle: str = field(default_factory=lambda: secrets.token_urlsafe(_HANDLE_BYTES))
    failure: Exception | None = None
    stop: ContentStop | None = None
    finished: bool = False
    progress: Progress | None = None
    task: asyncio.Task[None] | None = None
    deadline: asyncio.TimerHandle | None = None

    def add(self, name: str, text: str, *, mark: str = "") -> None:
        """Take a piece of one of the texts, and pass it on to whoever attends.

        Args:
            name: Of the text.
            text: The piece.
            mark: What each of its lines begins with as progress.
        """
        shown = self.outputs[name].add(text)
        if self.progress is not None:
            self.progress.add(shown, source=name, mark=mark)

    def note(self, text: str) -> None:
        """Show lines as progress that are no part of the result."""
        if self.progress is not None:
            self.progress.add(text, source="notes")

    def finish(self) -> None:
        """Take it that nothing more comes."""
        for output in self.outputs.values():
            output.close()
        self.finished = True
        self.forget_deadline()
        if self.progress is not None:
            self.progress.close()

    def forget_deadline(self) -> None:
        """Let the call go on for as long as it takes."""
        if self.deadline is not None:
            self.deadline.cancel()

    def cancel(self) -> None:
        """End the call, if it goes on."""
        if self.task is not None:
            self.task.cancel()

    @property
    def omitted_chars(self) -> int:
        """How many characters the current result leaves out."""
        return sum(output.omitted_chars for output in self.outputs.values())

    @property
    def ever_omitted_chars(self) -> int:
        """How many characters no result shows, the current one or one before."""
        return sum(output.ever_omitted_chars for output in self.outputs.values())


class Calls:
    """The calls of one server. Use as an async context manager; leaving it ends what still runs."""

    def __init__(self) -> None:
        self.folder = SpoolFolder()
        self._unattended: dict[str, Call] = {}
        # Those about to be: they count too, since many may be left at once.
        self._leaving: set[Call] = set()
        self._kept: OrderedDict[str, Call] = OrderedDict()
        # Not in a task group: what anyio holds of each task is as much as the rest of a call that waits.
        self._tasks: set[asyncio.Task[None]] = set()
        self._ending = False

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Let calls run inside the block."""
        with self.folder:
            try:
                yield
            finally:
                with anyio.CancelScope(shield=True):
                    await self.end()
                    await asyncio.gather(*self._tasks, return_exceptions=True)

    async def end(self) -> None:
        """End what still runs, so that whoever attends to it can say so in time, and begin nothing any more."""
        self._ending = True
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
        call.forget_deadline()
        call.progress = Progress(report, first=first, waiting_for=call.waiting_for)
        if call.finished:
            call.progress.close()
        try:
            with anyio.CancelScope() as scope, self._leaving_after(handoff_after_s, call, scope):
                await call.progress.run()
        except BaseException:
            call.cancel()
            if call.task is not None:
                # Not before: until then it may still write.
                call.task.add_done_callback(lambda _: discard(call))
            raise
        finally:
            call.progress = None
        if not call.finished:
            self._forget_uncollected()
            call.deadline = asyncio.get_running_loop().call_later(UNATTENDED_MAX_S, call.cancel)
            self._unattended[call.handle] = call
            return False
        if call.failure is not None:
            raise call.failure
        return True

    @contextmanager
    def _leaving_after(self, handoff_after_s: float | None, call: Call, scope: anyio.CancelScope) -> Iterator[None]:
        """Cancel a scope after some time, as soon as there is room for the call among those that nobody attends to."""
        if handoff_after_s is None:
            yield
            return
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
            discard(call)

    def settle(self, call: Call) -> None:
        """Keep a finished call's texts, if its results left something out; the oldest kept ones have to go."""
        if not call.ever_omitted_chars:
            discard(call)
            return
        for output in call.outputs.values():
            output.keep_all()
        self._kept[call.handle] = call
        while len(self._kept) > KEPT_MAX_CALLS:
            _, oldest = self._kept.popitem(last=False)
            discard(oldest)

    def named(self, handle: str) -> Call:
        """Return a call by its handle.

        Raises:
            InvalidRequestError: If there is none.
        """
        call = self._unattended.get(handle) or self._kept.get(handle)
        if call is None:
            raise InvalidRequestError(
                f"no call has the handle {handle[:40]!r}; handles are valid until the server ends, for the last "
                f"{KEPT_MAX_CALLS} calls that left something out"
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
        if handle not in self._unattended:
            raise InvalidRequestError(f"the call {handle!r} has ended; read its output with read_output")
        return call


def discard(call: Call) -> None:
    """Remove what is on disk of a call."""
    for output in call.outputs.values():
        output.spool.close()

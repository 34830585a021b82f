"""Calls in progress: reading an agent or a command goes on in the server, whoever is waiting for it.

A handler starts a call and attends to it. If the host can't wait any longer, the handler returns what there is with a
handle, the reading goes on, and a later request attends to the same call again. Everything is bounded: how many calls
go on unattended, for how long, how much of them is kept, and how many finished ones wait to be collected.
"""

from __future__ import annotations

import math
import secrets
from collections import OrderedDict
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import anyio

from agentcore_mcp.errors import InvalidRequestError, ResponseTimeoutError
from agentcore_mcp.server.progress import live_progress
from agentcore_mcp.server.spool import SpoolFolder

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from anyio.abc import TaskGroup

    from agentcore_mcp.server.output import Output
    from agentcore_mcp.server.progress import Progress, Report
    from agentcore_mcp.wire.eventstream import ContentStop

# The service ends a stream after 60 minutes; nothing comes later.
UNATTENDED_MAX_S = 3600.0
UNATTENDED_MAX_CALLS = 16
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
    finished: anyio.Event = field(default_factory=anyio.Event)
    progress: Progress | None = None
    scope: anyio.CancelScope = field(default_factory=anyio.CancelScope)

    def add(self, name: str, text: str, *, shown: str | None = None) -> None:
        """Take a piece of one of the texts, and pass it on to whoever attends.

        Args:
            name: Of the text.
            text: The piece.
            shown: What to show of it as progress, if not itself.
        """
        self.outputs[name].add(text)
        self.note(text if shown is None else shown)

    def note(self, text: str) -> None:
        """Show something as progress that is no part of the result."""
        if self.progress is not None:
            self.progress.add(text)

    @property
    def omitted_chars(self) -> int:
        """How many characters the current result leaves out."""
        return sum(output.omitted_chars for output in self.outputs.values())


class Calls:
    """The calls of one server. Use as an async context manager; leaving it ends what still runs."""

    def __init__(self) -> None:
        self.folder = SpoolFolder()
        self._unattended: dict[str, Call] = {}
        self._kept: OrderedDict[str, Call] = OrderedDict()
        self._tasks: TaskGroup | None = None

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Let calls run inside the block."""
        with self.folder:
            async with anyio.create_task_group() as self._tasks:
                yield
                self._tasks.cancel_scope.cancel()

    def start(self, call: Call, work: Callable[[], Awaitable[None]]) -> None:
        """Begin a call; what its work raises is kept for whoever attends to it."""
        assert self._tasks is not None, "calls run only inside running()"  # noqa: S101

        async def run() -> None:
            with call.scope:
                try:
                    await work()
                except Exception as error:  # noqa: BLE001 - raised again where the call is attended to
                    call.failure = error
            if call.scope.cancelled_caught and call.failure is None:
                call.failure = ResponseTimeoutError(
                    f"the call went on for {UNATTENDED_MAX_S:g} s without being collected, and was ended"
                )
            for output in call.outputs.values():
                output.close()
            call.finished.set()

        self._tasks.start_soon(run)

    async def attend(self, call: Call, report: Report, *, first: str, handoff_after_s: float | None) -> bool:
        """Wait for a call with its progress told; return whether it has finished.

        If the waiting is cancelled, so is the call. If it takes longer than ``handoff_after_s``, it goes on unattended.

        Raises:
            Exception: What the call failed with.
        """
        self._unattended.pop(call.handle, None)
        call.scope.deadline = math.inf
        going_on = sum(not other.finished.is_set() for other in self._unattended.values())
        may_leave = handoff_after_s is not None and going_on < UNATTENDED_MAX_CALLS
        try:
            async with live_progress(report, first=first, waiting_for=call.waiting_for) as call.progress:
                with anyio.move_on_after(handoff_after_s if may_leave else None):
                    await call.finished.wait()
        except BaseException:
            call.scope.cancel()
            raise
        finally:
            call.progress = None
        if not call.finished.is_set():
            self._forget_uncollected()
            call.scope.deadline = anyio.current_time() + UNATTENDED_MAX_S
            self._unattended[call.handle] = call
            return False
        if call.failure is not None:
            raise call.failure
        return True

    def _forget_uncollected(self) -> None:
        ended = [call for call in self._unattended.values() if call.finished.is_set()]
        for call in ended[: max(0, len(ended) - KEPT_MAX_CALLS)]:
            del self._unattended[call.handle]
            discard(call)

    def keep(self, call: Call) -> None:
        """Keep a finished call's texts, because its result left something out; the oldest kept ones have to go."""
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
                f"no call has the handle {handle[:40]!r}; handles are good until the server ends, for the last "
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

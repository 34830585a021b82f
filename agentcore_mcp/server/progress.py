"""When the host is told, and how much at a time.

Reading an agent and telling the host are two tasks with a bounded buffer between them: ``report_progress`` waits
for the host to read, and a host that stalls must neither stop us reading the agent nor make us grow.
"""

from __future__ import annotations

import math
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import anyio

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    # Context.report_progress of the MCP SDK: progress, total, message.
    Report = Callable[[float, float | None, str | None], Awaitable[None]]

# About ten messages a second look live to a person; token streams are far faster than stdio's 1,500 lines/s.
INTERVAL_S = 0.1
HEARTBEAT_S = 10.0
# What is kept while the host does not read. Hosts show one line; the whole text is in the result.
MESSAGE_MAX_CHARS = 4_000


class Progress:
    """Progress of one call: a first line, text as it arrives, and a heartbeat in silence.

    Args:
        report: Where notifications go.
        first: The first message.
        waiting_for: What the heartbeat says the call is waiting for.
        interval_s: Least time between two messages of text.
        heartbeat_s: How long a silence lasts before it is reported.
    """

    def __init__(
        self,
        report: Report,
        *,
        first: str,
        waiting_for: str,
        interval_s: float = INTERVAL_S,
        heartbeat_s: float = HEARTBEAT_S,
    ) -> None:
        self._report = report
        self._first = first
        self._waiting_for = waiting_for
        self._interval_s = interval_s
        self._heartbeat_s = heartbeat_s
        self._pending = ""
        self._skipped_chars = 0
        self._more = anyio.Event()
        self._closed = anyio.Event()
        self._sent = 0

    def add(self, text: str) -> None:
        """Pass on a piece of text: at once if none was sent lately, else together with what follows it."""
        if not text:
            return
        self._pending += text
        if (excess := len(self._pending) - MESSAGE_MAX_CHARS) > 0:
            self._pending = self._pending[excess:]
            self._skipped_chars += excess
        self._more.set()

    def close(self) -> None:
        """Let the sender pass on what is left, and end."""
        self._closed.set()
        self._more.set()

    async def run(self) -> None:
        """Send until closed; end early when the host's side of the connection is gone."""
        try:
            await self._send(self._first)
            last_text_at = anyio.current_time()
            while self._pending or not self._closed.is_set():
                with anyio.move_on_after(self._heartbeat_s):
                    await self._more.wait()
                self._more = anyio.Event()
                if self._pending:
                    await self._send(self._take())
                    last_text_at = anyio.current_time()
                    with anyio.move_on_after(self._interval_s):
                        await self._closed.wait()
                elif not self._closed.is_set():
                    silent_s = math.floor(anyio.current_time() - last_text_at)
                    await self._send(f"waiting for {self._waiting_for}: nothing new for {silent_s} s")
        except (anyio.BrokenResourceError, anyio.ClosedResourceError):
            return

    def _take(self) -> str:
        gap = f"[... {self._skipped_chars:,} characters skipped ...] " if self._skipped_chars else ""
        text, self._pending, self._skipped_chars = gap + self._pending, "", 0
        return text

    async def _send(self, message: str) -> None:
        self._sent += 1
        await self._report(self._sent, None, message)


@asynccontextmanager
async def live_progress(report: Report, *, first: str, waiting_for: str) -> AsyncIterator[Progress]:
    """Run a block with its progress sent alongside.

    A failure of the block is raised as it is, not inside the exception group that a task group would make of it.
    """
    progress = Progress(report, first=first, waiting_for=waiting_for)
    failure: Exception | None = None
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(progress.run)
        try:
            yield progress
        except Exception as error:  # noqa: BLE001 - carried out of the task group, and raised below
            failure = error
        progress.close()
    if failure is not None:
        raise failure

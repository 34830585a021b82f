"""Progress notifications: when they are sent, and how much text each has.

Reading an agent and telling the host are two tasks with a bounded buffer between them: ``report_progress`` waits
for the host to read, and a stalled host must neither stop us from reading the agent nor fill our memory.
"""

from __future__ import annotations

import asyncio
import math
import re
from contextlib import suppress
from typing import TYPE_CHECKING

import anyio

from agentcore_mcp.server.terminal import GIVEN_OUT, folded, given_out

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    # Context.report_progress of the MCP SDK: progress, total, message.
    Report = Callable[[float, float | None, str | None], Awaitable[None]]

# About ten messages a second look live to a person; token streams are far faster than stdio's 1,500 lines/s.
INTERVAL_S = 0.1
HEARTBEAT_S = 10.0
# How much text is kept while the host does not read. Hosts show one line; the whole text is in the result.
MESSAGE_MAX_CHARS = 4_000
# Where a line, or a new state of one, begins.
_BEGINNINGS = re.compile(r"(?<=[\r\n])(?=[^\r\n])")


class Progress:
    """Progress of one call: a first line, text as it arrives, and a heartbeat in silence.

    Args:
        report: Where notifications go.
        first: The first message.
        waiting_for: What the heartbeat says the call is waiting for.
        interval_s: Minimum time between two messages of text.
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
        self._has_news = False
        self._source = ""
        self._last_char = "\n"
        self._skipped_chars = 0
        self._closed = False
        self._let_go = False
        self._waiting: asyncio.Future[None] | None = None
        self._waits_for_text = False
        self._sent = 0

    def add(self, text: str, *, source: str = "", mark: str = "") -> None:
        """Send a piece of text: at once if none was sent recently, else together with later pieces.

        Args:
            text: The piece. Of a line that rewrites itself, only the newest state is sent.
            source: Where it comes from; text from another source begins on a new line.
            mark: The prefix of its lines.
        """
        if not text:
            return
        if source != self._source:
            self._source = source
            if self._last_char != "\n":
                text = f"\n{text}"
        if mark:
            text = _BEGINNINGS.sub(mark, self._last_char + text)[1:]
        self._last_char = text[-1]
        self._pending += text
        self._has_news = True
        if len(self._pending) > 2 * MESSAGE_MAX_CHARS:
            self._shorten()
        if self._waits_for_text:
            self._wake()

    def close(self) -> None:
        """Let ``run`` send the rest of the text, and return."""
        self._closed = True
        self._wake()

    def let_go(self) -> None:
        """Let ``run`` send the text so far, and return although the call goes on."""
        self._let_go = True
        self._wake()

    async def run(self) -> None:
        """Send until closed or let go, even if the host has disconnected.

        If it is cancelled, it may be run again.
        """
        if not self._sent:
            await self._send(self._first)
        now = asyncio.get_running_loop().time
        last_text_at = now()
        while self._has_news or not (self._closed or self._let_go):
            if not self._has_news:
                await self._wait(self._heartbeat_s, for_text=True)
            if self._has_news:
                if message := self._take():
                    await self._send(message)
                last_text_at = now()
                await self._wait(self._interval_s, for_text=False)
            elif not (self._closed or self._let_go):
                silent_s = math.floor(now() - last_text_at)
                await self._send(f"waiting for {self._waiting_for}: nothing new for {silent_s} s")
        self._let_go = False

    async def _wait(self, at_most_s: float, *, for_text: bool) -> None:
        """Wait for the end, or also for text, up to a timeout.

        Uses a future and a timer: a thousand silent calls may wait here, and an event with a scope takes 1.5 KiB more.
        """
        if self._closed or self._let_go:
            return
        loop = asyncio.get_running_loop()
        self._waiting, self._waits_for_text = loop.create_future(), for_text
        timer = loop.call_later(at_most_s, self._wake)
        try:
            await self._waiting
        finally:
            timer.cancel()
            self._waiting, self._waits_for_text = None, False

    def _wake(self) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)

    def _shorten(self) -> None:
        """Drop text that was rewritten before it was sent, and text over the limit."""
        self._pending = folded(self._pending)
        unsent = self._pending.lstrip(GIVEN_OUT)
        if (excess := len(unsent) - MESSAGE_MAX_CHARS) > 0:
            self._pending = unsent[excess:]
            self._skipped_chars += excess

    def _take(self) -> str:
        self._shorten()
        gap = f"[... {self._skipped_chars:,} characters skipped ...] " if self._skipped_chars else ""
        # Later text can't rewrite text that was sent: it continues on a line of its own.
        text, self._pending = given_out(self._pending)
        self._has_news, self._skipped_chars = False, 0
        return gap + text

    async def _send(self, message: str) -> None:
        self._sent += 1
        with suppress(anyio.BrokenResourceError, anyio.ClosedResourceError):
            await self._report(self._sent, None, message)

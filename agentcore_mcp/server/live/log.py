"""What a call brings in, in its order and as it came: what the live view shows.

A result shows the texts of a call each by itself and without colours. Here each piece is a line of JSON with its time,
its kind and its text, so that whoever knows an offset can go on from there.
"""

from __future__ import annotations

import asyncio
import json
import time

from agentcore_mcp.errors import InvalidRequestError
from agentcore_mcp.server.spool import Spool

# Of a call, what a person may scroll through; nothing after it is kept, and read_output has more.
LOG_MAX_BYTES = 4 * 1024 * 1024
# A part of the log is read as whole lines, and has room for many of these.
_PIECE_MAX_CHARS = 4_000
# How soon a watcher looks again at a call that can't wake it, as one in Redis can't; each look costs a round trip. Well
# below the 200 ms within which a piece looks live.
LOOK_S = 0.1
# The name of the log beside a call's texts.
LIVE = "live"
# The kinds of pieces besides the names of the texts: what an agent is doing, and when the call began (Unix time).
NOTES = "notes"
_BEGAN = "began"


class LiveLog(Spool):
    """The log of one call, bounded like any kept output."""

    def __init__(self) -> None:
        super().__init__(LOG_MAX_BYTES)
        self._news: asyncio.Event | None = None
        self._began = time.monotonic()
        self.take(_BEGAN, f"{time.time():.3f}")

    def take(self, kind: str, text: str) -> None:
        """Append a piece: ``text``, ``stdout``, ``stderr`` or ``notes``; an empty one shows nothing."""
        after_s = round(time.monotonic() - self._began, 2)
        for start in range(0, len(text) or 1, _PIECE_MAX_CHARS):
            line = json.dumps([after_s, kind, text[start : start + _PIECE_MAX_CHARS]]) + "\n"
            # Whole or not at all: who watches would come back at once for the rest of a line, and never get it.
            if self.kept_bytes + len(line) > self._max_bytes:
                self._drop(len(line))
            else:
                self.append(line)
        self.wake()

    def wake(self) -> None:
        """Have those look who wait for news: something has come, or nothing more does."""
        if self._news is not None:
            self._news.set()
            self._news = None

    async def news(self) -> None:
        """Wait for it."""
        self._news = self._news or asyncio.Event()
        await self._news.wait()


def pieces_of(lines: str) -> tuple[list[list[float | str]], int]:
    """Return the pieces of the whole lines of a text, and how many bytes they are.

    Raises:
        InvalidRequestError: If the text does not begin with a line.
    """
    whole = lines[: lines.rfind("\n") + 1]
    try:
        return [json.loads(line) for line in whole.split("\n")[:-1]], len(whole.encode())
    except ValueError:
        raise InvalidRequestError("offset has to be 0, or next_offset of an earlier result") from None

"""The log that the live view shows: the output of a call, unchanged and in order of arrival.

A result shows each text of a call by itself and without colours. Here each piece is a line of JSON with its time, kind
and text, so that a reader can continue from any offset that it was given.
"""

from __future__ import annotations

import asyncio
import json
import time

from agentcore_mcp.errors import InvalidRequestError
from agentcore_mcp.server.spool import Spool

# As much of a call as a person may scroll through; nothing after it is logged, but read_output has more.
LOG_MAX_BYTES = 4 * 1024 * 1024
# The log is read in parts of whole lines, so each part has room for many pieces.
_PIECE_MAX_CHARS = 4_000
# How often a watcher polls a call that can't wake it, such as one in Redis; each poll costs a round trip. Well below
# the 200 ms within which a piece looks live.
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
            # A line is kept whole or not at all: a watcher would poll at once for the rest of a line, and never get it.
            if self.kept_bytes + len(line) > self._max_bytes:
                self._drop(len(line))
            else:
                self.append(line)
        self.wake()

    def wake(self) -> None:
        """Wake the waiting watchers: there is a new piece, or the call has ended."""
        if self._news is not None:
            self._news.set()
            self._news = None

    async def news(self) -> None:
        """Wait for news."""
        self._news = self._news or asyncio.Event()
        await self._news.wait()


def pieces_of(lines: str) -> tuple[list[list[float | str]], int]:
    """Return the pieces in a text's complete lines, and the size of these lines in bytes.

    Raises:
        InvalidRequestError: If the text does not begin with a line.
    """
    whole = lines[: lines.rfind("\n") + 1]
    try:
        return [json.loads(line) for line in whole.split("\n")[:-1]], len(whole.encode())
    except ValueError:
        raise InvalidRequestError("offset has to be 0, or next_offset of an earlier result") from None

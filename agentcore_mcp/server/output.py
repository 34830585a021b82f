"""How much text a result shows, and where the rest of it stays.

Hosts cut large results in their own ways: Gemini CLI shows 40,000 characters, Claude Code replaces one of over about
50,000 by a 2 KB preview, claude.ai refuses one of over 1 MB. So a result stays below these limits, or below the
known limit of its host (``hosts``), and says how much it omits.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from agentcore_mcp.server.terminal import PlainText, SettledLines

if TYPE_CHECKING:
    from agentcore_mcp.server.spool import Spool

# For a whole result, including the parts around the texts of a call.
RESULT_MAX_CHARS = 38_000


class OutputWindow:
    """The beginning and the end of a text of any length, in bounded memory.

    The first half of the budget goes to the beginning, where a text says what it is, the other half to the end,
    where a command says how it went.

    Args:
        max_chars: How many characters of the text are kept.
    """

    def __init__(self, max_chars: int = RESULT_MAX_CHARS) -> None:
        self._head_room = max_chars // 2
        self._tail_max = max_chars - max_chars // 2
        self._head: list[str] = []
        self._tail: deque[str] = deque()
        self._tail_chars = 0
        self.omitted_chars = 0

    def add(self, text: str) -> None:
        """Take more of the text."""
        head, text = text[: self._head_room], text[self._head_room :]
        if head:
            self._head.append(head)
            self._head_room -= len(head)
        if not text:
            return
        self._tail.append(text)
        self._tail_chars += len(text)
        while (excess := self._tail_chars - self._tail_max) > 0:
            oldest = self._tail.popleft()
            if len(oldest) > excess:
                self._tail.appendleft(oldest[excess:])
            dropped = min(len(oldest), excess)
            self._tail_chars -= dropped
            self.omitted_chars += dropped

    @property
    def kept_chars(self) -> int:
        """How many characters are kept."""
        return sum(map(len, self._head)) + self._tail_chars

    def within(self, max_chars: int) -> OutputWindow:
        """Return the window as it would be with another budget, which may not be larger."""
        window = OutputWindow(max_chars)
        window.add("".join(self._head))
        window.add("".join(self._tail))
        window.omitted_chars += self.omitted_chars
        return window

    def text(self) -> str:
        """Return what is kept, with a counted gap where text is omitted."""
        gap = f"\n[... {self.omitted_chars:,} characters left out ...]\n" if self.omitted_chars else ""
        return "".join((*self._head, gap, *self._tail))


class Output:
    """One text of a call: a window of it for the result, and all of it for read_output.

    Args:
        spool: Where all of it goes, once one result can't show it.
        max_chars: How much one result shows.
        terminal: The text was written for a terminal.
        omitted_earlier_chars: How many characters earlier results left out, as another worker counted them.

    Attributes:
        held: The unfinished last line of a terminal's text that comes from another worker.
    """

    def __init__(
        self,
        spool: Spool,
        max_chars: int = RESULT_MAX_CHARS,
        *,
        terminal: bool = False,
        omitted_earlier_chars: int = 0,
    ) -> None:
        self.spool = spool
        self._max_chars = max_chars
        self._terminal = (PlainText(), SettledLines()) if terminal else None
        # The whole text while it fits into one result; after that, there is a window of it instead.
        self._early: list[str] = []
        self._early_chars = 0
        self._window: OutputWindow | None = None
        self._omitted_earlier_chars = omitted_earlier_chars
        self.held = ""

    @property
    def omitted_chars(self) -> int:
        """How many characters the text of the current result leaves out."""
        return 0 if self._window is None else self._window.omitted_chars

    @property
    def ever_omitted_chars(self) -> int:
        """How many characters of the text all results so far leave out, the current one included."""
        return self._omitted_earlier_chars + self.omitted_chars

    @property
    def shown_chars(self) -> int:
        """How many characters of the text the current result shows."""
        return self._early_chars if self._window is None else self._window.kept_chars

    def fit(self, max_chars: int) -> None:
        """Limit the current result to this many characters of the text."""
        if self.shown_chars > max_chars:
            self._window = (self._window or self._spool_early()).within(max_chars)

    def add(self, text: str) -> str:
        """Append to the text, and return the part to show at once, in which lines may still be rewritten."""
        if self._terminal is None:
            self._keep(text)
            return text
        plain, lines = self._terminal
        text = plain.feed(text)
        self._keep(lines.feed(text))
        return text

    def close(self) -> None:
        """Mark the text as complete."""
        if self._terminal is not None:
            plain, lines = self._terminal
            self._keep(lines.feed(plain.close()) + lines.close())

    def show_unfinished(self) -> None:
        """Include the unfinished line in the current result, as nothing may follow for long, such as after a prompt."""
        self._keep(self.held if self._terminal is None else self._terminal[1].give_out())

    @property
    def unfinished(self) -> str:
        """The line that has begun and may still change."""
        return "" if self._terminal is None else self._terminal[1].unfinished

    def text(self) -> str:
        """Return what the result shows."""
        return "".join(self._early) if self._window is None else self._window.text()

    def keep_all(self) -> None:
        """Write all of the text to the spool, even if the result shows all of it."""
        if self._window is None:
            self._window = self._spool_early()

    def begin_next(self) -> None:
        """Begin the text of the next result, which shows only further output."""
        self.keep_all()
        self._omitted_earlier_chars = self.ever_omitted_chars
        self._window = OutputWindow(self._max_chars)

    def _keep(self, text: str) -> None:
        if not text:
            return
        if self._window is None:
            self._early.append(text)
            self._early_chars += len(text)
            if self._early_chars > self._max_chars:
                self._window = self._spool_early()
        else:
            self._window.add(text)
            self.spool.append(text)

    def _spool_early(self) -> OutputWindow:
        """Write the text so far to the spool, and return a window of it."""
        early, window = "".join(self._early), OutputWindow(self._max_chars)
        self._early.clear()
        self.spool.append(early)
        window.add(early)
        return window

"""How much text a result shows.

Hosts cut large results in their own ways: Claude Code replaces one of over about 50,000 characters by a 2 KB
preview, claude.ai refuses one of over 1 MB. So a result stays below that, and says itself what it left out.
"""

from __future__ import annotations

from collections import deque

RESULT_MAX_CHARS = 40_000


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

    def text(self) -> str:
        """Return what is kept, with a counted gap where something is left out."""
        gap = f"\n[... {self.omitted_chars:,} characters left out ...]\n" if self.omitted_chars else ""
        return "".join((*self._head, gap, *self._tail))

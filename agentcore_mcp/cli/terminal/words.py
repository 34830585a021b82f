"""An agent's words on a terminal, as Markdown while they arrive; in a pipe as they are."""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

# Where a paragraph has ended for certain, unless a block of code is open.
_PARAGRAPH = re.compile(r"\n[ \t]*\n")
_FENCE = re.compile(r"^[ \t]*(```|~~~)", re.MULTILINE)


class Words:
    """Shows words. Each paragraph is rewritten as it grows, and settled once the next one begins.

    Args:
        out: Where to.
        notes: Where what is no part of the answer goes.
    """

    def __init__(self, out: TextIO | None = None, notes: TextIO | None = None) -> None:
        self._out = out or sys.stdout
        self._notes = notes or sys.stderr
        self._pending = ""
        self._last = "\n"
        self._live = None
        if self._out.isatty():
            from rich.console import Console
            from rich.live import Live

            self._console = Console(file=self._out)
            from agentcore_mcp.server.terminal import PlainText

            # What an agent says may have sequences that a terminal obeys.
            self._plain = PlainText()
            self._live = Live(console=self._console, auto_refresh=False, vertical_overflow="visible")

    def add(self, text: str) -> None:
        """Show more words."""
        if not text:
            return
        self._last = text[-1]
        if self._live is None:
            self._out.write(text)
            self._out.flush()
            return
        self._pending += self._plain.feed(text)
        self._settle()
        self._show(self._pending)

    def note(self, text: str) -> None:
        """Show a line about the call."""
        self._finish_line()
        self._notes.write(f"[{text}]\n")
        self._notes.flush()

    def __enter__(self) -> Self:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._finish_line()
        if self._live is not None:
            self._live.stop()

    def _settle(self) -> None:
        """Print the paragraphs that are complete above the one that grows."""
        assert self._live is not None  # noqa: S101 - the caller looked
        end = 0
        for found in _PARAGRAPH.finditer(self._pending):
            if len(_FENCE.findall(self._pending, 0, found.start())) % 2 == 0:
                end = found.end()
        if end:
            from rich.markdown import Markdown

            settled, self._pending = self._pending[:end], self._pending[end:]
            self._show("")
            self._console.print(Markdown(settled))

    def _show(self, text: str) -> None:
        from rich.markdown import Markdown

        assert self._live is not None  # noqa: S101 - the caller looked
        self._live.update(Markdown(text), refresh=True)

    def _finish_line(self) -> None:
        if self._live is not None:
            from rich.markdown import Markdown

            pending, self._pending = self._pending, ""
            self._show("")
            if pending.strip():
                self._console.print(Markdown(pending))
        elif self._last != "\n":
            self._out.write("\n")
            self._out.flush()
        self._last = "\n"

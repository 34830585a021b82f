"""An agent's words on a terminal, as Markdown while they arrive; in a pipe as they are."""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

    from rich.live import Live

# The end of a paragraph, unless a code block is open.
_PARAGRAPH = re.compile(r"\n[ \t]*\n")
_FENCE = re.compile(r"^[ \t]*(```|~~~)", re.MULTILINE)


class Words:
    """Renders an answer as it streams. Each paragraph is redrawn as it grows, and final once the next one begins.

    Args:
        out: The stream for the answer.
        notes: The stream for lines that are not part of the answer.
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
            from rich.markdown import Markdown
            from rich.segment import Segment, Segments

            from agentcore_mcp.server.terminal import PlainText

            self._markdown, self._segments, self._line_end = Markdown, Segments, Segment.line()
            # An agent's text may contain terminal control sequences.
            self._plain = PlainText()
            self._live = Live(console=Console(file=self._out), auto_refresh=False)

    def add(self, text: str) -> None:
        """Show more of the answer."""
        if not text:
            return
        self._last = text[-1]
        if self._live is None:
            self._out.write(text)
            self._out.flush()
            return
        self._pending += self._plain.feed(text)
        ends = [found.end() for found in _PARAGRAPH.finditer(self._pending) if self._is_outside_code(found.start())]
        self._show(self._live, settled=ends[-1] if ends else 0)

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

    def _is_outside_code(self, position: int) -> bool:
        return len(_FENCE.findall(self._pending, 0, position)) % 2 == 0

    def _show(self, live: Live, *, settled: int) -> None:
        """Print the first ``settled`` characters for good, above the paragraph that still grows."""
        text, self._pending = self._pending[:settled], self._pending[settled:]
        if text.strip():
            live.update(self._markdown(""), refresh=True)
            live.console.print(self._markdown(text))
        # Lines that scrolled away can't be redrawn, so a long paragraph shows only its end until it is final.
        lines = live.console.render_lines(self._markdown(self._pending), pad=False)[2 - live.console.height :]
        live.update(self._segments([part for line in lines for part in (*line, self._line_end)]), refresh=True)

    def _finish_line(self) -> None:
        if self._live is not None:
            self._show(self._live, settled=len(self._pending))
        elif self._last != "\n":
            self._out.write("\n")
            self._out.flush()
        self._last = "\n"

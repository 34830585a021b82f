"""A command's output as a reader wants it: no escape sequences, and of a line that rewrites itself the last state."""

from __future__ import annotations

import re

# ECMA-48: CSI sequences, string sequences (OSC, DCS, ...) up to their terminator, and two-character escapes.
_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|[\]PX^_][^\x07\x1b\n]*(?:\x07|\x1b\\)|[ -/]*[0-Z\\^-~])")
# Nothing else that moves the cursor or rings a bell is worth showing; tab and line feed are.
_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
# An unfinished line may still rewrite itself, so it is held back, up to this length.
_LINE_MAX_CHARS = 4_096


class TerminalText:
    """Cleans output line by line; any division into pieces gives the same text, as long as lines are of sane length.

    A line ended by CR LF is a line. A line with other carriage returns is what a terminal would show in the end if each
    state covers the one before: the text after the last of them.
    """

    def __init__(self) -> None:
        self._unfinished = ""

    def feed(self, text: str) -> str:
        """Return the lines that are complete."""
        text = self._unfinished + text
        end = text.rfind("\n") + 1
        if len(text) - end > _LINE_MAX_CHARS:
            end = len(text)
        self._unfinished = text[end:]
        return _cleaned(text[:end])

    def close(self) -> str:
        """Return the line that was left unfinished."""
        text, self._unfinished = self._unfinished, ""
        return _cleaned(text)


def _cleaned(text: str) -> str:
    if "\x1b" in text:
        text = _ESCAPES.sub("", text)
    if "\r" in text:
        # One at the end of a line has nothing to cover it with.
        text = "\n".join(line.rstrip("\r").rpartition("\r")[2] for line in text.split("\n"))
    return _CONTROLS.sub("", text)

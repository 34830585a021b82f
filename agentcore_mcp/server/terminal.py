"""A command's output as a reader wants it: no escape sequences, and of a line that rewrites itself the last state.

In two steps, because who watches wants each state when it is there, and a result the last one alone: ``PlainText``
leaves the carriage returns, ``SettledLines`` follows them. Any division of the output into pieces gives the same text.
"""

from __future__ import annotations

import re

# An unfinished line may still rewrite itself, and an unfinished title still end; either is held back up to this length.
_HELD_MAX_CHARS = 4_096
# ECMA-48: CSI sequences, string sequences (OSC, DCS, ...) up to their terminator, and two-character escapes.
_CSI = r"\[[0-?]{0,256}[ -/]{0,16}"
_STRING = rf"[\]PX^_][^\x07\x1b\n]{{0,{_HELD_MAX_CHARS}}}"
_SHORT = r"[ -/]{0,16}"
_ESCAPES = re.compile(rf"\x1b(?:{_CSI}[@-~]|{_STRING}(?:\x07|\x1b\\)|{_SHORT}[0-Z\\^-~])")
_BEGUN_ESCAPE = re.compile(rf"\x1b(?:{_CSI}|{_STRING}\x1b?|{_SHORT})\Z")
_ESCAPE_MAX_CHARS = _HELD_MAX_CHARS + 3
# Nothing else that moves the cursor or rings a bell is worth showing; tab and line feed are.
_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")

# Stands at the beginning of a text for the part of its first line that was given out and can't be taken back.
GIVEN_OUT = "\0"
# The state of a line that another one follows. One too long to be held back is not taken back either.
_COVERED = re.compile(rf"(?:(?<![^\n])|(?<=\r)(?!\r))[^\r\n{GIVEN_OUT}]{{0,{_HELD_MAX_CHARS}}}+\r++(?=[^\n])")
_RETURNS = re.compile(r"(?<!\r)\r++(?:\n|(?!\Z))")


class PlainText:
    """Takes escape sequences and control characters out of a text, but for tabs, line feeds and carriage returns."""

    def __init__(self) -> None:
        self._begun = ""

    def feed(self, text: str) -> str:
        """Return what is certain to be text."""
        text = self._begun + text
        self._begun = ""
        if "\x1b" in text:
            if begun := _BEGUN_ESCAPE.search(text, max(0, len(text) - _ESCAPE_MAX_CHARS)):
                text, self._begun = text[: begun.start()], begun[0]
            text = _ESCAPES.sub("", text)
        return _CONTROLS.sub("", text)

    def close(self) -> str:
        """Return what would have been an escape sequence if it had ended."""
        text, self._begun = self._begun, ""
        return _CONTROLS.sub("", _ESCAPES.sub("", text))


class SettledLines:
    """Gives out plain text line by line, when nothing can rewrite it any more.

    A line ended by CR LF is a line. A line with other carriage returns is what a terminal would show in the end if each
    state covers the one before: the text after the last of them.
    """

    def __init__(self) -> None:
        self._unfinished = ""

    def feed(self, text: str) -> str:
        """Return the lines that are complete, and of one that is too long to be held back what there is."""
        text = folded(self._unfinished + text)
        written = text.rstrip("\r")
        end = text.rfind("\n") + 1
        if len(written) - end > _HELD_MAX_CHARS or text[end:].startswith(GIVEN_OUT):
            self._unfinished = GIVEN_OUT + text[len(written) :]
            return written.lstrip(GIVEN_OUT)
        self._unfinished = text[end:]
        return text[:end].lstrip(GIVEN_OUT)

    def give_out(self) -> str:
        """Return what there is of the unfinished line: it can't be taken back, and goes on from there."""
        written = self._unfinished.rstrip("\r")
        if written:
            self._unfinished = GIVEN_OUT + self._unfinished[len(written) :]
        return written.lstrip(GIVEN_OUT)

    def close(self) -> str:
        """Return the line that was left unfinished."""
        text, self._unfinished = self._unfinished, ""
        return text.rstrip("\r").lstrip(GIVEN_OUT)


def folded(text: str) -> str:
    """Return plain text without what its carriage returns rewrite; one at its end may still be half a line end."""
    text = text.replace("\r\n", "\n")  # spares what has no others the slower search
    if "\r" not in text:
        return text
    text = _RETURNS.sub("\n", _COVERED.sub("", text))
    return text.rstrip("\r") + "\r" if text.endswith("\r") else text

r"""Whole characters: JSON can carry half of one, a lone surrogate such as ``"\ud83d"``, and UTF-8 can't.

Writing such text as UTF-8 would fail. Agents and commands produce halves where they cut their text into pieces.
Also visible characters: control and invisible characters are written as escapes.
"""

from __future__ import annotations

import re

_SURROGATE = re.compile("[\ud800-\udfff]")
# Invisible, but printable to Python: joiners, fillers, inherent vowels, the empty Braille cell, variation selectors.
_UNSEEN = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0\ufe00-\ufe0f\U000e0100-\U000e01ef]")


class WholeCharacters:
    """Joins the halves of characters that were split between two pieces of a text."""

    def __init__(self) -> None:
        self._half = ""

    def feed(self, text: str) -> str:
        """Return the text with any pending half in front, and hold back a half at its end."""
        if self._half:
            text, self._half = self._half + text, ""
        if text.isascii():
            return text
        if "\ud800" <= text[-1] <= "\udbff":
            text, self._half = text[:-1], text[-1]
        return valid_unicode(text)

    def close(self) -> str:
        """Return U+FFFD if a half is still pending, else ""."""
        half, self._half = self._half, ""
        return "\ufffd" if half else ""


def valid_unicode(text: str) -> str:
    """Return the text with each lone surrogate replaced by U+FFFD."""
    if text.isascii() or not _SURROGATE.search(text):
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def visible(text: str) -> str:
    """Return the text on one line, with an escape for each character that is invisible or looks like another.

    Those are control characters, line ends, direction marks, characters without width, unusual blanks, and halves of
    characters.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        char if char.isprintable() and not _UNSEEN.match(char) else char.encode("unicode_escape").decode()
        for char in text
    )

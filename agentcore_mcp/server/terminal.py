"""Makes a command's output readable: no escape sequences, and only the last state of a line that rewrites itself.

In two steps, because progress shows each state as it appears, and a result only the last one: ``PlainText`` keeps
cursor moves within a line, ``SettledLines`` applies them. Any division of the output into pieces gives the same text.
This emulates a terminal's line but not its screen; pyte, which emulates both, takes 40 times as long.
"""

from __future__ import annotations

import re
from unicodedata import combining, east_asian_width

# An unfinished line may still be rewritten, and an unfinished title may end; both are held back up to this length.
_HELD_MAX_CHARS = 4_096
# ECMA-48: CSI sequences, string sequences (OSC, DCS, ...) up to their terminator, and two-character escapes.
_CSI = r"\[[0-?]{0,256}[ -/]{0,16}"
_STRING = rf"[\]PX^_][^\x07\x1b\n]{{0,{_HELD_MAX_CHARS}}}"
_SHORT = r"[ -/]{0,16}"
_ESCAPES = re.compile(rf"\x1b(?:{_CSI}[@-~]|{_STRING}(?:\x07|\x1b\\)|{_SHORT}[0-Z\\^-~])")
_BEGUN_ESCAPE = re.compile(rf"\x1b(?:{_CSI}|{_STRING}\x1b?|{_SHORT})\Z")
_ESCAPE_MAX_CHARS = _HELD_MAX_CHARS + 3

# Besides backspace and carriage return, our own codes: move one column to the right; erase from the cursor on, up to
# the cursor, or the whole line. Erased text is only gone once something else is written.
_RIGHT, _AFTER, _BEFORE, _ALL = "\x11\x12\x13\x14"
_MOVES = f"\b\r{_RIGHT}{_AFTER}{_BEFORE}{_ALL}"
_PARTS = re.compile("|".join(f"{each}+" for each in (f"[^{_MOVES}]", *_MOVES)))
_OURS = re.compile("[\x11-\x14]")
_ERASED_END = re.compile(f"\r({_RIGHT}*){_AFTER}")  # after a folded line: erases from that many columns on
# Control characters to drop, such as the bell; tab and line feed stay.
_CONTROLS = re.compile(r"[\x00-\x07\x0b\x0c\x0e-\x10\x15-\x1f\x7f]")
# The CSI sequences that move or erase, and the columns of the widest window.
_MOVE = re.compile(r"\x1b\[(\d{0,9})([CDGJK`])")
_COLUMNS_MAX = 500
# A character with its accents. Further ones take columns of their own, so that no line grows without end.
_STACKED_MAX_CHARS = 8
_RUNS = re.compile(r"[\0-\x7f]+|[^\0-\x7f]")
_ERASED = {"": _AFTER, "0": _AFTER, "1": _BEFORE, "2": _ALL}

# At the beginning of a text, stands for the part of its first line that was given out and can't be rewritten.
GIVEN_OUT = "\0"


class PlainText:
    """Removes escape sequences and control characters from a text, except tabs, line feeds and moves within a line."""

    def __init__(self) -> None:
        self._begun = ""

    def feed(self, text: str) -> str:
        """Return the text before an escape sequence that may still continue."""
        text = self._begun + _OURS.sub("", text)
        self._begun = ""
        if "\x1b" in text:
            if begun := _BEGUN_ESCAPE.search(text, max(0, len(text) - _ESCAPE_MAX_CHARS)):
                text, self._begun = text[: begun.start()], begun[0]
            text = _ESCAPES.sub(_moves_of, text)
        return _CONTROLS.sub("", text)

    def close(self) -> str:
        """Return the text of an escape sequence that has not ended."""
        text, self._begun = self._begun, ""
        return _CONTROLS.sub("", _ESCAPES.sub("", text))


def _moves_of(escape: re.Match[str]) -> str:
    if not (move := _MOVE.fullmatch(escape[0])):
        return ""
    number, kind = move.groups()
    if kind in "JK":
        return _ERASED.get(number, "") if kind == "K" or number in ("", "0") else ""
    columns = min(max(1, int(number or 1)), _COLUMNS_MAX)
    return {"C": _RIGHT * columns, "D": "\b" * columns}.get(kind, "\r" + _RIGHT * (columns - 1))


class SettledLines:
    """Gives out plain text as a terminal finally shows it, line by line, once nothing can rewrite the line any more.

    A line that was erased as a whole is still shown: a progress bar that erases itself shows how far it got.
    """

    def __init__(self) -> None:
        self._unfinished = ""

    def feed(self, text: str) -> str:
        """Return the complete lines, and the text so far of a line that is too long to be held back."""
        self._unfinished = folded(self._unfinished + text)
        end = self._unfinished.rfind("\n") + 1
        last = self._unfinished[end:].rstrip(_MOVES)
        # No character takes more than two columns, and counting them takes as long as writing them.
        too_long = len(last) > _HELD_MAX_CHARS // 2 and _columns(last) > _HELD_MAX_CHARS
        if too_long or self._unfinished.startswith(GIVEN_OUT, end):
            return self.give_out()
        settled, self._unfinished = self._unfinished[:end], self._unfinished[end:]
        return settled.lstrip(GIVEN_OUT)

    @property
    def unfinished(self) -> str:
        """The unfinished line so far."""
        return given_out(self._unfinished)[0]

    def give_out(self) -> str:
        """Return the unfinished line so far, which then can't be rewritten, and continues from there."""
        shown, self._unfinished = given_out(self._unfinished)
        return shown

    def close(self) -> str:
        """Return the line that was left unfinished."""
        return self.give_out()


def given_out(text: str) -> tuple[str, str]:
    """Divide folded text into the part to show, and the state from which its last line continues."""
    written = text.rstrip(_MOVES)
    begun = GIVEN_OUT if written[-1:] not in ("", "\n") else ""
    return _shown(text).lstrip(GIVEN_OUT), begun + text[len(written) :]


def folded(text: str) -> str:
    """Return plain text with rewritten text removed. Its last line ends with moves that put the cursor where it was."""
    text = text.replace("\r\n", "\n")
    if not any(map(text.__contains__, _MOVES)):
        return text
    *lines, last = text.split("\n")
    return "".join([*(f"{_shown(_folded(line))}\n" for line in lines), _folded(last)])


def _shown(text: str) -> str:
    """Return folded text without the erased end of its last line, unless that leaves nothing of the line."""
    written = text.rstrip(_MOVES)
    if erased := _ERASED_END.match(text, len(written)):
        before, end, last = written.rpartition("\n")
        cells: list[str] = []
        _write(last, cells, 0)
        kept = "".join(cells[: len(erased[1])])
        if kept.strip():
            return before + end + kept
    return written


def _folded(line: str) -> str:
    """Return the final state of a line; several lines, if text that was given out would have been rewritten."""
    given = line.startswith(GIVEN_OUT)
    whole = [GIVEN_OUT] if given else []
    cells: list[str] = []
    at, cut, returned = 0, None, False
    for found in _PARTS.finditer(line, given):
        match (part := found[0])[0]:
            case "\r":
                at, returned = 0, True
            case "\b":
                at = max(0, at - len(part))
            case "\x11":
                at = max(at, min(at + len(part), max(_HELD_MAX_CHARS, len(cells))))
            case "\x12" | "\x14":
                cut = min(at if part[0] == _AFTER else 0, len(cells) if cut is None else cut)
            case "\x13":
                _part(cells, at + 1)
                cells[: at + 1] = " " * min(at + 1, len(cells))
            case _ if given and not returned:
                whole.append(part)
                at = 0
            case _:
                if given:
                    whole.append("\n")
                    given = False
                if cut is not None:
                    _part(cells, cut)
                    del cells[cut:]
                    cut = None
                cells += " " * (at - len(cells))
                at = _write(part, cells, at)
                if len(cells) > _HELD_MAX_CHARS:
                    whole += cells
                    cells.clear()
                    at, given, returned = 0, True, False
    if given and not returned:
        return "".join(whole)
    erased = "" if cut is None or cut == len(cells) else "\r" + _RIGHT * cut + _AFTER
    moved = "\r" + _RIGHT * at if given or erased or at != len(cells) else ""
    return "".join([*whole, *cells, erased, moved])


def _columns(text: str) -> int:
    cells: list[str] = []
    return len(text) if text.isascii() else _write(text, cells, 0)


def _write(text: str, cells: list[str], at: int) -> int:
    """Write a text into the columns of a line from column ``at`` on; return the column after it.

    A wide character takes two, of which the second is empty.
    """
    for written in _RUNS.findall(text):
        if not written.isascii() and combining(written) and at:
            base = at - 1 if cells[at - 1] else at - 2
            if len(cells[base]) < _STACKED_MAX_CHARS:
                cells[base] += written
                continue
        columns = [written, ""] if not written.isascii() and east_asian_width(written) in "WF" else written
        _part(cells, at)
        _part(cells, at + len(columns))
        cells[at : at + len(columns)] = columns
        at += len(columns)
    return at


def _part(cells: list[str], at: int) -> None:
    """Replace the two halves of a wide character by blanks, if column ``at`` lies between them."""
    if 0 < at < len(cells) and not cells[at]:
        cells[at - 1 : at + 1] = "  "

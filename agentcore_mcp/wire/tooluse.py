"""An agent's tool calls as short lines to show while waiting for its answer.

``wire.dialects`` reports whole calls, and calls in fragments as the model writes them. Tool results are not shown. If
lines are not taken, the oldest are dropped.
"""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

NOTE_MAX_CHARS = 160  # with the beginning of a progress line, at most the 200 characters that hosts show
_USING = "using tool "
_NAME_MAX_CHARS = 80
_VALUE_MAX_CHARS = 60
_ARGUMENTS_MAX_CHARS = 2000  # of a call that is still being written; a line shows far less
_UNFINISHED_MAX = 100
_NOTES_MAX = 100
_IDS_MAX = 10_000  # about 1 MB; an answer with more messages than this may repeat one of its first


class Memory(Generic[T]):
    """Keeps a value for each of the latest ids."""

    def __init__(self) -> None:
        self._ids: dict[str, T] = {}

    def of(self, value: object, begin: Callable[[], T]) -> tuple[T, bool]:
        """Return the value kept for an id, and whether the id is known; anything but a string counts as new."""
        if not isinstance(value, str) or not value:
            return begin(), False
        if value in self._ids:
            return self._ids[value], True
        self._ids[value] = begin()
        if len(self._ids) > _IDS_MAX:
            del self._ids[next(iter(self._ids))]
        return self._ids[value], False

    def get(self, value: object) -> T | None:
        """Return the value kept for an id, None if it never came."""
        return self._ids.get(value) if isinstance(value, str) else None

    def is_new(self, value: object) -> bool:
        """Return whether this is the first time for an id; anything but a string counts as new."""
        return not self.of(value, _anything)[1]


@dataclass(slots=True)
class _Call:
    name: str
    call_id: object
    arguments: str = ""


class ToolUse:
    """Turns the calls of one answer into lines: one for each call, however often it is reported."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._unfinished: dict[str | int | None, _Call] = {}
        self._known: Memory[str] = Memory()

    def called(self, name: object, arguments: object, call_id: object = None) -> None:
        """Note a whole call; its arguments are an object, or the JSON of one."""
        for key, call in list(self._unfinished.items()):
            if call_id is not None and call.call_id == call_id:
                del self._unfinished[key]
        if not isinstance(name, str) or not name:
            return
        text, came_before = self._known.of(call_id, lambda: call_text(name, arguments))
        if not came_before:
            self._lines.append(_USING + text)
            del self._lines[:-_NOTES_MAX]

    def known(self, call_id: object) -> str | None:
        """Return the text of a call that was noted."""
        return self._known.get(call_id)

    def begins(self, key: object, name: object, call_id: object = None) -> None:
        """Take note that a call begins, whose arguments may follow.

        Args:
            key: The key that identifies this call in its fragments: an index, an id, None.
            name: The tool's name; anything but a text is no call.
            call_id: The id by which the whole call may be reported again.
        """
        key = _key(key)
        before = self._unfinished.get(key)
        if before and call_id is not None and call_id != before.call_id:
            self.ends(key)
        if isinstance(name, str) and name and key not in self._unfinished:
            self._unfinished[key] = _Call(name, call_id)
            if len(self._unfinished) > _UNFINISHED_MAX:
                self.ends(next(iter(self._unfinished)))

    def continues(self, key: object, arguments: object) -> None:
        """Add a fragment of a call's arguments."""
        call = self._unfinished.get(_key(key))
        if call and isinstance(arguments, str) and len(call.arguments) < _ARGUMENTS_MAX_CHARS:
            call.arguments += arguments[:_ARGUMENTS_MAX_CHARS]

    def ends(self, key: object) -> None:
        """Take note that a call's arguments are complete."""
        call = self._unfinished.pop(_key(key), None)
        if call:
            self.called(call.name, call.arguments, call.call_id)

    def end(self) -> None:
        """Take note that every call's arguments are complete."""
        while self._unfinished:
            self.ends(next(iter(self._unfinished)))

    def take(self) -> list[str]:
        """Return the lines that are new since the last time."""
        if not self._lines:
            return []
        lines, self._lines = self._lines, []
        return lines


def _anything() -> Any:
    return None


def _key(value: object) -> str | int | None:
    return value if isinstance(value, (str, int)) else None


def call_text(name: str, arguments: object) -> str:
    """Return a call as a short text: the name of the tool, and its arguments as an object or the text of one."""
    if isinstance(arguments, str):
        with suppress(ValueError, RecursionError):  # cut short, or no JSON: shown as it is
            arguments = json.loads(arguments) if arguments else None
    if isinstance(arguments, dict):
        inner = ", ".join(f"{key}={_value(value)}" for key, value in list(arguments.items())[:NOTE_MAX_CHARS])
    else:
        inner = "" if arguments is None else str(arguments)
    line = f"{_cut(name, _NAME_MAX_CHARS)}("
    return f"{line}{_cut(inner, NOTE_MAX_CHARS - len(_USING) - len(line) - 1)})"


def _value(value: object) -> str:
    if isinstance(value, str):
        value = value[:_VALUE_MAX_CHARS]  # the rest would be cut anyway
    try:
        return _cut(json.dumps(value, ensure_ascii=False), _VALUE_MAX_CHARS)
    except RecursionError:  # nested so deeply that it could just be read
        return "…"


def _cut(text: str, max_chars: int) -> str:
    text = " ".join(text[: 4 * max_chars].split())
    return text if len(text) <= max_chars else f"{text[: max_chars - 1]}…"

"""Edits of JSON with comments and trailing commas that leave all else of the text as it is.

No library that is kept does this in Python: those that read comments write the file anew without them.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_TOKEN = re.compile(
    r"""(?P<skip>\s+|//[^\n]*|/\*.*?\*/)|(?P<mark>[{}\[\],:])|(?P<value>"(?:[^"\\\n]|\\.)*"|[^\s{}\[\],:"/]+)""",
    re.DOTALL,
)


@dataclass(slots=True)
class _Value:
    """A value in a text: where it stands, what it is, and of an object, where its members stand."""

    start: int
    end: int = 0
    plain: Any = None
    members: dict[str, tuple[int, _Value]] = field(default_factory=dict)


class JsonText:
    """A JSON document with comments and trailing commas. An empty text is an empty object.

    Raises:
        ValueError: If it is something else.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self._tokens = self._read_tokens()
        self._next = next(self._tokens)
        self._root = _Value(0, len(text), {}) if self._next[0] == "" else self._value()
        if self._next[0] != "" or not isinstance(self._root.plain, dict):
            raise self._wrong()

    def get(self, path: Sequence[str]) -> Any:
        """Return what stands at a path of keys; None if nothing does."""
        found = self._find(path)
        return None if found is None else found.plain

    def put(self, path: Sequence[str], value: Any) -> str:
        """Return the text with a value at a path, in the place of the one that is there, or as the last of its object.

        Raises:
            ValueError: If what stands on the way is no object.
        """
        if (there := self._find(path)) is not None:
            return self.text[: there.start] + self._written(value, there.start) + self.text[there.end :]
        if not self.text.strip():
            for key in reversed(path):
                value = {key: value}
            return json.dumps(value, indent=2, ensure_ascii=False) + "\n"
        depth = max(length for length in range(len(path)) if self._find(path[:length]) is not None)
        parent, key = self._find(path[:depth]), path[depth]
        if parent is None or not isinstance(parent.plain, dict):
            raise ValueError(f"{'.'.join(path[:depth])} is not an object")
        for inner in reversed(path[depth + 1 :]):
            value = {inner: value}
        return self._with_member(parent, key, value)

    def remove(self, path: Sequence[str]) -> str:
        """Return the text without what stands at a path."""
        parent, found = self._find(path[:-1]), self._find(path)
        if parent is None or found is None:
            return self.text
        start, end = parent.members[path[-1]][0], found.end
        before = [value.end for at, value in parent.members.values() if at < start]
        after = re.compile(r"\s*,").match(self.text, end)
        if before:
            # From the member before on, whose comma is this one's; a comment behind that stays.
            comma = self.text.rindex(",", before[-1], start)
            gap = self.text[comma + 1 : start].rstrip(" \t")
            return self.text[:comma] + gap.removesuffix("\n") + self.text[end:]
        return self.text[:start].rstrip() + self.text[after.end() if after else end :]

    def _with_member(self, parent: _Value, key: str, value: Any) -> str:
        text, closing = self.text, parent.end - 1
        line = "\n" + self._indent(parent.start) + self._step()
        member = f"{json.dumps(key, ensure_ascii=False)}: "
        if not parent.members:
            inner = text[parent.start + 1 : closing].rstrip()
            rest = "\n" + self._indent(parent.start)
            return (
                text[: parent.start + 1] + inner + line + member + self._written(value, 0, line) + rest + text[closing:]
            )
        last = max(value.end for _, value in parent.members.values())
        has_comma = self._comma_after(last, closing)
        kept = text[last:closing].rstrip()
        gap = text[last + len(kept) : closing]
        written = line + member + self._written(value, 0, line) + ("," if has_comma else "")
        return (
            text[:last]
            + ("" if has_comma else ",")
            + kept
            + written
            + (gap or "\n" + self._indent(parent.start))
            + text[closing:]
        )

    def _comma_after(self, position: int, end: int) -> bool:
        while (found := _TOKEN.match(self.text, position, end)) is not None:
            if found["mark"] == ",":
                return True
            position = found.end()
        return False

    def _written(self, value: Any, position: int, line: str | None = None) -> str:
        """Return a value as JSON with the indentation of the line that it stands in."""
        indent = self._indent(position) if line is None else line[1:]
        return json.dumps(value, indent=self._step(), ensure_ascii=False).replace("\n", "\n" + indent)

    def _indent(self, position: int) -> str:
        beginning = self.text.rfind("\n", 0, position) + 1
        return re.compile(r"[ \t]*").match(self.text, beginning)[0]  # type: ignore[index] # matches anywhere

    def _step(self) -> str:
        found = re.search(r"\n([ \t]+)\S", self.text)
        return found[1] if found else "  "

    def _find(self, path: Sequence[str]) -> _Value | None:
        value: _Value | None = self._root
        for key in path:
            if value is None or key not in value.members:
                return None
            value = value.members[key][1]
        return value

    def _read_tokens(self) -> Iterator[tuple[str, int]]:
        position = 1 if self.text.startswith("\ufeff") else 0
        while position < len(self.text):
            found = _TOKEN.match(self.text, position)
            if found is None:
                yield "?", position
                return
            if found["skip"] is None:
                yield found[0], position
            position = found.end()
        yield "", position

    def _take(self) -> tuple[str, int]:
        token = self._next
        self._next = next(self._tokens, ("", len(self.text)))
        return token

    def _value(self) -> _Value:
        mark, start = self._take()
        value = _Value(start, start + len(mark))
        if mark not in ("{", "["):
            try:
                value.plain = json.loads(mark)
            except ValueError:
                raise self._wrong(start) from None
            return value
        closing = "}" if mark == "{" else "]"
        value.plain = {} if mark == "{" else []
        while self._next[0] != closing:
            if mark == "{":
                key, at = self._take()
                if not key.startswith('"') or self._take()[0] != ":":
                    raise self._wrong(at)
                name = json.loads(key)
                member = self._value()
                value.members[name] = at, member
                value.plain[name] = member.plain
            else:
                value.plain.append(self._value().plain)
            if self._next[0] == ",":
                self._take()
            elif self._next[0] != closing:
                raise self._wrong()
        value.end = self._take()[1] + 1
        return value

    def _wrong(self, position: int | None = None) -> ValueError:
        at = self._next[1] if position is None else position
        return ValueError(f"line {self.text.count(chr(10), 0, at) + 1} is not JSON")

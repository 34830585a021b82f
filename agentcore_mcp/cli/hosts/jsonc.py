"""Edits of JSON with comments and trailing commas that leave the rest of the text unchanged.

No maintained Python library does this: those that read comments drop them when they write. So comments and trailing
commas are replaced with spaces before ``json`` parses the text, which keeps all positions valid in the original.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

_STRING = r'"(?:[^"\\\n]|\\.)*"'
_COMMENT = re.compile(rf"{_STRING}|(?P<blank>//[^\n]*|/\*.*?\*/)", re.DOTALL)
_TRAILING_COMMA = re.compile(rf"{_STRING}|(?P<blank>,)(?=\s*[}}\]])", re.DOTALL)
_SPACE = re.compile(r"\s*")
_DECODER = json.JSONDecoder()


@dataclass(frozen=True, slots=True)
class _Value:
    """A value in a text: the positions of its key, start and end, and the parsed value."""

    key: int
    start: int
    end: int
    plain: Any


class JsonText:
    """A JSON document with comments and trailing commas. An empty text is an empty object.

    Raises:
        ValueError: If the text is not such a document.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self._uncommented = _blanked(_COMMENT, re.sub("^\ufeff", " ", text))
        self._json = _blanked(_TRAILING_COMMA, self._uncommented)
        try:
            plain = json.loads(self._json) if self._json.strip() else {}
        except json.JSONDecodeError as error:
            raise ValueError(f"line {error.lineno} is not JSON") from None
        if not isinstance(plain, dict):
            raise ValueError("line 1 is not JSON")  # noqa: TRY004 - as for what is no JSON at all
        self._root = _Value(0, self._after_space(0), len(self._json.rstrip()), plain)

    def get(self, path: Sequence[str]) -> Any:
        """Return the value at a path of keys, None if there is none."""
        found = self._find(path)
        return None if found is None else found.plain

    def put(self, path: Sequence[str], value: Any) -> str:
        """Return the text with a value at a path: replaced if the key exists, else appended to its object.

        Raises:
            ValueError: If a key on the path is not an object.
        """
        if (there := self._find(path)) is not None:
            written = self._written(value, self._indent(there.start))
            return self.text[: there.start] + written + self.text[there.end :]
        depth = max(length for length in range(len(path)) if self._find(path[:length]) is not None)
        parent = self._find(path[:depth])
        if parent is None or not isinstance(parent.plain, dict):
            raise ValueError(f"{'.'.join(path[:depth])} is not an object")
        for key in reversed(path[depth + 1 :]):
            value = {key: value}
        if not self.text.strip():
            return json.dumps({path[0]: value}, indent=2, ensure_ascii=False) + "\n"
        return self._with_member(parent, path[depth], value)

    def remove(self, path: Sequence[str]) -> str:
        """Return the text without the value at a path."""
        parent, found = self._find(path[:-1]), self._find(path)
        if parent is None or found is None:
            return self.text
        before = [member.end for member in self._members(parent).values() if member.key < found.key]
        if before:
            # Cut from the comma after the previous member; a comment behind that comma stays.
            comma = self._json.rindex(",", before[-1], found.key)
            gap = self.text[comma + 1 : found.key].rstrip(" \t")
            return self.text[:comma] + gap.removesuffix("\n") + self.text[found.end :]
        after = self._after_space(found.end)
        rest = after + 1 if self._uncommented[after] == "," else found.end
        return self.text[: found.key].rstrip() + self.text[rest:]

    def _with_member(self, parent: _Value, key: str, value: Any) -> str:
        outer, closing = "\n" + self._indent(parent.start), parent.end - 1
        ends = [member.end for member in self._members(parent).values()]
        last = max(ends, default=parent.start + 1)
        has_comma = self._uncommented[self._after_space(last)] == ","
        # A comment behind the last member stays in place.
        kept = self.text[last:closing].rstrip()
        gap = self.text[last + len(kept) : closing]
        inner = outer[1:] + self._step()
        member = f"\n{inner}{json.dumps(key, ensure_ascii=False)}: {self._written(value, inner)}"
        comma_before, comma_after = "," if ends and not has_comma else "", "," if has_comma else ""
        end = (gap if "\n" in gap else outer) + self.text[closing:]
        return f"{self.text[:last]}{comma_before}{kept}{member}{comma_after}{end}"

    def _written(self, value: Any, indent: str) -> str:
        """Return a value as JSON, indented to follow ``indent``."""
        return json.dumps(value, indent=self._step(), ensure_ascii=False).replace("\n", "\n" + indent)

    def _indent(self, position: int) -> str:
        line = self.text[self.text.rfind("\n", 0, position) + 1 :]
        return line[: len(line) - len(line.lstrip(" \t"))]

    def _step(self) -> str:
        found = re.search(r"\n([ \t]+)\S", self.text)
        return found[1] if found else "  "

    def _find(self, path: Sequence[str]) -> _Value | None:
        value = self._root
        for key in path:
            if not isinstance(value.plain, dict) or key not in value.plain:
                return None
            value = self._members(value)[key]
        return value

    def _members(self, parent: _Value) -> dict[str, _Value]:
        """Return the members of an object."""
        members = {}
        position = self._after_space(parent.start + 1)
        while position < parent.end - 1:
            key, end = _DECODER.raw_decode(self._json, position)
            start = self._after_space(self._after_space(end) + len(":"))
            plain, end = _DECODER.raw_decode(self._json, start)
            members[key] = _Value(position, start, end, plain)
            position = self._after_space(self._after_space(end) + len(","))
        return members

    def _after_space(self, position: int) -> int:
        found = _SPACE.match(self._uncommented, position)
        return found.end() if found else position


def _blanked(part: re.Pattern[str], text: str) -> str:
    """Replace each match of ``part`` that has the group ``blank`` with spaces, keeping line breaks."""
    return part.sub(lambda found: re.sub(r"[^\n]", " ", found[0]) if found["blank"] else found[0], text)

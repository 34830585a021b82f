"""Custom objects of an agent's author: their words, and further members.

``{"result": …}``, ``{"response": …}`` and the like, whole or piece by piece; ``wire.dialects`` reads the objects of
frameworks first. Members that every piece repeats are said once, after the pieces, with the last value of each number,
id or time that changes. If an object holds the text so far beside the new piece, or a text grows from event to event,
only the new part is said.
"""

from __future__ import annotations

import re
from typing import Any

from agentcore_mcp.wire import dialects
from agentcore_mcp.wire.dialects import strands
from agentcore_mcp.wire.dialects.content import SPEAKERS, text_of
from agentcore_mcp.wire.speech import Said, Speech, as_json

# The usual names of the member that holds the words in an author's own object, the most certain first.
_ANSWER_NAMES = (
    "result", "response", "output", "answer", "message", "text", "content", "completion", "chunk", "delta", "token",
)  # fmt: skip
_KIND_NAMES = ("type", "event", "role")  # and the member for the kind of words
_DATA_MEMBERS = {"type", "event", "data"}  # "data" alone may be anything, but not beside a kind
_OTHER_KINDS = ("think", "reason", "tool", "status", "error")  # in a "type": kinds that are not the answer
# Members whose value may change with every piece and means nothing to a reader.
_BOOKKEEPING = re.compile(r"(?:.*_)?(?:id|uuid|time|timestamp|ts|date|created|at)|.*(?:[a-z]Id|At|Time)|Date")
_TEXTS_MAX = 12  # texts of one object compared to find a cumulative one: the comparison is pairwise
_MESSAGE_MEMBERS = ("type", "model", "usage", "stop_reason", "metrics", "state", "metadata", "name")
_PART_MEMBERS = {"type", "text", "id", "index", "annotations"}
_EMPTY: tuple[Any, ...] = (None, "", [], {})
_GROWN_CHARS = 20  # two pieces don't begin with the same text of this length by chance


def is_other_kind(kind: object) -> bool:
    """Return whether the type of an event says that its text is no part of the answer."""
    return isinstance(kind, str) and any(other in kind.lower() for other in _OTHER_KINDS)


class Authors:
    """Reads the objects of one answer, in their order."""

    def __init__(self, speech: Speech) -> None:
        self._speech = speech
        self.are_open = False  # whether the last event was one of these objects
        self._shape: tuple[object, ...] | None = None  # of the last object
        self._run = Said()  # the words of the objects of this shape
        self._run_before = Said()  # and those before the last other event
        self._grows = False  # whether each object repeats the text so far
        self._held = ""  # a text that may be the next piece, or all of the text so far
        self._rest: dict[str, Any] = {}  # their further members

    def interrupt(self, value: object) -> str:
        """Return the words held back for the current run of objects, unless the next event continues the run."""
        if not self.are_open or (isinstance(value, dict) and _shape(value) == self._shape):
            return ""
        held, self._held = self._held, ""
        words = self._speech.piece(held) if held else ""
        rest, self._rest = self._rest, {}
        self._shape, self._run_before, self.are_open = None, self._run, False
        return words + (self._speech.once(as_json(rest)) if rest else "")

    def read(self, value: dict[str, Any], whole: str) -> str:
        """Return the words of an object; call ``interrupt`` with it first.

        Args:
            value: The object.
            whole: Its JSON, returned if it has no words.

        Raises:
            RecursionError: If it is nested so deeply that it could just be read.
        """
        name = next((name for name in _ANSWER_NAMES if name in value), None)
        if name is None and value.keys() <= _DATA_MEMBERS and isinstance(value.get("data"), str):
            name = "data"
        if name is None or is_other_kind(value.get("type", value.get("event"))):
            return self._speech.line(whole)
        rest = {key: other for key, other in value.items() if key not in (name, *_KIND_NAMES) and other not in _EMPTY}
        answer = value[name]
        if not isinstance(answer, str):
            found = "" if answer is None else self._inner(answer)
            if found is None:
                return self._speech.line(whole)
            return found + (self._speech.line(as_json(rest)) if rest else "")
        if rest != self._rest:
            as_json(rest)  # raises now rather than when it is said
        shape = _shape(value)
        if shape != self._shape:
            self.are_open = True
            self._shape, self._run, self._grows = shape, Said(), False
        words = self._flush_if_changed(rest)
        if total := self._sum_in(value, name):
            piece, sum_name = total
            self._rest = {key: other for key, other in rest.items() if key != sum_name and other != piece}
            words += self._say(piece, shape)
        else:
            self._rest = rest
            words += self._grown(answer, shape, is_whole=name == "result")
        return words

    def _flush_if_changed(self, rest: dict[str, Any]) -> str:
        """Say the further members of the pieces so far, if those of the next piece differ."""
        for key, before in self._rest.items():
            now = rest.get(key)
            if now != before and not isinstance(now, (int, float)) and not _BOOKKEEPING.fullmatch(key):
                return self._speech.once(as_json(self._rest))
        return ""

    def _sum_in(self, value: dict[str, Any], name: str) -> tuple[str, str] | None:
        """Return the new piece of an object that also repeats the text so far, and the name of the cumulative member.

        The text so far is that of this run, that of the run before an interrupting event, or empty.

        Args:
            value: The object.
            name: The member that seems to hold the words: the piece or the cumulative text.
        """
        texts = [(key, text) for key, text in value.items() if isinstance(text, str) and key not in _KIND_NAMES]
        if len(texts) == 1:
            return None
        texts = texts[:_TEXTS_MAX]
        for run in (self._run, self._run_before, Said()):
            for sum_name, total in texts:
                rest = run.rest_of(total)
                for key, text in texts:
                    if text == rest and key != sum_name and name in (key, sum_name):
                        self._run = run
                        return text, sum_name
        return None

    def _grown(self, answer: str, shape: tuple[object, ...], *, is_whole: bool) -> str:
        """Say a text that is either the next piece, or the text so far with an addition."""
        held, self._held = self._held, ""
        if held and answer.startswith(held):
            self._grows = True
        elif held:
            return self._say(held, shape) + self._say(answer, shape)
        rest = self._run.rest_of(answer) if 0 < self._run.chars <= len(answer) else None
        if rest is None or not (rest or self._grows):
            return self._say(answer, shape, is_whole=is_whole)
        if self._grows or (rest and (self._run.chars >= _GROWN_CHARS or " " in rest)):
            self._grows = True
            return self._say(rest, shape)
        self._held = answer
        return ""

    def _say(self, text: str, shape: tuple[object, ...], *, is_whole: bool = False) -> str:
        self._run.add(text)
        # Pieces with the same shape follow each other; an object with another shape may repeat them all.
        return self._speech.voiced(text, shape, is_whole=is_whole)

    def _inner(self, answer: object) -> str | None:
        """Return the words of an answer that is no string: a message, or an object around one, or a framework's."""
        if not isinstance(answer, dict):
            parts = answer if isinstance(answer, list) else []
            text = text_of(parts) if all(map(_is_text, parts)) else None
            return None if text is None else self._speech.result(text)
        if (words := strands.result(answer, self._speech)) is not None:
            return words
        message = answer.get("message", answer)
        if isinstance(message, dict) and message.get("role") in SPEAKERS:
            message = text_of(message.get("content"))
        if not isinstance(message, str):
            return dialects.read(answer, self._speech)
        beside = ("message", "role", "content", *_MESSAGE_MEMBERS)
        rest = {key: other for key, other in answer.items() if key not in beside and other not in _EMPTY}
        rest = {key: other for key, other in rest.items() if not _BOOKKEEPING.fullmatch(key)}
        return self._speech.result(message) + (self._speech.line(as_json(rest)) if rest else "")


def _is_text(part: object) -> bool:
    """Return whether a part of a content is a text, and nothing but that."""
    members = part.keys() if isinstance(part, dict) else set()
    return text_of([part]) is not None and members <= _PART_MEMBERS


def _shape(value: dict[str, Any]) -> tuple[object, ...]:
    return value.get("type", value.get("event")), *value

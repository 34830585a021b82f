"""The words of an agent's answer: what a reader should see of each event, whatever framework the agent is built with.

Knows plain text and strings, the events and answers of the frameworks in ``wire.dialects``, and the objects that
authors return: ``{"result": …}``, ``{"response": …}`` and their like. Whatever else comes is passed on as its JSON
text, on a line of its own: nothing is dropped but what is known to carry no words, or to repeat words that were passed
on before. Not a renderer: nothing is folded, cut or styled here.
"""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

from agentcore_mcp.wire import dialects
from agentcore_mcp.wire.characters import valid_unicode
from agentcore_mcp.wire.dialects import reprs
from agentcore_mcp.wire.dialects.content import SPEAKERS, text_of
from agentcore_mcp.wire.speech import Speech, as_json

__all__ = ["FAILURE_MARK", "AnswerText", "event_line", "stream_failure"]

# What the data has of each event by which a BedrockAgentCoreApp reports an error after its stream has begun.
FAILURE_MARK = '"error_type"'

_STREAM_FAILURE_KEYS = ("error", "error_type", "message")
_STREAM_END = "[DONE]"  # how OpenAI-like streams say that nothing follows
# What authors call the member of their own objects that holds the words, the surest name first.
_ANSWER_NAMES = ("result", "response", "output", "answer", "message", "text", "content", "completion", "chunk", "delta")
_KIND_NAMES = ("type", "event", "role")  # and the one that says what kind of words these are
_DATA_MEMBERS = {"type", "event", "data"}  # "data" alone may be anything, but not beside a kind
_OTHER_KINDS = ("think", "reason", "tool", "status", "error")  # in a "type": what authors tell apart from the answer
_WHITE_SPACE = " \t\r\n"  # of JSON
_JSON_BEGINNINGS = frozenset('{["n')  # that matter: a number or a truth value is a word like any other
_OBJECT_BEGINNINGS = frozenset("{[deicmRAF")  # of strings that may hold an event: JSON, a "data: " line, a repr
_EVENT_BEGINNINGS = ("data: ", "event: ", "id: ")
_HELD_MAX_CHARS = 65_536  # of events without the path, before the hope is given up that one with it comes
_ABSENT = object()
_raw_decode = json.JSONDecoder().raw_decode


class AnswerText:
    """Collects the words of one answer, and beside them what tools it uses."""

    def __init__(self, *, path: str | None = None) -> None:
        """Begin an answer.

        Args:
            path: Where in each event, or in the whole answer, the words are: names of members and numbers of items with
                dots between them ("result.text", "choices.0.delta.content", "messages.-1.content"). What is there is
                said as it is. Of events without it only failures are said and tools noted; those that come before the
                first one with it wait, and if there is none by the end, or within 64 Ki characters, they are read as
                if there were no path.
        """
        self._speech = Speech()
        self._path = path.split(".") if path else []
        self._has_path = False  # whether an event had it
        self._held: list[str] | None = []
        self._held_chars = 0

    def feed(self, data: str) -> str:
        """Return the words that an event adds, ready to be appended to those before.

        Args:
            data: The data of one server-sent event, or a whole answer that is not a stream.
        """
        if data == _STREAM_END:
            return ""
        value: Any = data
        if data.lstrip()[:1] in _JSON_BEGINNINGS:
            try:  # contextlib.suppress would cost as much as the parsing
                value = _parsed(data)
            except (ValueError, RecursionError):
                value = data
        return self._by_path(value, data) if self._path else self._words(value, data)

    def take_notes(self) -> list[str]:
        """Return what is new about tools since the last time: short lines such as ``using tool add(a=1, b=2)``.

        They are no part of the words. Of lines that nobody takes, the newest hundred are kept.
        """
        notes = self._speech.tools.take()
        return [valid_unicode(note) for note in notes] if notes else notes

    def close(self) -> str:
        """Return what only the end of the answer settles."""
        return self._release() + self._speech.close()

    def _by_path(self, value: Any, data: str) -> str:
        found = _at(value, self._path)
        if found is not _ABSENT:
            self._has_path = True
            words = self._release()
            if isinstance(found, str):
                return words + self._speech.piece(found)
            return words if found is None else words + self._words(found, as_json(found))
        if self._held is None:
            self._speech.muted = self._has_path
            words = self._words(value, data)
            self._speech.muted = False
            return words
        self._held.append(data)
        self._held_chars += len(data)
        return self._release() if self._held_chars > _HELD_MAX_CHARS else ""

    def _release(self) -> str:
        held, self._held = self._held, None
        return "".join(map(self.feed, held or ()))

    def _words(self, value: Any, data: str) -> str:
        if isinstance(value, str):
            return self._string(value)
        try:
            if isinstance(value, dict):
                words = dialects.read(value, self._speech)
                return self._authors(value, data.strip()) if words is None else words
            if isinstance(value, list):
                words = dialects.items(value, self._speech)
                return self._speech.line(data.strip()) if words is None else words
        except RecursionError:  # nested so deeply that it could just be read
            return self._speech.line(data.strip())
        # None is what an agent yields by accident; the rest is what somebody's path led to.
        return "" if value is None else self._speech.piece(data)

    def _string(self, text: str) -> str:
        """Return the words of a string: nearly always it is some."""
        if text[:1] in _OBJECT_BEGINNINGS:
            words = reprs.words_of(text, self._speech)
            if words is None:
                words = self._events(text) if text.startswith(_EVENT_BEGINNINGS) else self._json(text)
            if words is not None:
                return words
        return self._speech.piece(text)

    def _json(self, text: str) -> str | None:
        """Return the words of JSON in a string, None if it is none or nobody's: then it may be what was asked for."""
        end = text.rstrip()[-1:]
        try:
            if text[0] == "{" and end == "}":
                return dialects.read(_parsed(text), self._speech)
            if text[0] == "[" and end == "]":
                return dialects.items(_parsed(text), self._speech)
        except (ValueError, RecursionError):
            pass
        return None

    def _events(self, text: str) -> str | None:
        """Return the words of an event that was written for a line already, and then sent as the data of another."""
        events = []
        for event in filter(None, text.split("\n\n")):
            lines = event.split("\n")
            if not all(line.startswith(_EVENT_BEGINNINGS) for line in lines):
                return None
            data = "\n".join(line.removeprefix("data: ") for line in lines if line.startswith("data: "))
            if data[:1] not in '{["' or not (data or text.endswith("\n\n")):
                return None
            events.append(data)
        return "".join(map(self.feed, events))

    def _authors(self, value: dict[str, Any], whole: str) -> str:
        """Return the words of an object that an agent's author has made, and then whatever else it holds."""
        kind = value.get("type", value.get("event"))
        name = next((name for name in _ANSWER_NAMES if name in value), None)
        if name is None and value.keys() <= _DATA_MEMBERS and isinstance(value.get("data"), str):
            name = "data"
        if name is None or (isinstance(kind, str) and any(other in kind.lower() for other in _OTHER_KINDS)):
            return self._speech.line(whole)
        rest = {key: other for key, other in value.items() if key not in (name, *_KIND_NAMES)}
        rest_as_json = as_json(rest) if rest else ""
        answer = value[name]
        if isinstance(answer, str):
            # Pieces of a kind follow each other; what is of another kind may be all of them once more.
            words = self._speech.voiced(answer, (kind, *value), is_whole=name == "result")
        else:
            found = "" if answer is None else self._inner(answer)
            if found is None:
                return self._speech.line(whole)
            words = found
        return words + self._speech.line(rest_as_json) if rest else words

    def _inner(self, answer: object) -> str | None:
        """Return the words of an answer that is no string: a message, or an object around one, or a framework's."""
        if not isinstance(answer, dict):
            text = text_of(answer)
            return None if text is None else self._speech.result(text)
        message = answer.get("message", answer)
        if isinstance(message, dict) and message.get("role") in SPEAKERS:
            message = text_of(message.get("content"))
        if isinstance(message, str):
            return self._speech.result(message)
        return dialects.read(answer, self._speech)


def stream_failure(data: str) -> tuple[str, str, str] | None:
    """Return error, error type and message if an event is the report of a failure, else None.

    Only the object with these three texts that BedrockAgentCoreApp sends counts; an agent may have its own events with
    an ``error``.
    """
    if FAILURE_MARK not in data:  # spares the parsing for nearly every event
        return None
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return None
    if not isinstance(value, dict) or value.keys() != set(_STREAM_FAILURE_KEYS):
        return None
    texts = [valid_unicode(text) for text in map(value.get, _STREAM_FAILURE_KEYS) if isinstance(text, str)]
    return (texts[0], texts[1], texts[2]) if len(texts) == len(_STREAM_FAILURE_KEYS) else None


def event_line(data: str) -> str:
    """Return an event's data for a list with an event on each line: JSON of several lines is the same on one.

    What is no JSON is left as it is: it may be lines of JSON, or a text, whose lines are its own.
    """
    data = valid_unicode(data)
    if "\n" in data:
        with suppress(ValueError, RecursionError):
            _parsed(data)
            return data.strip(_WHITE_SPACE).replace("\r", " ").replace("\n", " ")
    return data


def _parsed(text: str) -> Any:
    """Parse as ``json.loads`` does, which takes twice as long because it looks for white space by regular expressions.

    Raises:
        ValueError, RecursionError: If it is no JSON, or nested too deeply.
    """
    text = text.strip(_WHITE_SPACE)
    value, end = _raw_decode(text)
    if end != len(text):
        raise ValueError("more than a value")
    return value


def _at(value: Any, path: list[str]) -> Any:
    """Return what is at the end of a path, or that nothing is."""
    if isinstance(value, str) and value[:1] == "{":
        with suppress(ValueError, RecursionError):
            value = _parsed(value)
    for step in path:
        if isinstance(value, dict) and step in value:
            value = value[step]
        elif isinstance(value, list) and step.removeprefix("-").isdecimal() and -len(value) <= int(step) < len(value):
            value = value[int(step)]
        else:
            return _ABSENT
    return value

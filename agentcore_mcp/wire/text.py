"""The words of an agent's answer: the text that each event adds, whatever framework the agent is built with.

Reads plain text and strings, the events and answers of the frameworks in ``wire.dialects``, and the custom objects of
agents' authors (``wire.dialects.authors``). Any other value is passed on as its JSON, on a line of its own: only events
known to carry no words, and repeated words, are dropped. Not a renderer: nothing is folded, cut or styled here.
"""

from __future__ import annotations

import json
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from agentcore_mcp.wire import dialects
from agentcore_mcp.wire.characters import valid_unicode
from agentcore_mcp.wire.dialects import frameworks, langgraph, reprs
from agentcore_mcp.wire.dialects.authors import Authors, is_other_kind
from agentcore_mcp.wire.dialects.content import follow
from agentcore_mcp.wire.pieces import DATA_STREAM_LINE, Binary, Text
from agentcore_mcp.wire.reports import FAILURE_MARK, event_line, is_too_much, says_nothing, stream_failure
from agentcore_mcp.wire.speech import Speech, as_json
from agentcore_mcp.wire.sse import NamedData, SSEEvent

if TYPE_CHECKING:
    from agentcore_mcp.wire.pauses import Pause

__all__ = ["FAILURE_MARK", "AnswerText", "event_line", "stream_failure"]

_STREAM_END = "[DONE]"  # how OpenAI-like streams say that nothing follows
_WHITE_SPACE = " \t\r\n"  # of JSON
_COMMON_BEGINNINGS = frozenset('{"')  # of nearly all events: these skip the checks for rarer formats
_JSON_BEGINNINGS = frozenset('{["n')  # that need parsing: a number or a boolean is a word like any other
_JSON_WORDS = ("true", "false", "NaN", "Infinity")
# Of strings that may hold an event: JSON, a "data: " line, a repr, a line of the AI SDK's data stream.
_SPECIAL_BEGINNINGS = frozenset("{[0123456789abcdefghijkmADFMPRSTW")
_EVENT_BEGINNINGS = ("data: ", "event: ", "id: ")
_HELD_MAX_CHARS = 65_536  # of events without the path, held back until an event has it or this is reached
_ABSENT = object()
_raw_decode = json.JSONDecoder().raw_decode


class AnswerText:
    """Collects the words, the tool calls and the pauses of one answer."""

    def __init__(self, *, path: str | None = None) -> None:
        """Begin an answer.

        Args:
            path: Where in each event, or in the whole answer, the words are: member names and list indexes with dots
                between them ("result.text", "choices.0.delta.content", "messages.-1.content"). The value there is said
                unchanged. Of events without the path, only failures are said and tools noted. Events before the first
                one with the path are held back; if none has it by the end, or within 64 Ki characters, they are read
                as if no path were given.
        """
        self._speech = Speech()
        self._authors = Authors(self._speech)
        self._is_plain = False  # whether plain text has come, outside of JSON
        self._path = path.split(".") if path else []
        self._has_path = False  # whether an event had it
        self._held: list[str] | None = []
        self._held_chars = 0

    def feed(self, data: str | SSEEvent) -> str:
        """Return the words that an event adds, ready to be appended to those before.

        Args:
            data: One piece of an answer: a server-sent event or the data of one, a line, a text, or a whole answer.
        """
        if isinstance(data, str) and is_too_much(data):
            return self._authors.interrupt(None) + self._speech.piece(str(data))
        if type(data) is str and data[:1] in _COMMON_BEGINNINGS and not self._is_plain and not self._path:
            try:  # contextlib.suppress would cost as much as the parsing
                value, end = _raw_decode(data)
            except (ValueError, RecursionError):
                value, end = data, len(data)
            if end == len(data):
                return self._words(value, data)
        if isinstance(data, SSEEvent):
            data = NamedData.of(data.data, data.event)
        value = data
        begin = data.lstrip()[:1]
        # After plain text, or a blank that no encoder writes, a string in quotes is a part of the text.
        if begin == "{" or (begin in _JSON_BEGINNINGS and not (begin in '"n' and (self._is_plain or data[0] != begin))):
            if begin == "[" and data.strip() == _STREAM_END and not isinstance(data, Text):
                return ""
            with suppress(ValueError, RecursionError):
                value = _parsed(data)
        elif begin.isalpha() and data not in _JSON_WORDS and not data.startswith(_EVENT_BEGINNINGS):
            self._is_plain = True
        return self._by_path(value, data) if self._path else self._piece(value, data)

    def take_notes(self) -> list[str]:
        """Return notes about the tools used since the last call: short lines such as ``using tool add(a=1, b=2)``.

        They are not part of the words. Of notes that are not taken, the newest hundred are kept.
        """
        notes = self._speech.tools.take()
        return [valid_unicode(note) for note in notes] if notes else notes

    @property
    def pauses(self) -> list[Pause]:
        """The questions, so far, that a person has to answer; the words contain them too."""
        return self._speech.pauses

    def close(self) -> str:
        """End the answer and return the words that were held back until then."""
        return self._release() + self._authors.interrupt(None) + self._speech.close()

    def _by_path(self, value: Any, data: str) -> str:
        inner = value
        if isinstance(value, str) and value[:1] == "{":
            with suppress(ValueError, RecursionError):
                inner = _parsed(value)
        found = follow(inner, self._path, _ABSENT)
        if found is not _ABSENT:
            self._has_path = True
            words = self._release()
            if isinstance(found, str):
                return words + self._speech.piece(found)
            return words if found is None else words + self._words(found, as_json(found))
        if self._held is None:
            self._speech.muted = self._has_path
            words = self._piece(value, data)
            self._speech.muted = False
            return words
        self._held.append(data)
        self._held_chars += len(data)
        return self._release() if self._held_chars > _HELD_MAX_CHARS else ""

    def _release(self) -> str:
        held, self._held = self._held, None
        return "".join(map(self.feed, held or ()))

    def _piece(self, value: Any, data: str) -> str:
        if type(data) is str:
            return self._words(value, data)
        before = self._authors.interrupt(value)
        if isinstance(data, NamedData) and data.event != "message":
            return before + self._named(value, data)
        if isinstance(data, Binary):
            return before + self._speech.line(data)
        return before + (self._speech.piece(data) if isinstance(data, Text) else self._words(value, data))

    def _named(self, value: Any, data: NamedData) -> str:
        """Return the words of an event whose type may add to its data."""
        name, words = data.event, None
        if failure := stream_failure(data):
            error, error_type, message = failure
            return self._speech.failure(": ".join(filter(None, (error_type, error, message))))
        if says_nothing(data):
            return ""
        mode, _, form = name.partition("|")[0].partition("/")
        if mode in langgraph.MODES or mode == "metadata":
            words = langgraph.served(mode, form, value, self._speech)
        if words is None and isinstance(value, dict) and "type" not in value and "event" not in value:
            with suppress(RecursionError):
                words = dialects.read({"type": name, **value}, self._speech)
                data = NamedData.of(as_json({"event": name, **value}), name)
                value = {"event": name, **value}
        if words is None and isinstance(value, str) and is_other_kind(name):
            return self._speech.line(f"{name}: {value}")
        return self._words(value, data) if words is None else words

    def _words(self, value: Any, data: str) -> str:
        if self._authors.are_open and (before := self._authors.interrupt(value)):
            return before + self._words(value, data)
        if isinstance(value, str):
            return self._string(value)
        try:
            if isinstance(value, dict):
                words = dialects.read(value, self._speech)
                return self._authors.read(value, data.strip()) if words is None else words
            if isinstance(value, list):
                words = dialects.items(value, self._speech)
                return self._speech.line(data.strip()) if words is None else words
        except RecursionError:  # nested so deeply that it could just be read
            return self._speech.line(data.strip())
        # Agents yield None by accident; a number or a truth value comes from the path.
        return "" if value is None else self._speech.piece(data)

    def _string(self, text: str) -> str:
        """Return the words of a string: nearly always the string itself."""
        if text[:1] in _SPECIAL_BEGINNINGS:
            if text[1:2] == ":" and DATA_STREAM_LINE.match(text):
                with suppress(ValueError, RecursionError):
                    return frameworks.ai_data_stream(text[0], _parsed(text[2:]), self._speech)
            words = reprs.words_of(text, self._speech, lambda value: self._foreign(value, text))
            if words is None:
                words = self._events(text) if text.startswith(_EVENT_BEGINNINGS) else self._json(text)
            if words is not None:
                return words
        return self._speech.piece(text)

    def _foreign(self, value: Any, text: str) -> str | None:
        """Return the words of an object that arrived as its ``repr()``."""
        words = self._read(value)
        return self._authors.read(value, text) if words is None and type(value) is dict else words

    def _read(self, value: Any) -> str | None:
        """Return the words of an object or a list, None if no dialect knows it."""
        if isinstance(value, list):
            return dialects.items(value, self._speech)
        return dialects.read(value, self._speech)

    def _json(self, text: str) -> str | None:
        """Return the words of JSON in a string, None if no dialect knows it: the user may have asked for JSON."""
        end = text.rstrip()[-1:]
        try:
            if text[0] + end in ("{}", "[]"):
                return self._read(_parsed(text))
        except (ValueError, RecursionError):
            pass
        return None

    def _events(self, text: str) -> str | None:
        """Return the words of server-sent events inside the data of another event, or None."""
        events = []
        for event in filter(None, text.split("\n\n")):
            lines = event.split("\n")
            if not all(line.startswith(_EVENT_BEGINNINGS) for line in lines):
                return None
            data = "\n".join(line.removeprefix("data: ") for line in lines if line.startswith("data: "))
            if not text.endswith("\n\n") and (not data or data[0] not in '{["'):
                return None
            kinds = [line.removeprefix("event: ") for line in lines if line.startswith("event: ")]
            events.append(SSEEvent(data, kinds[-1] if kinds else "message"))
        return "".join(map(self.feed, events))


def _parsed(text: str) -> Any:
    """Parse like ``json.loads``, which takes twice as long because it skips white space with regular expressions.

    Raises:
        ValueError, RecursionError: If the text is not JSON, or is nested too deeply.
    """
    text = text.strip(_WHITE_SPACE)
    value, end = _raw_decode(text)
    if end != len(text):
        raise ValueError("text after the JSON value")
    return value

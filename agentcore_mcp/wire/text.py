"""The words of an agent's answer: what a reader should see of each event, whatever framework the agent is built with.

Knows plain text and strings, Bedrock Converse streams, Strands Agents, and the objects that AWS's samples return:
``{"result": …}``, ``{"response": …}``, ``{"output": …}``, ``{"message": …}``, ``{"text": …}``. Whatever else comes is
passed on as its JSON text, on a line of its own: nothing is dropped but what is known to carry no words, or to repeat
words that were passed on before. Not a renderer: nothing is folded, cut or styled here.
"""

from __future__ import annotations

import ast
import json
import re
from typing import Any, TypeGuard

# The message of the event by which a BedrockAgentCoreApp reports an error after its stream has begun.
STREAM_FAILURE_MESSAGE = "An error occurred during streaming"

_STREAM_FAILURE_KEYS = {"error", "error_type", "message"}
_STREAM_END = "[DONE]"  # how OpenAI-like streams say that nothing follows

# Strands sends the same words up to four times: the model's own delta, its ``data`` event, the message once it is
# complete, and the result. An answer's words come from the first of these that it has; the later ones are copies.
_RESULT, _MESSAGE, _DATA, _DELTA = range(4)

_CONVERSE_WITHOUT_WORDS = {"contentBlockStart", "contentBlockStop", "messageStop"}
_STRANDS_LIFECYCLE = ("init_event_loop", "start", "start_event_loop")
_ANSWER_NAMES = ("result", "response", "output", "message", "text")

# Strands puts live objects into its callback events, which is why the published SDK sends these as a string: the
# repr of the dictionary. Both markers are Strands' own, so that no agent's text is taken for such an event.
_STRANDS_EVENT = re.compile(r"\{'(?:.*'event_loop_cycle_id': |result': AgentResult\()", re.DOTALL)
_DATA_EVENT = re.compile(r"""\{'data': ('(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"), 'delta': """)
_RESULT_EVENT = re.compile(r"\{'result': AgentResult\(stop_reason='\w*', message=(\{.*?\}), metrics=", re.DOTALL)

_SURROGATE = re.compile("[\ud800-\udfff]")


class AnswerText:
    """Collects the words of one answer."""

    def __init__(self) -> None:
        self._source = _RESULT  # the best source of words seen so far
        self._line_ended = True
        self._break = False  # whether the next words begin on a new line
        self._half = ""  # the first half of a surrogate pair: some agents cut their text between the two

    def feed(self, data: str) -> str:
        """Return the words that an event adds, ready to be appended to those before.

        Args:
            data: The data of one server-sent event, or a whole answer that is not a stream.
        """
        if data == _STREAM_END:
            return ""
        try:
            value = json.loads(data)
        except (ValueError, RecursionError):
            return self._words(data)
        if isinstance(value, str):
            event = _strands_event(value)
            return self._words(value) if event is None else self._object(event, value)
        if isinstance(value, dict):
            return self._object(value, data.strip())
        if isinstance(value, list):
            return self._line(data.strip())
        # In a stream of plain text a number is a word like any other; None is what an agent yields by accident.
        return "" if value is None else self._words(data)

    def close(self) -> str:
        """Return what only the end of the answer settles."""
        half, self._half = self._half, ""
        return "\ufffd" if half else ""

    def _object(self, value: dict[str, Any], whole: str) -> str:
        event = value.get("event", value)
        if isinstance(event, dict) and len(event) == 1:
            ((name, body),) = event.items()
            if name == "contentBlockDelta" and isinstance(body, dict) and isinstance(body.get("delta"), dict):
                text = body["delta"].get("text")  # absent in the deltas of tool use and reasoning
                return self._words_from(_DELTA, text) if isinstance(text, str) else ""
            if name == "messageStart":
                self._break = True
                return ""
            if name in _CONVERSE_WITHOUT_WORDS or (name == "metadata" and isinstance(body, dict) and "usage" in body):
                return ""
        if isinstance(value.get("data"), str) and (len(value) == 1 or "delta" in value):
            return self._words_from(_DATA, value["data"])
        if "event_loop_cycle_id" in value or any(value.get(name) is True for name in _STRANDS_LIFECYCLE):
            return ""
        if len(value) == 1 and _is_message(value.get("message")):
            return self._message(value["message"])
        return self._answer(value, whole)

    def _message(self, message: dict[str, Any]) -> str:
        """Return the words of one of the messages that Strands reports; the user's hold the results of tools."""
        if message["role"] != "assistant" or self._source > _MESSAGE:
            return ""
        self._break = True
        return self._words_from(_MESSAGE, _message_text(message) or "")

    def _answer(self, value: dict[str, Any], whole: str) -> str:
        """Return the words of an object that an agent's author has made, and then whatever else it holds."""
        name = next((name for name in _ANSWER_NAMES if name in value), None)
        text = _message_text(value) if name is None else _final_text(value[name])
        if text is None:
            return self._line(whole)
        rest = {key: other for key, other in value.items() if key not in (name, "type")} if name else {}
        try:
            line = json.dumps(rest, ensure_ascii=False) if rest else ""
        except RecursionError:  # nested so deeply that it could just be read
            return self._line(whole)
        words = self._words_from(_RESULT, text) if name in ("result", None) else self._words(text)
        return words + self._line(line) if line else words

    def _words_from(self, source: int, text: str) -> str:
        if source < self._source:
            return ""
        self._source = source
        return self._words(text)

    def _line(self, text: str) -> str:
        self._break = True
        words = self._words(text)
        self._break = True
        return words

    def _words(self, text: str) -> str:
        text = self._half + text
        self._half = text[-1:] if "\ud800" <= text[-1:] <= "\udbff" else ""
        text = valid_unicode(text.removesuffix(self._half))
        if not text:
            return ""
        if self._break and not self._line_ended:
            text = "\n" + text
        self._break = False
        self._line_ended = text.endswith("\n")
        return text


def stream_failure(data: str) -> tuple[str, str] | None:
    """Return error and error type if an event is the report of a failure, else None.

    Only the exact object that BedrockAgentCoreApp sends counts; an agent may have its own events with an ``error``.
    """
    if STREAM_FAILURE_MESSAGE not in data:  # spares the parsing for nearly every event
        return None
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return None
    if not isinstance(value, dict) or value.keys() != _STREAM_FAILURE_KEYS:
        return None
    error, error_type = value["error"], value["error_type"]
    if value["message"] != STREAM_FAILURE_MESSAGE or not isinstance(error, str) or not isinstance(error_type, str):
        return None
    return valid_unicode(error), valid_unicode(error_type)


def valid_unicode(text: str) -> str:
    r"""Return the text with each lone surrogate replaced by U+FFFD.

    JSON can carry such a character (``"\ud83d"``), UTF-8 can't: it would fail whatever the text is written to.
    """
    if text.isascii() or not _SURROGATE.search(text):
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _is_message(value: object) -> TypeGuard[dict[str, Any]]:
    return isinstance(value, dict) and isinstance(value.get("role"), str) and isinstance(value.get("content"), list)


def _message_text(value: object) -> str | None:
    """Return the text of a message in Converse form, None if it is no message or has no text."""
    if not _is_message(value):
        return None
    parts = [part["text"] for part in value["content"] if isinstance(part, dict) and isinstance(part.get("text"), str)]
    return "".join(parts) if parts else None


def _final_text(value: object) -> str | None:
    """Return the words of an answer: a text, a message, or an object that holds one of these as its message."""
    if value is None:
        return ""
    if isinstance(value, dict):
        message = value.get("message", value)
        return message if isinstance(message, str) else _message_text(message)
    return value if isinstance(value, str) else None


def _strands_event(text: str) -> dict[str, Any] | None:
    """Return what a Strands event that was sent as its repr says, None if the text is something else."""
    if not _STRANDS_EVENT.match(text):
        return None
    try:
        if data := _DATA_EVENT.match(text):
            return {"data": ast.literal_eval(data[1])}
        if result := _RESULT_EVENT.match(text):
            return {"result": ast.literal_eval(result[1])}
    except (ValueError, SyntaxError):
        return None
    return {"event_loop_cycle_id": ""}

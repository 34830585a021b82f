"""Events that report on the stream rather than carry the answer: failures, its end, keep-alives.

The data tells some of them, the type of the event alone the others. Used by ``wire.text`` and ``runtime.readers``.
"""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

from agentcore_mcp.wire.characters import valid_unicode
from agentcore_mcp.wire.sse import NamedData

# What the data has of each event by which a BedrockAgentCoreApp in Python reports an error after its stream has begun.
FAILURE_MARK = '"error_type"'

# About 50 ms of parsing: an event loop must not be held for longer than 100. Such an answer is shown as it came.
_MUCH_CHARS = 262_144
_VALUES_MAX = 200_000
_STREAM_FAILURE_KEYS = ("error", "error_type", "message")
_FAILURE_NAMES = ("error", "exception")
_END_NAMES = ("done", "end", "close", "complete", "completed", "finish", "finished", "stop")
_IDLE_NAMES = ("ping", "heartbeat", "keepalive", "keep-alive", "keep_alive")
_NOTHING = ("", "{}", "[]", "null", '""', "[DONE]", '"[DONE]"')
_TEXTS, _TYPES = ("message", "errorText", "detail", "error"), ("error_type", "type", "name", "code", "error")


def is_too_much(text: str) -> bool:
    """Tell whether a text, if it is JSON, has so many values that parsing it would hold up everything else."""
    return len(text) > _MUCH_CHARS and text.count(",") + text.count(":") > _VALUES_MAX


def parsed(text: str, default: Any = None) -> Any:
    """Return the value that a text is in JSON; ``default`` if it is none, or has too many values."""
    if not is_too_much(text):
        with suppress(ValueError, RecursionError):
            return json.loads(text)
    return default


def stream_failure(data: str) -> tuple[str, str, str] | None:
    """Return error, error type and message if an event is the report of a failure, else None; the last two may be "".

    That is what a BedrockAgentCoreApp sends. In Python it is an object of just these three texts, because an agent may
    have its own events with an ``error``; in TypeScript it is whatever comes with the type ``error``.
    """
    if isinstance(data, NamedData) and data.event.lower() in _FAILURE_NAMES:
        error, error_type, message = map(valid_unicode, _failure(data))
        return error, error_type, message
    value = parsed(data) if FAILURE_MARK in data else None  # spares the parsing for nearly every event
    if not isinstance(value, dict) or value.keys() != set(_STREAM_FAILURE_KEYS):
        return None
    texts = [valid_unicode(text) for text in map(value.get, _STREAM_FAILURE_KEYS) if isinstance(text, str)]
    return (texts[0], texts[1], texts[2]) if len(texts) == len(_STREAM_FAILURE_KEYS) else None


def says_nothing(data: NamedData) -> bool:
    """Return whether an event only reports the end of the stream, or keeps it alive."""
    name = data.event.lower()
    return name in _IDLE_NAMES or (data.strip() in _NOTHING and name.rpartition(".")[2] in _END_NAMES)


def event_line(data: str) -> str:
    """Return a piece of an answer for a list with an event on each line: JSON of several lines is the same on one.

    An event that has a type which its data doesn't repeat becomes ``{"event": …, "data": …}``. What is no JSON is left
    as it is: it may be lines of JSON, or a text, whose lines are its own.
    """
    if isinstance(data, NamedData) and data.event != "message":
        value = parsed(data, str(data))
        if not isinstance(value, dict) or data.event not in (value.get("type"), value.get("event")):
            with suppress(RecursionError):
                return valid_unicode(json.dumps({"event": data.event, "data": value}, ensure_ascii=False))
    text = valid_unicode(data)
    if "\n" in text and parsed(text, _NOTHING) is not _NOTHING:
        text = text.strip(" \t\r\n").replace("\r", " ").replace("\n", " ")
    return text


def _failure(data: str) -> tuple[str, str, str]:
    """Return the error text, the error type and any further members of an event that reports an error."""
    value = parsed(data, str(data))
    if isinstance(value, dict):
        inner = value["error"] if isinstance(value.get("error"), dict) else value
        texts = [name for name in _TEXTS if isinstance(inner.get(name), str) and inner[name]]
        if "error_type" in inner:
            texts.sort(key="error".__ne__)
        kinds = [name for name in _TYPES if isinstance(inner.get(name), str) and inner[name] and name not in texts[:1]]
        kind = next((name for name in kinds if inner[name] != "error"), "")
        rest = {name: other for name, other in inner.items() if name not in (*texts[:1], *kinds) and other is not None}
        if texts:
            more = inner["message"] if rest.keys() == {"message"} else json.dumps(rest, ensure_ascii=False)
            return inner[texts[0]], inner.get(kind, ""), str(more) if rest else ""
    text = value if isinstance(value, str) else data
    return text.strip() if text.strip() not in _NOTHING else "the agent reported an error without a word", "", ""

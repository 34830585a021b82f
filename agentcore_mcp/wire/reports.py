"""Events that report on the stream rather than carry the answer: failures, its end, keep-alives.

Some are recognised by their data, the others only by the event type. Used by ``wire.text`` and ``runtime.readers``.
"""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

from agentcore_mcp.wire.characters import valid_unicode
from agentcore_mcp.wire.sse import NamedData

# In the data of every event with which a Python BedrockAgentCoreApp reports an error after its stream has begun.
FAILURE_MARK = '"error_type"'

# About 50 ms of parsing: an event loop must not be blocked for longer than 100 ms. A larger answer is shown unparsed.
_MUCH_CHARS = 262_144
_VALUES_MAX = 200_000
_STREAM_FAILURE_KEYS = ("error", "error_type", "message")
_FAILURE_NAMES = ("error", "exception")
_END_NAMES = ("done", "end", "close", "complete", "completed", "finish", "finished", "stop")
_IDLE_NAMES = ("ping", "heartbeat", "keepalive", "keep-alive", "keep_alive")
_NOTHING = ("", "{}", "[]", "null", '""', "[DONE]", '"[DONE]"')
_TEXTS, _TYPES = ("message", "errorText", "detail", "error"), ("error_type", "type", "name", "code", "error")


def is_too_much(text: str) -> bool:
    """Tell whether a text, if it is JSON, has so many values that parsing it would block the event loop."""
    return len(text) > _MUCH_CHARS and text.count(",") + text.count(":") > _VALUES_MAX


def parsed(text: str, default: Any = None) -> Any:
    """Return the value of a JSON text; ``default`` if it is not JSON, or has too many values."""
    if not is_too_much(text):
        with suppress(ValueError, RecursionError):
            return json.loads(text)
    return default


def stream_failure(data: str) -> tuple[str, str, str] | None:
    """Return error, error type and message if an event reports a failure, else None; the last two may be "".

    A BedrockAgentCoreApp sends these. From Python the object must have exactly these three strings, because an agent
    may have its own events with an ``error``; from TypeScript it is any event of the type ``error``.
    """
    if isinstance(data, NamedData) and data.event.lower() in _FAILURE_NAMES:
        error, error_type, message = map(valid_unicode, _failure(data))
        return error, error_type, message
    value = parsed(data) if FAILURE_MARK in data else None  # avoids parsing nearly every event
    if not isinstance(value, dict) or value.keys() != set(_STREAM_FAILURE_KEYS):
        return None
    texts = [valid_unicode(text) for text in map(value.get, _STREAM_FAILURE_KEYS) if isinstance(text, str)]
    return (texts[0], texts[1], texts[2]) if len(texts) == len(_STREAM_FAILURE_KEYS) else None


def says_nothing(data: NamedData) -> bool:
    """Return whether an event only reports the end of the stream, or keeps it alive."""
    name = data.event.lower()
    return name in _IDLE_NAMES or (data.strip() in _NOTHING and name.rpartition(".")[2] in _END_NAMES)


def event_line(data: str) -> str:
    """Return a piece of an answer for output with one event per line: multi-line JSON is put on one line.

    An event with a type that its data doesn't repeat becomes ``{"event": …, "data": …}``. Anything but JSON is left
    unchanged: it may be lines of JSON, or text with its own line breaks.
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

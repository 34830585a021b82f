"""Encodes an agent's values: as JSON, which never fails, as server-sent events, and a failure as the last event.

A value that JSON can't represent doesn't fail the answer: its encoding degrades step by step, and the last step can't
fail. Clients of the published framework rely on these steps, and on the exact text of the failure event.
"""

from __future__ import annotations

import json
from collections import ChainMap, UserDict, UserList, deque
from contextlib import aclosing, suppress
from dataclasses import fields, is_dataclass
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from starlette.responses import JSONResponse, StreamingResponse

from agentcore_mcp.hosting.failures import text_of
from agentcore_mcp.wire.headers import SSE_TYPE

if TYPE_CHECKING:
    import logging
    from collections.abc import AsyncGenerator, Collection

    from starlette.types import Receive, Scope, Send

# As the published framework encodes handlers' values, and its own answers.
_SPACED = json.JSONEncoder(ensure_ascii=False, allow_nan=False)
_COMPACT = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))
# Deep enough for any real answer.
_MAX_DEPTH = 50
# How many values, or hundreds of characters of long texts, may be written for a second time: 0.1 s of work.
_MAX_REPEATED = 50_000


class JSONAnswer(JSONResponse):
    """The app's own answer, which may quote any value of the caller or the agent."""

    def render(self, content: Any) -> bytes:
        """Return what ``JSONResponse`` does, whatever the content is."""
        return encode_json(content, _COMPACT)


class EventStream(StreamingResponse):
    """The events of a handler, and its failure as the last one.

    When the client goes away the handler's generator is closed, whatever it is doing.
    """

    media_type = SSE_TYPE

    def __init__(self, events: AsyncGenerator[bytes], logger: logging.Logger) -> None:
        self._events = _with_failure(events, logger)
        super().__init__(self._events)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the answer, as an ASGI application."""
        async with aclosing(self._events):
            await super().__call__(scope, receive, send)


async def _with_failure(events: AsyncGenerator[bytes], logger: logging.Logger) -> AsyncGenerator[bytes]:
    try:
        async with aclosing(events):
            async for event in events:
                yield event
    except Exception as error:
        logger.exception("the handler failed while it was streaming")
        kind, message = type(error).__name__, "An error occurred during streaming"
        yield encode_event({"error": text_of(error), "error_type": kind, "message": message})


async def encode_events(pieces: AsyncGenerator[Any, Any]) -> AsyncGenerator[bytes]:
    """Yield each piece as an event, encoded at once: many generators yield the same object again and again."""
    async with aclosing(pieces):
        async for piece in pieces:
            yield encode_event(piece)


def encode_event(value: Any) -> bytes:
    """Return a value as a server-sent event."""
    # JSON text has no line ends, so one data line is always enough.
    return b"data: " + encode_json(value) + b"\n\n"


def encode_json(value: Any, encoder: json.JSONEncoder = _SPACED) -> bytes:
    r"""Return a value as JSON in UTF-8, whatever it is.

    First as it is; then with models, dataclasses, sets and their like made plain; then as its ``str()``; then as a
    note that it could not be done. A lone surrogate, which UTF-8 can't encode, is written as JSON's own ``\udXXX``,
    NaN and infinity, for which JSON has no number, as ``null``. Where a value contains itself or would not end, a text
    such as ``<circular:dict>``, ``<too_deep:list>`` or ``<too_large:set>`` takes the place of that part.
    """
    with suppress(Exception):  # the value's own code runs here and below; the next form is the answer
        if not _repeats(value):
            return _encoded(value, encoder)
    with suppress(Exception):
        plain, is_endless = _plain(value)
        value = plain if is_endless else value
        return _encoded(plain, encoder)
    with suppress(Exception):
        return _encoded(str(value), encoder)
    return json.dumps({"error": "Serialization failed", "original_type": type(value).__name__}).encode()


def _encoded(value: Any, encoder: json.JSONEncoder) -> bytes:
    try:
        text = encoder.encode(value)
    except ValueError:  # NaN or infinity, which the standard library writes as Python does, and reads
        text = encoder.encode(json.loads(json.dumps(value), parse_constant=lambda _: None))
    return text.encode("utf-8", "backslashreplace")


def _parts(value: Any) -> dict[Any, Any] | Collection[Any]:
    """Return the parts that encoding a value or its ``repr()`` visits; none for objects that encode themselves."""
    if isinstance(value, (dict, list, tuple, set, frozenset, deque)):
        return value
    if isinstance(value, (SimpleNamespace, UserDict, UserList, ChainMap)):
        return vars(value)
    if _is_record(value):
        return {field.name: getattr(value, field.name, None) for field in fields(value)}
    model = getattr(type(value), "model_fields", None)
    if isinstance(model, dict):  # pydantic's, without importing it
        parts = {**vars(value), **(getattr(value, "model_extra", None) or {})}
        return {name: part for name, part in parts.items() if not getattr(model.get(name), "exclude", None)}
    return ()


def _is_record(value: Any) -> bool:
    return is_dataclass(value) and not isinstance(value, type)


def _is_small(value: Any) -> bool:
    kind = type(value)
    return kind is bool or kind is int or kind is float or value is None or (kind is str and len(value) < 1000)


def _repeats(value: Any) -> bool:
    """Tell whether any container or long text occurs twice in a value, perhaps in itself: encoding may not end then."""
    seen: set[int] = set()
    nodes = [] if _is_small(value) else [value]
    for node in nodes:
        parts = _parts(node)
        if parts or isinstance(node, (str, bytes)):
            if id(node) in seen:
                return True
            seen.add(id(node))
            members = parts.values() if isinstance(parts, dict) else parts
            nodes += [part for part in members if not _is_small(part)]
    return False


def _is_large(nodes: list[Any]) -> bool:
    """Tell whether values, with each part counted as often as it occurs, exceed ``_MAX_REPEATED``."""
    room = _MAX_REPEATED
    for node in nodes:
        room -= 1 + (len(node) // 100 if isinstance(node, (str, bytes)) else 0)
        if room < 0:
            return True
        parts = _parts(node)
        nodes += parts.values() if isinstance(parts, dict) else parts
    return False


def _plain(value: Any) -> tuple[Any, bool]:
    """Return a value with models, dataclasses and sets as dicts and lists, and whether its ``str()`` might not end."""
    seen: set[int] = set()
    path: set[int] = set()
    room = _MAX_REPEATED
    cuts = 0
    deep: list[Any] = []

    def tree(node: Any) -> Any:
        nonlocal room, cuts
        if _is_small(node) and len(path) <= _MAX_DEPTH:
            return node
        parts, why = _parts(node), ""
        if id(node) in path:
            why = "circular"
        elif len(path) > _MAX_DEPTH:
            why = "too_deep"
        elif id(node) in seen:
            room -= len(node) // 100 if isinstance(node, (str, bytes)) else len(parts)
            why = "too_large" if room < 0 else ""
        if why:
            cuts += 1
            deep.extend([node] if why == "too_deep" else [])
            return f"<{why}:{type(node).__name__}>"
        before = cuts
        seen.add(id(node))
        path.add(id(node))
        branches = map(tree, parts.values() if isinstance(parts, dict) else parts)
        plain: Any = dict(zip(parts, branches, strict=True)) if isinstance(parts, dict) else list(branches)
        if cuts == before:
            if hasattr(node, "model_dump"):
                plain = tree(node.model_dump())
            elif not isinstance(node, (dict, list, tuple, set)) and not _is_record(node):
                plain = node
        path.discard(id(node))
        return plain

    return tree(value), cuts > len(deep) or _is_large(deep)

"""How an agent's values become bytes: JSON that always comes out, server-sent events, and the event for a failure.

A value that JSON has no form for costs its own form, not the answer: it degrades step by step, and the last step can't
fail. The steps, and the exact text of the failure event, are what clients of the published framework rely on.
"""

from __future__ import annotations

import json
from contextlib import aclosing
from dataclasses import asdict, is_dataclass
from typing import TYPE_CHECKING, Any

from starlette.responses import JSONResponse, StreamingResponse

from agentcore_mcp.wire.headers import SSE_TYPE

if TYPE_CHECKING:
    import logging
    from collections.abc import AsyncGenerator

    from starlette.types import Receive, Scope, Send

# Deep enough for any real answer. A structure that contains itself ends here, as a marker.
_MAX_DEPTH = 50


class JSONAnswer(JSONResponse):
    """An answer of the app's own. A lone surrogate in it, which may be the caller's, does no harm."""

    def render(self, content: Any) -> bytes:
        """Return what ``JSONResponse`` does, for whatever text."""
        text = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
        return text.encode("utf-8", "backslashreplace")


class EventStream(StreamingResponse):
    """The events of a handler, and its failure as the last one.

    When the client goes away the handler's generator is closed, whatever it is doing.
    """

    media_type = SSE_TYPE

    def __init__(self, events: AsyncGenerator[bytes], logger: logging.Logger) -> None:
        self._events = _with_failure(events, logger)
        super().__init__(self._events)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the answer, as ASGI wants it."""
        async with aclosing(self._events):
            await super().__call__(scope, receive, send)


async def _with_failure(events: AsyncGenerator[bytes], logger: logging.Logger) -> AsyncGenerator[bytes]:
    try:
        async with aclosing(events):
            async for event in events:
                yield event
    except Exception as error:
        logger.exception("the handler failed while it was streaming")
        yield encode_event(
            {
                "error": str(error),
                "error_type": type(error).__name__,
                "message": "An error occurred during streaming",
            }
        )


async def encode_events(pieces: AsyncGenerator[Any, Any]) -> AsyncGenerator[bytes]:
    """Yield each piece as an event, as it is when the generator yields it: many yield one object again and again."""
    async with aclosing(pieces):
        async for piece in pieces:
            yield encode_event(piece)


def encode_event(value: Any) -> bytes:
    """Return a value as a server-sent event."""
    # JSON text has no line ends, so one data line is always enough.
    return b"data: " + encode_json(value) + b"\n\n"


def encode_json(value: Any) -> bytes:
    r"""Return a value as JSON in UTF-8, whatever it is.

    First as it is; then with models, dataclasses, sets and their like made plain; then as its ``str()``; then as a
    note that it could not be done. A lone surrogate, which UTF-8 can't encode, is written as JSON's own ``\udXXX``.
    """
    for form in (_itself, _plain, str):
        try:
            text = json.dumps(form(value), ensure_ascii=False)
        except Exception:  # noqa: BLE001, S112 - the value's own code runs here; the next form is the answer
            continue
        return text.encode("utf-8", "backslashreplace")
    return json.dumps({"error": "Serialization failed", "original_type": type(value).__name__}).encode()


def _itself(value: Any) -> Any:
    return value


def _plain(value: Any, depth: int = 0) -> Any:
    if depth > _MAX_DEPTH:
        return f"<too_deep:{type(value).__name__}>"
    if hasattr(value, "model_dump"):  # pydantic, without importing it
        return value.model_dump()
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    if isinstance(value, dict):
        return {key: _plain(member, depth + 1) for key, member in value.items()}
    if isinstance(value, (list, tuple, set)):
        return [_plain(member, depth + 1) for member in value]
    return value

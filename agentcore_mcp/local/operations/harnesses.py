"""InvokeHarness: calls an ordinary agent in place of a harness's loop, and converts its answer to Converse events.

The agent gets the text of the last message as ``{"prompt": …}``. Options for the model and its loop, such as
``model`` and ``maxIterations``, have no effect.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from agentcore_mcp.local.line.refusals import invalid_fields
from agentcore_mcp.local.line.validation import json_object
from agentcore_mcp.local.operations.invocations import invoke
from agentcore_mcp.wire.eventstream.events import encode_event, encode_exception
from agentcore_mcp.wire.headers import EVENT_STREAM_TYPE, JSON_TYPE, SSE_TYPE, media_type
from agentcore_mcp.wire.limits import PAYLOAD_MAX_BYTES
from agentcore_mcp.wire.pieces import TextPieces
from agentcore_mcp.wire.reports import stream_failure
from agentcore_mcp.wire.sse import SSEDecoder
from agentcore_mcp.wire.text import AnswerText

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Iterator, MutableMapping

    import httpx2

    from agentcore_mcp.local.line.exchange import Exchange
    from agentcore_mcp.local.sandbox.session import Session

# There is no model to count tokens.
_METADATA = {"usage": dict.fromkeys(("inputTokens", "outputTokens", "totalTokens"), 0), "metrics": {"latencyMs": 0}}


async def harness(exchange: Exchange, session: Session, client: httpx2.AsyncClient) -> None:
    """Answer InvokeHarness.

    Raises:
        Refusal: If the request is not valid, or the agent fails before its answer has begun.
        ClientGoneError: If the client leaves before it has sent its whole request.
    """
    prompt = _prompt(json_object(await exchange.hold(PAYLOAD_MAX_BYTES, field="messages")))
    types = {"content-type": JSON_TYPE, "accept": f"{SSE_TYPE}, {JSON_TYPE}"}
    exchange.replace(json.dumps({"prompt": prompt}).encode(), types)
    exchange.wrap_send(_Converse)
    await invoke(exchange, session, client)


class _Converse:
    """Sends an agent's answer as a harness's event stream; error responses pass unchanged."""

    def __init__(self, send: Callable[[MutableMapping[str, Any]], Awaitable[None]]) -> None:
        self._send = send
        self._text = AnswerText()
        self._reader: SSEDecoder | TextPieces | None = None
        self._failed = False

    async def __call__(self, message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start" and message["status"] == 200:
            headers = {name.decode(): value.decode("latin-1") for name, value in message["headers"]}
            kind = media_type(headers)
            self._reader = SSEDecoder() if kind == SSE_TYPE else TextPieces(kind)
            headers["content-type"] = EVENT_STREAM_TYPE
            headers.pop("content-length", None)
            await self._send({**message, "headers": [(name.encode(), headers[name].encode()) for name in headers]})
            message = {"type": "http.response.body", "more_body": True}
            message["body"] = encode_event("messageStart", {"role": "assistant"})
        elif self._reader is not None:
            frames = self._frames(self._reader, message["body"], is_last=not message["more_body"])
            message = {**message, "body": b"".join(frames)}
        await self._send(message)

    def _frames(self, reader: SSEDecoder | TextPieces, body: bytes, *, is_last: bool) -> Iterator[bytes]:
        yield from self._words(reader.feed_data(body) if isinstance(reader, SSEDecoder) else reader.feed(body))
        if is_last:
            yield from self._words(reader.close_data() if isinstance(reader, SSEDecoder) else reader.close())
            if not self._failed:
                yield from _delta(self._text.close())
                yield encode_event("contentBlockStop", {"contentBlockIndex": 0})
                yield encode_event("messageStop", {"stopReason": "end_turn"})
                yield encode_event("metadata", _METADATA)

    def _words(self, pieces: Iterable[str]) -> Iterator[bytes]:
        for piece in pieces:
            if not self._failed and (failure := stream_failure(piece)):
                self._failed = True
                yield encode_exception("RuntimeClientError", failure[0])
            elif not self._failed:
                yield from _delta(self._text.feed(piece))


def _delta(words: str) -> Iterator[bytes]:
    if words:
        yield encode_event("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": words}})


def _prompt(body: dict[str, Any]) -> str:
    """Return the text of the last message, which may consist of tool results."""
    match body.get("messages"):
        case [*_, {"role": "user", "content": [*blocks]}] if (text := "\n".join(_texts(blocks))).strip():
            return text
    raise invalid_fields(("messages", "Member must end with a message of the role user that has text or tool results"))


def _texts(content: Any) -> Iterator[str]:
    match content:
        case {"text": str(text)}:
            yield text
        case {"toolResult": {"content": [*inner]}} | [*inner]:
            for part in inner:
                yield from _texts(part)

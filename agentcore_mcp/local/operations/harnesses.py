"""InvokeHarness: an ordinary agent is asked as a harness's loop would be, its words made into events of Converse.

It gets the text of the last message as ``{"prompt": …}``. What only a model or a loop of one can heed, such as
``model`` and ``maxIterations``, changes nothing.
"""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import anyio

from agentcore_mcp.local.line.refusals import Refusal, invalid_fields
from agentcore_mcp.local.line.validation import json_object
from agentcore_mcp.local.operations.invocations import asked
from agentcore_mcp.local.sandbox.targets import INVOKE_PATHS
from agentcore_mcp.wire.eventstream.events import encode_event, encode_exception
from agentcore_mcp.wire.headers import EVENT_STREAM_TYPE, JSON_TYPE, SSE_TYPE, media_type
from agentcore_mcp.wire.limits import PAYLOAD_MAX_BYTES
from agentcore_mcp.wire.pieces import TextPieces
from agentcore_mcp.wire.reports import stream_failure
from agentcore_mcp.wire.sse import SSEDecoder
from agentcore_mcp.wire.text import AnswerText

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import httpx2

    from agentcore_mcp.local.line.exchange import Exchange
    from agentcore_mcp.local.sandbox.session import Session


async def harness(exchange: Exchange, session: Session, client: httpx2.AsyncClient) -> None:
    """Answer InvokeHarness.

    Raises:
        Refusal: If the request is not valid, or the agent fails before its answer has begun.
        ClientGoneError: If the client leaves before it has sent its whole request.
    """
    body = json_object(await exchange.read(PAYLOAD_MAX_BYTES, field="messages"))
    payload, timeout_s = json.dumps({"prompt": _prompt(body)}).encode(), _timeout_s(body)

    async def emit(name: str, **members: Any) -> None:
        await exchange.write(encode_event(name, members))

    async def begin() -> None:
        await exchange.start(200, [("content-type", EVENT_STREAM_TYPE)])
        await emit("messageStart", role="assistant")

    begun = time.monotonic()
    changed = {"content_type": JSON_TYPE, "accept": f"{SSE_TYPE}, {JSON_TYPE}", "content_length": str(len(payload))}
    try:
        with anyio.move_on_after(timeout_s) as limit:
            async with asked(exchange, session, client, "POST", INVOKE_PATHS["http"], payload, **changed) as response:
                await begin()
                async for words in _words(response):
                    await emit("contentBlockDelta", contentBlockIndex=0, delta={"text": words})
        if not exchange.answered:
            await begin()
    except Refusal as refusal:
        if not exchange.answered:
            raise
        await exchange.finish(encode_exception(refusal.code, refusal.message))
        return
    await emit("contentBlockStop", contentBlockIndex=0)
    await emit("messageStop", stopReason="timeout_exceeded" if limit.cancelled_caught else "end_turn")
    # There is no model that would count tokens.
    usage = dict.fromkeys(("inputTokens", "outputTokens", "totalTokens"), 0)
    await emit("metadata", usage=usage, metrics={"latencyMs": int(1000 * (time.monotonic() - begun))})
    await exchange.finish()


async def _words(response: httpx2.Response) -> AsyncIterator[str]:
    """Yield the words of an agent's answer.

    Raises:
        Refusal: If the agent reports that it failed.
    """
    events, pieces, text = SSEDecoder(), TextPieces(media_type(response.headers)), AnswerText()
    is_stream = media_type(response.headers) == SSE_TYPE
    async for data in response.aiter_bytes():
        for piece in events.feed_data(data) if is_stream else pieces.feed(data):
            if failure := stream_failure(piece):
                raise Refusal("RuntimeClientError", failure[0])
            if words := text.feed(piece):
                yield words
    for piece in events.close_data() if is_stream else pieces.close():
        if words := text.feed(piece):
            yield words
    if words := text.close():
        yield words


def _prompt(body: dict[str, Any]) -> str:
    """Return the text of the last message, which may be the results of tools."""
    match body.get("messages"):
        case [*_, {"role": "user", "content": [*blocks]}]:
            if (text := "\n".join(map(_text, blocks))).strip():
                return text
    raise invalid_fields(("messages", "Member must end with a message of the role user that has text or tool results"))


def _text(block: Any) -> str:
    match block:
        case {"text": str(text)}:
            return text
        case {"toolResult": {"content": [*parts]}}:
            return "\n".join(map(_text, parts))
        case {"json": value}:
            return json.dumps(value)
    return ""


def _timeout_s(body: dict[str, Any]) -> float:
    value = body.get("timeoutSeconds")
    if value is not None and (type(value) is not int or value <= 0):
        raise invalid_fields(("timeoutSeconds", "Member must be a positive integer"))
    return float("inf") if value is None else value

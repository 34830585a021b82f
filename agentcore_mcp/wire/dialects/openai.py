"""Words of OpenAI's APIs and of compatible ones: chat completions, responses, and their streams."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from agentcore_mcp.wire.dialects import waiting
from agentcore_mcp.wire.dialects.content import at, called, dicts, text_of, written
from agentcore_mcp.wire.dialects.rows import NOTHING, Row, by, inside

if TYPE_CHECKING:
    from agentcore_mcp.wire.speech import Speech

AGENTS_TYPES = ("raw_response_event", "run_item_stream_event", "agent_updated_stream_event")
_ERROR_MEMBERS = {"error", "type", "id", "jsonrpc", "request_id", "event_id", "sequence_number"}


def chat_completion(value: dict[str, Any], speech: Speech) -> str | None:
    """Read a chat completion, or a chunk of one; the first choice, should there be several."""
    choices = value.get("choices")
    if choices == [] and (isinstance(value.get("usage"), dict) or value.get("object") == "chat.completion.chunk"):
        return ""
    choice = dicts(choices)[0] if dicts(choices) else {}
    delta, message, text = choice.get("delta"), choice.get("message"), choice.get("text")
    if isinstance(delta, dict):
        words = speech.piece(text_of(delta.get("content")) or text_of(delta.get("refusal")) or "")
        written(delta.get("tool_calls"), speech)
        if choice.get("finish_reason"):
            speech.turn()
        return words
    if isinstance(message, dict):
        words = speech.message(text_of(message.get("content")) or text_of(message.get("refusal")) or "")
        called(message.get("tool_calls"), speech)
        return words
    return speech.piece(text) if isinstance(text, str) else None


TOOL_CALL = Row(call=".", needs="function.arguments")


def stream_event(value: dict[str, Any], speech: Speech) -> str | None:
    """Read an event of a run of the Agents SDK, as an object or in the form in which authors send it on."""
    raw, data = at(value, "item.raw_item"), value.get("data")
    if isinstance(data, dict):
        return response_event(data, speech)
    return _item(raw, speech) if isinstance(raw, dict) else ""


def response(value: dict[str, Any], speech: Speech) -> str | None:
    """Read a complete response, or the error in its place."""
    if isinstance(error := at(value, "error.message"), str):
        return speech.failure(error)
    if not isinstance(value.get("output"), list):
        return None
    return "".join(_item(item, speech) for item in dicts(value["output"]))


def error(value: dict[str, Any], speech: Speech) -> str | None:
    """Read an error as OpenAI, Anthropic, JSON-RPC, LangGraph and the AI SDK write it: an object that is nothing else.

    ``{"error": "…"}`` is an author's own answer.
    """
    inner, message = value.get("error"), value.get("message")
    if isinstance(inner, dict) and value.keys() <= _ERROR_MEMBERS and isinstance(inner.get("message"), str):
        return speech.failure(inner["message"])
    if value.get("type") == "error":
        text = next((text for text in (message, value.get("errorText"), inner) if isinstance(text, str)), None)
        return None if text is None else speech.failure(text)
    if value.keys() <= {"error", "error_type", "message"} and isinstance(inner, str) and isinstance(message, str):
        kind = value.get("error_type")  # of BedrockAgentCoreApp
        return speech.failure(f"{kind}: {inner}: {message}" if kind else f"{inner}: {message}")
    return None


def _item(item: dict[str, Any], speech: Speech) -> str:
    match item.get("type"):
        case "message":
            return speech.message(text_of(item.get("content")) or "", item.get("id"))
        case "function_call" | "mcp_call" | "custom_tool_call":
            called(item, speech)
        case "mcp_approval_request":
            return waiting.pause(item, speech)
    return ""


_PIECE = Row("piece", "delta", id="item_id", turn=True)
# The events of a stream of the Responses API.
response_event = by("type", {
    "response.output_text.delta": _PIECE,
    "response.refusal.delta": _PIECE,
    "response.output_item.added": Row(fragment="item", id="item.id"),
    "response.output_item.done": inside("item", _item),
    "response.function_call_arguments.delta": Row(fragment=".", id="item_id"),
    "response.function_call_arguments.done": Row(id="item_id", ends=True),
    "response.completed": inside("response", response, None),
    "response.incomplete": inside("response", response, None),
    "response.failed": inside("response", response, None),
}, otherwise=NOTHING)  # fmt: skip

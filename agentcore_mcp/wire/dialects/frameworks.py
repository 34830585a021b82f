"""Words of frameworks with few shapes each.

Google's ADK and Gemini, LlamaIndex, AutoGen, Pydantic AI, CrewAI, Ollama, and the AI SDK and Mastra of TypeScript.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from agentcore_mcp.wire.dialects import waiting
from agentcore_mcp.wire.dialects.content import SPEAKERS, at, called, dicts, pick, text_of
from agentcore_mcp.wire.dialects.rows import NOTHING, TURN, Row, by, inside
from agentcore_mcp.wire.speech import as_json

if TYPE_CHECKING:
    from agentcore_mcp.wire.dialects.rows import Reader
    from agentcore_mcp.wire.speech import Speech


def adk_event(value: dict[str, Any], speech: Speech) -> str | None:
    """Read an event of ADK: partial events are pieces, and the event after them repeats their whole text."""
    content = value.get("content")
    if not isinstance(content, dict):
        error = pick(value, "errorMessage", "error_message")
        return speech.failure(error) if isinstance(error, str) else ""
    parts = dicts(content.get("parts"))
    if content.get("role") not in SPEAKERS or value.get("author") == "user":
        return ""
    if value.get("partial"):
        return speech.piece(text_of(parts) or "", value.get("id"))
    called(parts, speech)
    words = speech.message(text_of(parts) or "", value.get("id"))
    waited_for = pick(value, "longRunningToolIds", "long_running_tool_ids") or ()
    asked = [call for part in parts if isinstance(call := pick(part, "functionCall", "function_call"), dict)]
    return words + "".join(_adk_pause(call, speech) for call in asked if call.get("id") in waited_for)


def _adk_pause(call: dict[str, Any], speech: Speech) -> str:
    """Read a call that a person has to answer or confirm; ADK reports it as a call of a built-in tool."""
    original = at(call, "args.originalFunctionCall args.original_function_call")
    return waiting.pause({**original, "id": call["id"]} if isinstance(original, dict) else call, speech)


def gemini_content(value: dict[str, Any], speech: Speech) -> str | None:
    """Read a content by itself."""
    if not isinstance(value.get("parts"), list) or "role" not in value:
        return None
    if value["role"] not in SPEAKERS:
        return ""
    called(value["parts"], speech)
    # ADK's last content of a turn repeats all pieces joined; only its text distinguishes it from a piece.
    text = text_of(value["parts"]) or ""
    words = speech.voiced(text, value)
    if text and not words:
        speech.turn()
    return words


def llamaindex_event(value: dict[str, Any], speech: Speech) -> str | None:
    """Read an event of an agent's workflow, or its result."""
    if isinstance(delta := value.get("delta"), str):
        return speech.piece(delta)
    called(value.get("tool_calls"), speech)
    words: str | None = "" if "input" in value else None
    if isinstance(response := value.get("response"), dict):
        words = speech.result(text_of(response.get("blocks")) or text_of(response.get("content")) or "")
    return words


def llamaindex_response(value: dict[str, Any], speech: Speech) -> str | None:
    """Read an answer of a LlamaIndex model; in a stream each has the sum so far, and the delta."""
    if not {"raw", "delta", "additional_kwargs"} <= value.keys():
        return None
    if isinstance(value["delta"], str):
        return speech.piece(value["delta"])
    text = text_of(at(value, "message.blocks")) if isinstance(value.get("message"), dict) else value.get("text")
    return speech.message(text) if isinstance(text, str) else None


def autogen(value: dict[str, Any], speech: Speech) -> str | None:
    """Read a message of AutoGen, or one of the events on the way to it."""
    if "source" not in value:
        return None
    return AUTOGEN_TYPES[value["type"]](value, speech) if value["source"] != "user" else ""


AUTOGEN_TYPES: dict[str, Row] = {
    **dict.fromkeys((
        "ToolCallExecutionEvent", "ThoughtEvent", "MemoryQueryEvent", "UserInputRequestedEvent",
        "SelectSpeakerEvent", "SelectorEvent", "CodeGenerationEvent", "CodeExecutionEvent",
    ), NOTHING),
    **dict.fromkeys((
        "TextMessage", "StopMessage", "HandoffMessage", "ToolCallSummaryMessage", "MultiModalMessage",
    ), Row("message", "content", id="id")),
    "ToolCallRequestEvent": Row(call="content"),
    "ModelClientStreamingChunkEvent": Row("piece", "content", id="full_message_id"),
}  # fmt: skip


def autogen_result(value: dict[str, Any], speech: Speech) -> str | None:
    """Read the result of a run, which holds all of its messages."""
    messages = dicts(value.get("messages"))
    if not messages or any(message.get("type") not in tuple(AUTOGEN_TYPES) for message in messages):
        return None
    return "".join(autogen(message, speech) or "" for message in messages)


PYDANTIC_AI = by("event_kind", {
    **dict.fromkeys((
        "capability", "capability_load_delta", "deferred_tool_results", "enqueued_messages", "final_result",
        "function_tool_result", "model_settings_delta", "output_tool_call", "output_tool_result", "part_end",
        "response_done", "session_usage", "tool_availability_delta",
    ), NOTHING),
    "part_start": Row("piece", "part.content", id="index", turn=True, where=("part.part_kind", "text"), optional=True),
    "part_delta": Row("piece", "delta.content_delta", where=("delta.part_delta_kind", "text"), optional=True),
    "function_tool_call": Row(call="part"),
    "agent_run_result": Row("result", "result.output"),
    "deferred_tool_requests": inside("requests", waiting.all_in, None),
})  # fmt: skip
CREWAI_CHUNK = Row("piece", "content", fragment="tool_call", id="tool_call.index")
CREWAI_OUTPUT = Row("result", "raw")
LLAMAINDEX_TOOL = Row(call=".", turn=True, needs="tool_id")
GEMINI = inside("candidates.0.content", gemini_content, None)
OLLAMA = Row("piece", "message.content", needs="done model")
SPRING = Row("piece", "result.output.text", needs="results result.output.messageType", optional=True)

_AI_SDK_EDGE_MEMBERS = {
    "type", "messageId", "messageMetadata", "finishReason", "totalUsage", "usage", "payload", "runId", "from",
    "isContinued", "rawFinishReason", "abortReason",
}  # fmt: skip


def _edge(value: dict[str, Any], speech: Speech) -> str | None:
    return NOTHING(value, speech) if value.keys() <= _AI_SDK_EDGE_MEMBERS else None  # the names are common


# The AI SDK for TypeScript, and Mastra, which puts an event's members into a ``payload``.
AI_SDK: dict[str, Reader] = {
    **dict.fromkeys((
        "start-step", "reasoning-start", "reasoning-delta", "reasoning-end", "tool-input-end", "tool-output-available",
        "tool-result", "step-start", "step-finish", "message-metadata",
    ), NOTHING),
    "start": _edge,
    "finish": _edge,
    "finish-step": TURN,
    "text-start": TURN,
    "text-delta": Row("piece", "delta text textDelta payload.text payload.delta"),
    "text-end": TURN,
    "tool-input-start": Row(fragment=".", id="toolCallId"),
    "tool-input-delta": Row(fragment=".", id="toolCallId"),
    "tool-input-available": Row(call="payload ."),
    "tool-call": Row(call="payload ."),
}  # fmt: skip
_DATA_STREAM = {
    "0": "text-delta", "9": "tool-call", "a": "finish-step", "b": "tool-input-start", "c": "tool-input-delta",
    "e": "finish-step", "f": "finish-step",
}  # fmt: skip


def ai_data_stream(code: str, value: Any, speech: Speech) -> str:
    """Read a line of the AI SDK's data stream protocol, version 1: a code, and the JSON behind it."""
    if code == "2":
        return "".join(speech.line(as_json(part)) for part in (value if isinstance(value, list) else [value]))
    if code == "3":
        return speech.failure(value if isinstance(value, str) else as_json(value))
    members = value if isinstance(value, dict) else {"text": value}
    return AI_SDK[_DATA_STREAM[code]](members, speech) or "" if code in _DATA_STREAM else ""

"""Words of frameworks with few shapes each.

Google's ADK and Gemini, LlamaIndex, AutoGen, Pydantic AI, CrewAI, Ollama, and the AI SDK and Mastra of TypeScript.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from agentcore_mcp.wire.dialects import waiting
from agentcore_mcp.wire.dialects.content import SPEAKERS, dicts, pick, text_of
from agentcore_mcp.wire.speech import as_json

if TYPE_CHECKING:
    from agentcore_mcp.wire.speech import Speech

AUTOGEN_TYPES = (
    "TextMessage", "StopMessage", "HandoffMessage", "ToolCallSummaryMessage", "MultiModalMessage",
    "ModelClientStreamingChunkEvent", "ToolCallRequestEvent", "ToolCallExecutionEvent", "ThoughtEvent",
    "MemoryQueryEvent", "UserInputRequestedEvent", "SelectSpeakerEvent", "SelectorEvent", "CodeGenerationEvent",
    "CodeExecutionEvent",
)  # fmt: skip
AI_SDK_TYPES = (
    "start", "start-step", "finish-step", "finish", "text-start", "text-delta", "text-end", "reasoning-start",
    "reasoning-delta", "reasoning-end", "tool-input-start", "tool-input-delta", "tool-input-end",
    "tool-input-available", "tool-output-available", "tool-call", "tool-result", "step-start", "step-finish",
    "message-metadata",
)  # fmt: skip


def adk_event(value: dict[str, Any], speech: Speech) -> str | None:
    """Read an event of ADK: partial ones are pieces, which the one that follows them holds all together."""
    content = value.get("content")
    if not isinstance(content, dict):
        error = pick(value, "errorMessage", "error_message")
        return speech.failure(error) if isinstance(error, str) else ""
    parts = dicts(content.get("parts"))
    if content.get("role") not in SPEAKERS or value.get("author") == "user":
        return ""
    if value.get("partial"):
        return speech.piece(text_of(parts) or "", value.get("id"))
    _gemini_calls(parts, speech)
    words = speech.message(text_of(parts) or "", value.get("id"))
    waited_for = pick(value, "longRunningToolIds", "long_running_tool_ids") or ()
    calls = [call for part in parts if isinstance(call := pick(part, "functionCall", "function_call"), dict)]
    return words + "".join(_adk_pause(call, speech) for call in calls if call.get("id") in waited_for)


def _adk_pause(call: dict[str, Any], speech: Speech) -> str:
    """Read a call that a person answers, or has to confirm, which is a call of a tool of ADK's own."""
    arguments = call.get("args")
    original = (
        pick(arguments, "originalFunctionCall", "original_function_call") if isinstance(arguments, dict) else None
    )
    asked = {**original, "id": call["id"]} if isinstance(original, dict) else call
    return waiting.pause(asked, speech)


def gemini(value: dict[str, Any], speech: Speech) -> str | None:
    """Read a response of Gemini's API, a piece if it is streamed."""
    contents = [candidate.get("content") for candidate in dicts(value.get("candidates"))[:1]]
    return gemini_content(contents[0], speech) if contents and isinstance(contents[0], dict) else None


def gemini_content(value: dict[str, Any], speech: Speech) -> str | None:
    """Read a content by itself."""
    if not isinstance(value.get("parts"), list) or "role" not in value:
        return None
    if value["role"] not in SPEAKERS:
        return ""
    _gemini_calls(dicts(value["parts"]), speech)
    # ADK's last content of a turn holds all of its pieces together; nothing else tells it from one of them.
    text = text_of(value["parts"]) or ""
    words = speech.voiced(text, value)
    if text and not words:
        speech.turn()
    return words


def _gemini_calls(parts: list[dict[str, Any]], speech: Speech) -> None:
    for part in parts:
        if isinstance(call := pick(part, "functionCall", "function_call"), dict):
            speech.tools.called(call.get("name"), call.get("args"), call.get("id"))


def llamaindex_event(value: dict[str, Any], speech: Speech) -> str | None:
    """Read an event of an agent's workflow, or what it came to."""
    if isinstance(delta := value.get("delta"), str):
        return speech.piece(delta)
    for call in dicts(value.get("tool_calls")):
        speech.tools.called(call.get("tool_name"), call.get("tool_kwargs"), call.get("tool_id"))
    words: str | None = "" if "input" in value else None
    if isinstance(response := value.get("response"), dict):
        words = speech.result(text_of(response.get("blocks")) or text_of(response.get("content")) or "")
    return words


def llamaindex_tool(value: dict[str, Any], speech: Speech) -> str | None:
    """Read the call of a tool, or how it ended."""
    if "tool_id" not in value:
        return None
    speech.tools.called(value.get("tool_name"), value["tool_kwargs"], value["tool_id"])
    speech.turn()
    return ""


def llamaindex_response(value: dict[str, Any], speech: Speech) -> str | None:
    """Read what a model of LlamaIndex answers; in a stream each holds all so far, and the delta."""
    if not {"raw", "delta", "additional_kwargs"} <= value.keys():
        return None
    if isinstance(value["delta"], str):
        return speech.piece(value["delta"])
    message = value.get("message")
    text = text_of(message.get("blocks")) if isinstance(message, dict) else value.get("text")
    return speech.message(text) if isinstance(text, str) else None


def autogen(value: dict[str, Any], speech: Speech) -> str | None:
    """Read a message of AutoGen, or one of the events on the way to it."""
    content = value.get("content")
    if "source" not in value:
        return None
    match value["type"]:
        case _ if value["source"] == "user":
            return ""
        case "ModelClientStreamingChunkEvent":
            return speech.piece(content, value.get("full_message_id")) if isinstance(content, str) else None
        case "TextMessage" | "StopMessage" | "HandoffMessage" | "ToolCallSummaryMessage" | "MultiModalMessage":
            text = text_of(content)
            return None if text is None else speech.message(text, value.get("id"))
        case "ToolCallRequestEvent":
            for call in dicts(content):
                speech.tools.called(call.get("name"), call.get("arguments"), call.get("id"))
    return ""


def autogen_result(value: dict[str, Any], speech: Speech) -> str | None:
    """Read the result of a run, which holds all of its messages."""
    messages = dicts(value.get("messages"))
    if not messages or any(message.get("type") not in AUTOGEN_TYPES for message in messages):
        return None
    return "".join(autogen(message, speech) or "" for message in messages)


_PYDANTIC_AI_EVENTS = (
    "agent_run_result", "capability", "capability_load_delta", "deferred_tool_results", "enqueued_messages",
    "final_result", "function_tool_call", "function_tool_result", "model_settings_delta", "output_tool_call",
    "output_tool_result", "part_delta", "part_end", "part_start", "response_done", "session_usage",
    "tool_availability_delta",
)  # fmt: skip


def pydantic_ai(value: dict[str, Any], speech: Speech) -> str | None:
    """Read an event of Pydantic AI."""
    part, delta = value.get("part"), value.get("delta")
    match value["event_kind"], part if isinstance(part, dict) else delta:
        case "part_start", {"part_kind": "text", "content": str(text)}:
            speech.turn()
            return speech.piece(text)
        case "part_delta", {"part_delta_kind": "text", "content_delta": str(text)}:
            return speech.piece(text)
        case "function_tool_call", {"tool_name": name, "args": arguments, **rest}:
            speech.tools.called(name, arguments, rest.get("tool_call_id"))
        case "agent_run_result", _ if isinstance(result := value.get("result"), dict):
            return speech.result(result["output"]) if isinstance(result.get("output"), str) else None
        case "deferred_tool_requests", _ if isinstance(requests := value.get("requests"), dict):
            return "".join(waiting.pause(pause, speech) for pause in waiting.split(requests)[1])
        case str(kind), _ if kind in _PYDANTIC_AI_EVENTS:
            pass
        case _:
            return None
    return ""


def crewai(value: dict[str, Any], speech: Speech) -> str | None:
    """Read the output of a crew, or a chunk of it."""
    if "chunk_type" in value:
        call = value.get("tool_call")
        if isinstance(call, dict):
            speech.tools.begins(call.get("index"), call.get("tool_name"), call.get("tool_id"))
            speech.tools.continues(call.get("index"), call.get("arguments"))
            return ""
        return speech.piece(value["content"]) if isinstance(value.get("content"), str) else None
    return speech.result(value["raw"]) if isinstance(value.get("raw"), str) else None


def ollama(value: dict[str, Any], speech: Speech) -> str | None:
    """Read a piece of what Ollama answers."""
    message = value.get("message")
    if "done" not in value or "model" not in value or not isinstance(message, dict):
        return None
    return speech.piece(message["content"]) if isinstance(message.get("content"), str) else None


def spring(value: dict[str, Any], speech: Speech) -> str | None:
    """Read a response of Spring AI, a piece if it is streamed."""
    result = value.get("result")
    output = result.get("output") if isinstance(result, dict) else None
    if "results" not in value or not isinstance(output, dict) or "messageType" not in output:
        return None
    return speech.piece(output["text"]) if isinstance(output.get("text"), str) else ""


def ai_sdk(value: dict[str, Any], speech: Speech) -> str | None:
    """Read a part of a stream of the AI SDK, or of Mastra, which puts its members into a ``payload``."""
    payload = value.get("payload")
    part = payload if isinstance(payload, dict) else value
    match value["type"]:
        case "text-delta":
            text = pick(part, "delta", "text", "textDelta")
            return speech.piece(text) if isinstance(text, str) else None
        case "text-start" | "text-end":
            speech.turn()
        case "tool-input-available" | "tool-call":
            arguments = pick(part, "input", "args")
            speech.tools.called(part.get("toolName"), arguments, part.get("toolCallId"))
        case "start" | "finish" if not value.keys() <= _AI_SDK_EDGE_MEMBERS:
            return None  # somebody else's: the names are common
    return ""


def ai_data_stream(code: str, value: Any, speech: Speech) -> str:
    """Read a line of the AI SDK's data stream protocol, version 1: a code, and the JSON behind it."""
    match code, value:
        case "0", str(text):
            return speech.piece(text)
        case "3", str(text):
            return speech.failure(text)
        case "2", list(parts):
            return "".join(speech.line(as_json(part)) for part in parts)
        case (("9" | "b"), {"toolName": name, "toolCallId": call_id, **rest}):
            if code == "9":
                speech.tools.called(name, rest.get("args"), call_id)
            else:
                speech.tools.begins(call_id, name, call_id)
        case "c", {"toolCallId": call_id, "argsTextDelta": delta}:
            speech.tools.continues(call_id, delta)
        case (("a" | "e" | "f"), _):
            speech.turn()
    return ""


_AI_SDK_EDGE_MEMBERS = {
    "type",
    "messageId",
    "messageMetadata",
    "finishReason",
    "totalUsage",
    "usage",
    "payload",
    "runId",
    "from",
    "isContinued",
    "rawFinishReason",
    "abortReason",
}

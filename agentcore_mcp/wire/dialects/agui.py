"""Words of AG-UI, the protocol between agents and user interfaces.

Its members are in camelCase on the wire, and in snake_case if a Python agent sends the objects themselves.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from agentcore_mcp.wire.dialects import waiting
from agentcore_mcp.wire.dialects.content import pick
from agentcore_mcp.wire.dialects.langchain import conversation
from agentcore_mcp.wire.speech import as_json

if TYPE_CHECKING:
    from agentcore_mcp.wire.speech import Speech

# What an author says in them is left to be shown as JSON: CUSTOM, ACTIVITY_SNAPSHOT, ACTIVITY_DELTA.
TYPES = (
    "RUN_STARTED", "RUN_FINISHED", "RUN_ERROR", "STEP_STARTED", "STEP_FINISHED", "STATE_SNAPSHOT", "STATE_DELTA",
    "MESSAGES_SNAPSHOT", "RAW", "TEXT_MESSAGE_START", "TEXT_MESSAGE_CONTENT", "TEXT_MESSAGE_END",
    "TEXT_MESSAGE_CHUNK", "TOOL_CALL_START", "TOOL_CALL_ARGS", "TOOL_CALL_END", "TOOL_CALL_CHUNK", "TOOL_CALL_RESULT",
    "THINKING_START", "THINKING_END", "THINKING_TEXT_MESSAGE_START", "THINKING_TEXT_MESSAGE_CONTENT",
    "THINKING_TEXT_MESSAGE_END", "REASONING_START", "REASONING_MESSAGE_START", "REASONING_MESSAGE_CONTENT",
    "REASONING_MESSAGE_END", "REASONING_MESSAGE_CHUNK", "REASONING_END", "REASONING_ENCRYPTED_VALUE",
    "SUBAGENT_STARTED", "SUBAGENT_FINISHED", "SUBAGENT_ERROR",
)  # fmt: skip


def event(value: dict[str, Any], speech: Speech) -> str | None:
    """Read an event; the fields are described at docs.ag-ui.com/concepts/events."""
    delta = value.get("delta")
    match value["type"]:
        case "TEXT_MESSAGE_CONTENT" | "TEXT_MESSAGE_CHUNK":
            message_id = pick(value, "messageId", "message_id")
            if message_id is not None:
                speech.turn(message_id)
            return speech.piece(delta, message_id) if isinstance(delta, str) else ""
        case "TEXT_MESSAGE_END":
            speech.turn()
        case "TOOL_CALL_START" | "TOOL_CALL_CHUNK":
            call_id = pick(value, "toolCallId", "tool_call_id")
            speech.tools.begins(call_id, pick(value, "toolCallName", "tool_call_name"), call_id)
            speech.tools.continues(call_id, delta)
        case "TOOL_CALL_ARGS":
            speech.tools.continues(pick(value, "toolCallId", "tool_call_id"), delta)
        case "TOOL_CALL_END":
            speech.tools.ends(pick(value, "toolCallId", "tool_call_id"))
        case "MESSAGES_SNAPSHOT":
            return conversation(value.get("messages"), speech) or ""
        case "RUN_FINISHED":
            outcome = value.get("outcome")
            pauses = waiting.split(outcome)[1] if isinstance(outcome, dict) else []
            return _result(value.get("result"), speech) + "".join(waiting.pause(pause, speech) for pause in pauses)
        case "RUN_ERROR" | "SUBAGENT_ERROR":
            message = pick(value, "message", "error")
            return speech.failure(message) if isinstance(message, str) else None
    return ""


def _result(result: object, speech: Speech) -> str:
    if result is None:
        return ""
    return speech.result(result) if isinstance(result, str) else speech.line(as_json(result))

"""Words of AG-UI, the protocol between agents and user interfaces.

Its members are in camelCase on the wire, and in snake_case if a Python agent sends the objects themselves. The events
are described at docs.ag-ui.com/concepts/events.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from agentcore_mcp.wire.dialects import waiting
from agentcore_mcp.wire.dialects.content import at, pick
from agentcore_mcp.wire.dialects.langchain import conversation
from agentcore_mcp.wire.dialects.rows import NOTHING, TURN, Row
from agentcore_mcp.wire.speech import as_json

if TYPE_CHECKING:
    from agentcore_mcp.wire.dialects.rows import Reader
    from agentcore_mcp.wire.speech import Speech


def _snapshot(value: dict[str, Any], speech: Speech) -> str:
    return conversation(value.get("messages"), speech) or ""


def _finished(value: dict[str, Any], speech: Speech) -> str:
    outcome, result = value.get("outcome"), value.get("result")
    words = speech.result(result) if isinstance(result, str) else ""
    if result is not None and not isinstance(result, str):
        words = speech.line(as_json(result))
    if at(value, "outcome.type") == "cancelled":
        words += speech.line("(the run was cancelled before it ended)")
    return words + (waiting.all_in(outcome, speech) if isinstance(outcome, dict) else "")


def _subagent_finished(value: dict[str, Any], speech: Speech) -> str:
    if at(value, "outcome.type") != "suspended":
        return ""
    return speech.line(f"(the subagent {pick(value, 'subagentRunId', 'subagent_run_id')} is suspended)")


_PIECE = Row("piece", "delta", id="messageId message_id", turn=True, optional=True)
_FRAGMENT = Row(fragment=".", id="toolCallId tool_call_id")
_ERROR = Row("failure", "message error")

# CUSTOM, ACTIVITY_SNAPSHOT and ACTIVITY_DELTA hold an author's own objects, and are shown as JSON.
EVENTS: dict[str, Reader] = {
    **dict.fromkeys((
        "RUN_STARTED", "STEP_STARTED", "STEP_FINISHED", "STATE_SNAPSHOT", "STATE_DELTA", "RAW", "TEXT_MESSAGE_START",
        "TOOL_CALL_RESULT", "THINKING_START", "THINKING_END", "THINKING_TEXT_MESSAGE_START",
        "THINKING_TEXT_MESSAGE_CONTENT", "THINKING_TEXT_MESSAGE_END", "REASONING_START", "REASONING_MESSAGE_START",
        "REASONING_MESSAGE_CONTENT", "REASONING_MESSAGE_END", "REASONING_MESSAGE_CHUNK", "REASONING_END",
        "REASONING_ENCRYPTED_VALUE", "SUBAGENT_STARTED",
    ), NOTHING),
    "TEXT_MESSAGE_CONTENT": _PIECE,
    "TEXT_MESSAGE_CHUNK": _PIECE,
    "TEXT_MESSAGE_END": TURN,
    "TOOL_CALL_START": _FRAGMENT,
    "TOOL_CALL_CHUNK": _FRAGMENT,
    "TOOL_CALL_ARGS": _FRAGMENT,
    "TOOL_CALL_END": Row(id="toolCallId tool_call_id", ends=True),
    "MESSAGES_SNAPSHOT": _snapshot,
    "RUN_FINISHED": _finished,
    "SUBAGENT_FINISHED": _subagent_finished,
    "RUN_ERROR": _ERROR,
    "SUBAGENT_ERROR": _ERROR,
}  # fmt: skip

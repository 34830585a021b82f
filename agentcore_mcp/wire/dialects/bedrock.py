"""Words of Amazon Bedrock: Converse and its streams, and the models' own formats by InvokeModel."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from agentcore_mcp.wire.dialects.content import SPEAKERS, at, called, dicts, pick, text_of, written
from agentcore_mcp.wire.dialects.rows import NOTHING, TURN, Row

if TYPE_CHECKING:
    from agentcore_mcp.wire.dialects.rows import Reader
    from agentcore_mcp.wire.speech import Speech

_DATA, DELTA = 1, 2
# The other reasons, such as max_tokens, end a message before the model is done.
_WHOLE = ("end_turn", "tool_use", "tool_result", "stop_sequence", None)


# --- Converse


def _content_block_delta(body: dict[str, Any], speech: Speech) -> str | None:
    delta = body.get("delta")
    if not isinstance(delta, dict):
        return None
    text = delta.get("text")
    if isinstance(text, str):
        return speech.ranked(text, DELTA)
    written(delta.get("toolUse"), speech, body.get("contentBlockIndex"))
    return ""


def _message_stop(body: dict[str, Any], speech: Speech) -> str:
    speech.turn()
    reason = body.get("stopReason")
    return "" if reason in _WHOLE else speech.line(f"(the answer ended early: {reason})")


def _hook_event(body: dict[str, Any], speech: Speech) -> str:
    if body.get("decision") != "deny":
        return ""
    return speech.line(f"(the hook {body.get('name')} denied {body.get('type')}: {body.get('reason') or 'no reason'})")


_CONVERSE: dict[str, Reader] = {
    "messageStart": TURN,
    "contentBlockStart": Row(fragment="start.toolUse", id="contentBlockIndex"),
    "contentBlockDelta": _content_block_delta,
    "contentBlockStop": Row(id="contentBlockIndex", ends=True),
    "messageStop": _message_stop,
    "hookEvent": _hook_event,
    "metadata": Row(needs="usage"),
}
CONVERSE_EVENTS = tuple(_CONVERSE)


def converse_event(value: dict[str, Any], speech: Speech) -> str | None:
    """Read an event of a Converse stream, or of a harness: an object of one member, or that as its ``event``."""
    event = value.get("event", value)
    if not isinstance(event, dict) or len(event) != 1:
        return None
    ((name, body),) = event.items()
    if not isinstance(body, dict):
        return None
    if reader := _CONVERSE.get(name):
        return reader(body, speech)
    message = body.get("message")
    if name.endswith(("Exception", "Error")) and isinstance(message, str):
        return speech.failure(message)
    return None


def converse_result(value: dict[str, Any], speech: Speech) -> str | None:
    """Read the answer of Converse without a stream."""
    message = at(value, "output.message")
    return read_message(message, speech) if "stopReason" in value and isinstance(message, dict) else None


# --- messages


def data_event(value: dict[str, Any], speech: Speech) -> str | None:
    """Read a piece that Strands reports beside the model's own delta."""
    data = value.get("data")
    is_piece = len(value) == 1 or "event_loop_cycle_id" in value or at(value, "delta.text") == data
    return speech.ranked(data, _DATA) if isinstance(data, str) and is_piece else None


def message_event(value: dict[str, Any], speech: Speech) -> str | None:
    """Read one of the messages that Strands reports; the user's hold the results of tools."""
    message = value.get("message")
    return read_message(message, speech) if len(value) == 1 and isinstance(message, dict) else None


def read_message(value: dict[str, Any], speech: Speech) -> str | None:
    """Read a message in Converse form by itself."""
    content, role = value.get("content"), value.get("role")
    if not isinstance(content, list) or not isinstance(role, str):
        return None
    if role not in SPEAKERS:
        speech.turn()
        return ""
    text = text_of(content)
    tools = [part for part in dicts(content) if isinstance(part.get("toolUse"), dict)]
    if text is None and not tools:
        return None
    called(tools, speech)
    return speech.ranked_message(text or "", pick(value, "tracking_id", "trackingId"))


# --- InvokeModel: the models that answer with one text and the reason why it ends

TITAN = Row("piece", "outputText", needs="completionReason")
TITAN_RESULT = Row("message", "results.0.outputText")
LLAMA = Row("piece", "generation", needs="stop_reason")
CLAUDE_2 = Row("piece", "completion", needs="stop")


# --- the Messages API of Claude, which InvokeModel and Claude's own tools speak


CLAUDE_EVENTS: dict[str, Reader] = {
    "message_start": TURN,
    "message_stop": TURN,
    "message_delta": Row(needs="delta"),
    "content_block_start": Row(fragment="content_block", id="index"),
    "content_block_delta": Row("piece", "delta.text", fragment="delta", id="index", needs="delta", optional=True),
    "content_block_stop": Row(id="index", ends=True),
    "ping": NOTHING,
}


def claude_message(value: dict[str, Any], speech: Speech) -> str | None:
    """Read a complete message of the Messages API, or of the Claude Agent SDK, which puts one into some of its own."""
    message = value.get("message", value)
    if not isinstance(message, dict) or not isinstance(message.get("content"), (list, str)):
        return None
    if (value.get("type") == "user" and message is not value) or (
        "parent_tool_use_id" in value and "model" not in message
    ):
        return ""  # the results of tools
    if message.get("role") != "assistant" and "model" not in message:
        return None
    called([part for part in dicts(message["content"]) if "input" in part], speech)
    return speech.message(text_of(message["content"]) or "", message.get("id"))


def claude_report(value: dict[str, Any], speech: Speech) -> str | None:
    """Read a report of the Claude Agent SDK on the run: its beginning, its progress, its result."""
    result = value.get("result")
    if "session_id" not in value and "data" not in value:
        return None
    if not isinstance(result, str):
        return ""
    return speech.failure(result) if value.get("is_error") is True else speech.result(result)

"""Words of agent frameworks whose events name their own type.

Agno, Microsoft Agent Framework, Mastra's and LlamaIndex's own events, smolagents and Haystack.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from agentcore_mcp.wire.dialects import waiting
from agentcore_mcp.wire.dialects.content import called, dicts, pick, text_of
from agentcore_mcp.wire.dialects.rows import NOTHING, TURN, Row, by

if TYPE_CHECKING:
    from agentcore_mcp.wire.dialects.rows import Reader
    from agentcore_mcp.wire.speech import Speech

FRAMEWORK_TYPES = ("agent_response_update", "agent_response", "chat_response_update", "chat_response")
_AGNO_EVENT = {"event", "created_at", "run_id"}
_AGNO_OUTPUT = {"run_id", "content", "content_type", "status"}


_AGNO_RESULT = Row("result", "content", call="tools", optional=True)
_AGNO_ERROR = Row("failure", "content error reason")
_AGNO_EVENTS: dict[str, Reader] = {
    "RunCompleted": _AGNO_RESULT,
    "WorkflowCompleted": _AGNO_RESULT,
    "RunError": _AGNO_ERROR,
    "RunCancelled": _AGNO_ERROR,
    "WorkflowError": _AGNO_ERROR,
    "ToolCallStarted": Row(call="tool", turn=True),
    "ModelRequestStarted": TURN,
    "ModelRequestCompleted": TURN,
}


def agno(value: dict[str, Any], speech: Speech) -> str | None:
    """Read an event of Agno, of an agent, a team or a workflow, or the output of a run."""
    kind = value.get("event")
    if not isinstance(kind, str):
        if "event" in value or not value.keys() >= _AGNO_OUTPUT:
            return None
        return _AGNO_RESULT(value, speech)
    kind = kind.removeprefix("Team")
    if kind in ("RunContent", "RunIntermediateContent"):
        content = value.get("content")
        return speech.piece(content) if isinstance(content, str) else _AGNO_RESULT(value, speech)
    if not value.keys() >= _AGNO_EVENT or not kind.isalpha() or kind == "CustomEvent":
        return None
    return _AGNO_EVENTS.get(kind, NOTHING)(value, speech)


def agent_framework(value: dict[str, Any], speech: Speech) -> str | None:
    """Read an update, or a response with its messages, of Microsoft Agent Framework."""
    if "contents" not in value and dicts(messages := value.get("messages")) == messages:
        return "".join(agent_framework({"type": "", **message}, speech) or "" for message in messages)
    if not isinstance(value.get("contents"), list):
        return None
    contents, message_id = dicts(value["contents"]), value.get("message_id")
    if value.get("role") not in ("assistant", None):
        return ""
    called([content for content in contents if content.get("type") == "function_call"], speech)
    text = text_of(contents) or ""
    if value["type"].endswith("_update"):
        if message_id is not None:
            speech.turn(message_id)
        words = speech.piece(text, message_id)
    else:
        words = speech.message(text, message_id)
    asked = [content for content in contents if content.get("type") == "function_approval_request"]
    failed = [content for content in contents if content.get("type") == "error"]
    words += "".join(speech.failure(str(pick(content, "message", "details"))) for content in failed)
    return words + "".join(waiting.pause(content, speech) for content in asked)


# Mastra, whose structured answers grow from event to event. The AI SDK asks for approvals as well.
MASTRA: dict[str, Reader] = {
    "object": Row(needs="from"),
    "object-result": Row("result", "object", optional=True),
    **dict.fromkeys(("tool-call-approval", "tool-call-suspended", "tool-approval-request"), waiting.pause),
}

_LLAMAINDEX = {
    "event", "delta", "response", "thinking_delta", "tool_name", "tool_kwargs", "tool_output", "message", "_data",
}  # fmt: skip


def _done(value: dict[str, Any], speech: Speech) -> str | None:
    response = value.get("response")
    return speech.result(response.removeprefix("assistant: ")) if isinstance(response, str) else None


_LLAMAINDEX_EVENTS = by("event", {
    "agent_stream": Row("piece", "delta"),
    "tool_call": Row(call=".", turn=True, needs="tool_name"),
    "tool_result": Row(needs="tool_output"),
    "done": _done,
    "error": Row("failure", "message"),
})  # fmt: skip


def llamaindex(value: dict[str, Any], speech: Speech) -> str | None:
    """Read an event of LlamaIndex's adapter to AgentCore, or one by which a workflow asks a person."""
    if not value.keys() <= _LLAMAINDEX and isinstance(value.get("event"), str):
        return None
    words, data = _LLAMAINDEX_EVENTS(value, speech), value.get("_data")
    if words is None and isinstance(data, dict) and "prefix" in data:
        return waiting.pause(value, speech)
    return words


# For a piece of the model's output and for a tool result: the required members, and all allowed ones.
_SMOLAGENTS = (
    ({"tool_calls", "token_usage"}, {"tool_calls", "token_usage", "content"}),
    ({"output", "is_final_answer"}, {"output", "is_final_answer", "id", "observation", "tool_call"}),
)


def smolagents(value: dict[str, Any], speech: Speech) -> str | None:
    """Read a step of a run, or an event before its end; the last is ``{"output": …}``, as authors write it too."""
    if value.keys() == {"id", "name", "arguments"}:
        called(value, speech)
        return ""
    is_step = value.keys() >= {"step_number", "timing", "model_output"}
    if not is_step and not any(members <= value.keys() <= known for members, known in _SMOLAGENTS):
        return None
    if is_step:
        error = value.get("error")
        text = value.get("model_output")
        words = speech.message(text) if isinstance(text, str) else ""
        return words + (speech.failure(str(error.get("message", error))) if isinstance(error, dict) else "")
    if "tool_calls" in value and not isinstance(value["tool_calls"], (list, type(None))):
        return None
    return _CALLS_AND_CONTENT(value, speech)


def haystack(value: dict[str, Any], speech: Speech) -> str | None:
    """Read a chunk that an agent streams."""
    if value.get("start"):
        speech.turn()
    return _FRAGMENTS_AND_CONTENT(value, speech)


_CALLS_AND_CONTENT = Row("piece", "content", call="tool_calls", optional=True)
_FRAGMENTS_AND_CONTENT = Row("piece", "content", fragment="tool_calls", optional=True)

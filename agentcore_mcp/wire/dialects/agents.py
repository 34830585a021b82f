"""Words of frameworks for agents whose events name themselves.

Agno, Microsoft Agent Framework, Mastra's and LlamaIndex's own events, smolagents and Haystack.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from agentcore_mcp.wire.dialects import waiting
from agentcore_mcp.wire.dialects.content import dicts, pick, text_of
from agentcore_mcp.wire.speech import as_json

if TYPE_CHECKING:
    from agentcore_mcp.wire.speech import Speech

FRAMEWORK_TYPES = ("agent_response_update", "agent_response", "chat_response_update", "chat_response")
MASTRA_TYPES = ("tool-call-approval", "tool-call-suspended", "tool-approval-request", "object", "object-result")
_AGNO_PIECES = ("RunContent", "RunIntermediateContent")
_AGNO_ENDS = ("RunCompleted", "WorkflowCompleted")
_AGNO_ERRORS = ("RunError", "RunCancelled", "WorkflowError")
_AGNO_EVENT = {"event", "created_at", "run_id"}
_AGNO_OUTPUT = {"run_id", "content", "content_type", "status"}


def agno(value: dict[str, Any], speech: Speech) -> str | None:
    """Read an event of Agno, of an agent, a team or a workflow, or the output of a run."""
    kind, content = value.get("event"), value.get("content")
    if not isinstance(kind, str):
        return _agno_output(value, speech) if value.keys() >= _AGNO_OUTPUT and "event" not in value else None
    kind = kind.removeprefix("Team")
    if kind in _AGNO_PIECES:
        return speech.piece(content) if isinstance(content, str) else _structured(content, speech)
    if not value.keys() >= _AGNO_EVENT or not kind.isalpha():
        return None
    if kind in _AGNO_ENDS:
        return speech.result(content) if isinstance(content, str) else _structured(content, speech)
    if kind in _AGNO_ERRORS:
        reason = pick(value, "content", "error", "reason")
        return speech.failure(reason) if isinstance(reason, str) else None
    if kind == "CustomEvent":
        return None
    if kind == "ToolCallStarted":
        _agno_tool(value.get("tool"), speech)
    if kind in ("ModelRequestStarted", "ModelRequestCompleted", "ToolCallStarted"):
        speech.turn()
    return ""


def _agno_output(value: dict[str, Any], speech: Speech) -> str:
    for tool in dicts(value.get("tools")):
        _agno_tool(tool, speech)
    content = value.get("content")
    return speech.result(content) if isinstance(content, str) else _structured(content, speech)


def _agno_tool(tool: object, speech: Speech) -> None:
    if isinstance(tool, dict):
        speech.tools.called(tool.get("tool_name"), tool.get("tool_args"), tool.get("tool_call_id"))


def _structured(value: object, speech: Speech) -> str:
    return "" if value is None else speech.result(as_json(value))


def agent_framework(value: dict[str, Any], speech: Speech) -> str | None:
    """Read an update, or a response with its messages, of Microsoft Agent Framework."""
    if "contents" not in value and dicts(messages := value.get("messages")) == messages:
        return "".join(agent_framework({"type": "", **message}, speech) or "" for message in messages)
    if not isinstance(value.get("contents"), list):
        return None
    contents, message_id = dicts(value["contents"]), value.get("message_id")
    if value.get("role") not in ("assistant", None):
        return ""
    for call in contents:
        if call.get("type") == "function_call":
            speech.tools.called(call.get("name"), call.get("arguments"), call.get("call_id"))
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


def mastra(value: dict[str, Any], speech: Speech) -> str | None:
    """Read a tool that needs an approval, also of the AI SDK, or a structured answer, which grows and then is whole."""
    if value["type"] == "object":
        return "" if "from" in value else None
    if value["type"] == "object-result":
        return _structured(value["object"], speech) if "object" in value else None
    return waiting.pause(value, speech)


_LLAMAINDEX = {
    "event", "delta", "response", "thinking_delta", "tool_name", "tool_kwargs", "tool_output", "message", "_data",
}  # fmt: skip


def llamaindex(value: dict[str, Any], speech: Speech) -> str | None:
    """Read an event of LlamaIndex's adapter to AgentCore, or one by which a workflow asks a person."""
    response, data = value.get("response"), value.get("_data")
    match value.get("event"):
        case str() if not value.keys() <= _LLAMAINDEX:
            return None
        case "agent_stream" if isinstance(delta := value.get("delta"), str):
            return speech.piece(delta)
        case "tool_call" if "tool_name" in value:
            speech.tools.called(value["tool_name"], value.get("tool_kwargs"))
            speech.turn()
        case "tool_result" if "tool_output" in value:
            pass
        case "done" if isinstance(response, str):
            return speech.result(response.removeprefix("assistant: "))
        case "error" if isinstance(message := value.get("message"), str):
            return speech.failure(message)
        case _ if isinstance(data, dict) and "prefix" in data:
            return waiting.pause(value, speech)
        case _:
            return None
    return ""


# What a piece of the model's has, and what a tool came to: at least and at most.
_SMOLAGENTS = (
    ({"tool_calls", "token_usage"}, {"tool_calls", "token_usage", "content"}),
    ({"output", "is_final_answer"}, {"output", "is_final_answer", "id", "observation", "tool_call"}),
)


def smolagents(value: dict[str, Any], speech: Speech) -> str | None:
    """Read a step of a run, or what leads to it; the last event is ``{"output": …}``, as authors write it too."""
    if value.keys() == {"id", "name", "arguments"}:
        speech.tools.called(value["name"], value["arguments"], value["id"])
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
    for call in dicts(value.get("tool_calls")):
        if isinstance(function := call.get("function"), dict):
            speech.tools.called(function.get("name"), function.get("arguments"), call.get("id"))
    return speech.piece(value["content"]) if isinstance(value.get("content"), str) else ""


def haystack(value: dict[str, Any], speech: Speech) -> str | None:
    """Read a chunk that an agent streams."""
    if "component_info" not in value:
        return None
    if value.get("start"):
        speech.turn()
    for call in dicts(value.get("tool_calls")):
        speech.tools.begins(call.get("index"), call.get("tool_name"), call.get("id"))
        speech.tools.continues(call.get("index"), call.get("arguments"))
    return speech.piece(value["content"]) if isinstance(value.get("content"), str) else ""

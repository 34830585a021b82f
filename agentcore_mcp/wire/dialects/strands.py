"""Words of Strands Agents, for Python and for TypeScript.

Strands for Python forwards Converse events and adds its own, so each word comes up to four times: in the model's delta,
a ``data`` event, the complete message and the result.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from agentcore_mcp.wire.dialects import bedrock, waiting
from agentcore_mcp.wire.dialects.content import written
from agentcore_mcp.wire.dialects.rows import NOTHING, TURN, Row, inside
from agentcore_mcp.wire.speech import as_json

if TYPE_CHECKING:
    from agentcore_mcp.wire.dialects.rows import Reader
    from agentcore_mcp.wire.speech import Speech

LIFECYCLE = ("event_loop_cycle_id", "init_event_loop", "start", "start_event_loop")
TEAM_LIFECYCLE = ("multiagent_node_start", "multiagent_node_stop", "multiagent_node_cancel", "multiagent_handoff")
_RESULT_MEMBERS = ({"stop_reason", "message"}, {"stopReason", "lastMessage"})


def lifecycle(value: dict[str, Any], speech: Speech) -> str | None:
    """Read an event of the agent's loop, which has no words."""
    if "event_loop_cycle_id" in value:
        return bedrock.data_event(value, speech) or ""
    # An author's own event may have a member "start" too, beside words.
    is_alone = len(value) == 1 and True in value.values()
    return "" if is_alone or value.get("init_event_loop") is True else None


def tool_in_use(value: dict[str, Any], speech: Speech) -> str | None:
    """Read a tool call that the model is still writing; its input grows from event to event."""
    tool = value.get("current_tool_use")
    if not isinstance(tool, dict):
        return None
    speech.tools.begins(tool.get("toolUseId"), tool.get("name"), tool.get("toolUseId"))  # cumulative, not a fragment
    return bedrock.data_event(value, speech) or ""


def result(value: dict[str, Any], speech: Speech) -> str | None:
    """Read the result of a run, by itself or as a ``result``: its last message, and a structured answer."""
    inner = value.get("result", value) if len(value) == 1 else value
    if not isinstance(inner, dict) or not any(members <= inner.keys() for members in _RESULT_MEMBERS):
        return None
    inner, pauses = waiting.split(inner)
    message = inner.get("message", inner.get("lastMessage"))
    words = bedrock.read_message(message, speech) if isinstance(message, dict) else None
    if words is None:
        return None
    structured = inner.get("structured_output", inner.get("structuredOutput"))
    words += "" if structured is None else structured_output({"structured_output": structured}, speech)
    if inner.get("stop_reason", inner.get("stopReason")) == "interrupt" and not pauses and not speech.pauses:
        pauses = [{"question": "the agent has paused, and doesn't say in its result what for"}]
    return words + "".join(waiting.pause(pause, speech) for pause in pauses)


def structured_output(value: dict[str, Any], speech: Speech) -> str:
    """Read a structured answer, which is reported again as a part of the result."""
    return speech.result(as_json(value["structured_output"]))


def _delta(value: dict[str, Any], speech: Speech) -> str:
    delta = value.get("delta")
    if isinstance(delta, dict) and delta.get("type") == "textDelta" and isinstance(text := delta.get("text"), str):
        return speech.ranked(text, bedrock.DELTA)
    written(delta, speech, None)
    return ""


TYPESCRIPT_EVENTS: dict[str, Reader] = {
    **dict.fromkeys((
        "beforeInvocationEvent", "afterInvocationEvent", "beforeModelCallEvent", "afterModelCallEvent",
        "beforeToolsEvent", "afterToolsEvent", "beforeToolCallEvent", "afterToolCallEvent", "contentBlockEvent",
        "modelMessageEvent", "modelMetadataEvent", "toolStreamEvent", "toolStreamUpdateEvent", "toolResultEvent",
        "modelRedactionEvent", "agentInitializedEvent", "initializedEvent",
    ), NOTHING),
    "modelMessageStartEvent": TURN,
    "modelMessageStopEvent": TURN,
    "modelContentBlockStartEvent": Row(fragment="start"),
    "modelContentBlockDeltaEvent": _delta,
    "modelContentBlockStopEvent": Row(ends=True),
    "messageAddedEvent": inside("message", bedrock.read_message),
    "agentResultEvent": result,
    "agentResult": result,
    "interruptEvent": inside("interrupt", waiting.pause),
}  # fmt: skip

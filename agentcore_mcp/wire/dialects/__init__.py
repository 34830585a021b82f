"""The event formats of agent frameworks: which events carry words, and in which member.

Each family of formats has a module; the tables here choose the reader for an event. A reader returns the words that an
event adds, "" for a known event without words, and None for an unknown event, which then goes to the next reader, and
finally to ``wire.text``, which drops nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from agentcore_mcp.wire.dialects import (
    a2a,
    agents,
    agui,
    bedrock,
    frameworks,
    langchain,
    langgraph,
    openai,
    strands,
    waiting,
)
from agentcore_mcp.wire.dialects.content import text_of
from agentcore_mcp.wire.dialects.rows import NOTHING, Row, inside
from agentcore_mcp.wire.speech import as_json

if TYPE_CHECKING:
    from agentcore_mcp.wire.dialects.rows import Reader
    from agentcore_mcp.wire.speech import Speech

# An author's own object may have ``role`` and ``content`` too, with further members that must not be lost.
_MESSAGE_MEMBERS = frozenset((
    "role", "content", "name", "id", "type", "metadata", "tracking_id", "tool_calls", "tool_call_id", "refusal",
    "annotations", "audio", "function_call", "parts", "parsed", "reasoning_content", "additional_kwargs", "blocks",
))  # fmt: skip
_has_no_pauses = waiting.NAMES.isdisjoint  # bound once, as it is called for each event
_BESIDE_PAUSES = ("status", "stop_reason", "tool_use", "metadata", "_kinds")  # members that only repeat the pauses


def read(value: dict[str, Any], speech: Speech) -> str | None:
    """Return the words that an event adds, None if no framework is known to write it."""
    if not _has_no_pauses(value):
        rest, pauses = waiting.split(value)
        if pauses:
            words = read(rest, speech)
            if words is None:
                rest = {name: other for name, other in rest.items() if other and name not in _BESIDE_PAUSES}
                words = speech.once(as_json(rest)) if rest else ""
            return words + "".join(waiting.pause(pause, speech) for pause in pauses)
    kind = value.get("type")
    if isinstance(kind, str):
        reader = _BY_TYPE.get(kind) or (_BY_TYPE_FAMILY.get(kind.partition(".")[0]) if "." in kind else None)
        if reader and (words := reader(value, speech)) is not None:
            return words
    for name in value:
        for reader in _BY_MEMBER.get(name, ()):
            if (words := reader(value, speech)) is not None:
                return words
    if (words := langgraph.updates(value, speech)) is not None:
        return words
    return bedrock.converse_event(value, speech)


def items(values: list[Any], speech: Speech) -> str | None:
    """Return the words that a list adds, None if no framework is known to write it."""
    if waiting.is_list(values):
        return "".join(waiting.pause(item, speech) for item in values)
    return langgraph.items(values, speech)


def _structured_output(value: dict[str, Any], speech: Speech) -> str | None:
    return strands.structured_output(value, speech) if len(value) == 1 else None


def _message(value: dict[str, Any], speech: Speech) -> str | None:
    if not value.keys() <= _MESSAGE_MEMBERS:
        return None
    content = value.get("content")
    words = bedrock.read_message(value, speech)
    if words is None and (not content or "tool_calls" in value or text_of(content) is not None):
        words = langchain.message(value, speech)
    return words


_BY_TYPE: dict[str, Reader] = {
    **agui.EVENTS,
    **dict.fromkeys(frameworks.AUTOGEN_TYPES, frameworks.autogen),
    **frameworks.AI_SDK,
    **dict.fromkeys(langchain.MESSAGE_TYPES, langchain.message),
    **dict.fromkeys(langgraph.MODES, langgraph.part),
    **dict.fromkeys(("task", "task_result", "checkpoint"), langgraph.debug),
    **bedrock.CLAUDE_EVENTS,
    **dict.fromkeys(("message", "assistant", "user"), bedrock.claude_message),
    "multiagent_node_stream": inside("event", read, None),
    **dict.fromkeys(strands.TEAM_LIFECYCLE, NOTHING),
    **strands.TYPESCRIPT_EVENTS,
    "modelStreamUpdateEvent": inside("event", read, None),
    **dict.fromkeys(agents.FRAMEWORK_TYPES, agents.agent_framework),
    **agents.MASTRA,
    "function": openai.TOOL_CALL,
    **dict.fromkeys(openai.AGENTS_TYPES, openai.stream_event),
    "stream_event": inside("event", read, None),
    "event": langgraph.protocol_event,
    "error": openai.error,
}
_BY_TYPE_FAMILY: dict[str, Reader] = {"response": openai.response_event}  # "response.output_text.delta"
_BY_MEMBER: dict[str, tuple[Reader, ...]] = {
    **dict.fromkeys(bedrock.CONVERSE_EVENTS, (bedrock.converse_event,)),
    **dict.fromkeys(strands.LIFECYCLE, (strands.lifecycle,)),
    **dict.fromkeys(("artifactUpdate", "contextId", "kind", "statusUpdate", "task"), (a2a.event,)),
    **dict.fromkeys(("arguments", "is_final_answer", "token_usage"), (agents.smolagents,)),
    **dict.fromkeys(("content_type", "run_id"), (agents.agno,)),
    **dict.fromkeys(("invocationId", "invocation_id"), (frameworks.adk_event,)),
    **dict.fromkeys(("interrupts", "triggers"), (langgraph.task,)),
    **dict.fromkeys(("lastMessage", "result", "stop_reason"), (strands.result,)),
    "candidates": (frameworks.GEMINI,),
    "choices": (openai.chat_completion,),
    "chunk_type": (frameworks.CREWAI_CHUNK,),
    "completion": (bedrock.CLAUDE_2,),
    "current_agent_name": (frameworks.llamaindex_event,),
    "component_info": (agents.haystack,),
    "current_tool_use": (strands.tool_in_use,),
    "data": (bedrock.data_event,),
    "error": (openai.error,),
    "event": (bedrock.converse_event, langgraph.event, agents.llamaindex, inside("event", read, None)),
    "event_kind": (frameworks.PYDANTIC_AI,),
    "force_stop_reason": (Row("failure", "force_stop_reason"),),
    "generation": (bedrock.LLAMA,),
    "jsonrpc": (openai.error, inside("result", read, None)),
    "lc": (langchain.message,),
    "message": (bedrock.message_event, a2a.event, frameworks.llamaindex_response, frameworks.OLLAMA),
    "messages": (langchain.state, frameworks.autogen_result),
    "object": (openai.response,),
    "outputText": (bedrock.TITAN,),
    "parent_tool_use_id": (bedrock.claude_message,),
    "parts": (frameworks.gemini_content,),
    "_data": (agents.llamaindex,),
    "raw": (frameworks.llamaindex_response,),
    "results": (bedrock.TITAN_RESULT, frameworks.SPRING),
    "role": (_message,),
    "stopReason": (bedrock.converse_result,),
    "structured_output": (_structured_output,),
    "subtype": (bedrock.claude_report,),
    "tasks_output": (frameworks.CREWAI_OUTPUT,),
    "tool_interrupt_event": (inside("tool_interrupt_event", read, None),),
    "tool_kwargs": (frameworks.LLAMAINDEX_TOOL,),
}

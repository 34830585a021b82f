"""How the frameworks that agents are built with write what an agent says: which event has words, which has none.

One module for each family of shapes, and here the tables by which an event finds its reader. A reader returns the
words that an event adds, "" for a known one that adds none, and None for what is not its own: that goes on to the next
reader, and at last to ``wire.text``, which drops nothing. A folder, because the families share nothing but this.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from agentcore_mcp.wire.dialects import a2a, agui, bedrock, frameworks, langchain, openai
from agentcore_mcp.wire.dialects.content import text_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from agentcore_mcp.wire.speech import Speech

    Reader = Callable[[dict[str, Any], Speech], str | None]

# An author's own object may have a role and a content too, and more that must not be lost.
_MESSAGE_MEMBERS = frozenset((
    "role", "content", "name", "id", "type", "metadata", "tracking_id", "tool_calls", "tool_call_id", "refusal",
    "annotations", "audio", "function_call", "parts", "parsed", "reasoning_content", "additional_kwargs", "blocks",
))  # fmt: skip


def read(value: dict[str, Any], speech: Speech) -> str | None:
    """Return the words that an event adds, None if no framework is known to write it."""
    kind = value.get("type")
    if isinstance(kind, str):
        reader = _BY_TYPE.get(kind) or _BY_TYPE_FAMILY.get(kind.partition(".")[0]) if kind else None
        if reader and (words := reader(value, speech)) is not None:
            return words
    for name in value:
        for reader in _BY_MEMBER.get(name, ()):
            if (words := reader(value, speech)) is not None:
                return words
    if (words := langchain.updates(value, speech)) is not None:
        return words
    return bedrock.converse_event(value, speech)


def items(values: list[Any], speech: Speech) -> str | None:
    """Return the words that a list adds, None if no framework is known to write it."""
    return langchain.items(values, speech)


def _inside(member: str) -> Reader:
    def reader(value: dict[str, Any], speech: Speech) -> str | None:
        inner = value.get(member)
        return read(inner, speech) if isinstance(inner, dict) else None

    return reader


def _nothing(_value: dict[str, Any], _speech: Speech) -> str | None:
    return ""


def _message(value: dict[str, Any], speech: Speech) -> str | None:
    if not value.keys() <= _MESSAGE_MEMBERS:
        return None
    content = value.get("content")
    words = bedrock.message(value, speech)
    if words is None and (not content or "tool_calls" in value or text_of(content) is not None):
        words = langchain.message(value, speech)
    return words


_BY_TYPE: dict[str, Reader] = {
    **dict.fromkeys(agui.TYPES, agui.event),
    **dict.fromkeys(frameworks.AUTOGEN_TYPES, frameworks.autogen),
    **dict.fromkeys(frameworks.AI_SDK_TYPES, frameworks.ai_sdk),
    **dict.fromkeys(langchain.MESSAGE_TYPES, langchain.message),
    **dict.fromkeys(langchain.MODES, langchain.part),
    **dict.fromkeys(("task", "task_result", "checkpoint"), langchain.debug),
    **dict.fromkeys(bedrock.CLAUDE_EVENTS, bedrock.claude_event),
    **dict.fromkeys(("message", "assistant", "user"), bedrock.claude_message),
    "multiagent_node_stream": _inside("event"),
    "multiagent_node_start": _nothing,
    "multiagent_node_stop": _nothing,
    "multiagent_node_cancel": _nothing,
    "multiagent_handoff": _nothing,
    "stream_event": _inside("event"),
    "event": langchain.protocol_event,
    "error": openai.error,
}
_BY_TYPE_FAMILY: dict[str, Reader] = {"response": openai.response_event}  # "response.output_text.delta"
_BY_MEMBER: dict[str, tuple[Reader, ...]] = {
    **dict.fromkeys(bedrock.CONVERSE_EVENTS, (bedrock.converse_event,)),
    **dict.fromkeys(bedrock.LIFECYCLE, (bedrock.lifecycle,)),
    "artifactUpdate": (a2a.event,),
    "candidates": (frameworks.gemini,),
    "choices": (openai.chat_completion,),
    "chunk_type": (frameworks.crewai,),
    "completion": (bedrock.completion,),
    "current_agent_name": (frameworks.llamaindex_event,),
    "current_tool_use": (bedrock.tool_in_use,),
    "data": (bedrock.data_event,),
    "error": (openai.error,),
    "event": (bedrock.converse_event, langchain.event, _inside("event")),
    "event_kind": (frameworks.pydantic_ai,),
    "force_stop_reason": (bedrock.forced_stop,),
    "generation": (bedrock.completion,),
    "interrupts": (langchain.task,),
    "invocationId": (frameworks.adk_event,),
    "invocation_id": (frameworks.adk_event,),
    "jsonrpc": (openai.error, _inside("result")),
    "kind": (a2a.event,),
    "lc": (langchain.message,),
    "message": (bedrock.message_event, a2a.event, frameworks.llamaindex_response, frameworks.ollama),
    "messages": (langchain.state, frameworks.autogen_result),
    "object": (openai.response,),
    "outputText": (bedrock.completion,),
    "parent_tool_use_id": (bedrock.claude_message,),
    "parts": (frameworks.gemini_content,),
    "raw": (frameworks.llamaindex_response,),
    "results": (bedrock.completions,),
    "role": (_message,),
    "statusUpdate": (a2a.event,),
    "stopReason": (bedrock.converse_result,),
    "subtype": (bedrock.claude_report,),
    "task": (a2a.event,),
    "tasks_output": (frameworks.crewai,),
    "tool_kwargs": (frameworks.llamaindex_tool,),
    "triggers": (langchain.task,),
}

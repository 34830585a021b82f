r"""Words of objects that arrive as their ``repr()`` or ``str()``.

An app of the published SDK sends values that JSON can't hold as ``str(object)``: a dictionary with live objects or
bytes in it (events of Strands and LangGraph), a Pydantic object with a date (AutoGen), a dataclass (Agno, OpenAI's
Agents SDK, Pydantic AI), a message of LangChain. They are read as their JSON would be. To not mistake an agent's text
for an object, each beginning is a framework's own and a dictionary must hold a value that JSON can't; a text that can't
be parsed, or that no dialect knows, counts as words.
"""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING, Any

from agentcore_mcp.wire.dialects import bedrock, openai, waiting
from agentcore_mcp.wire.dialects.literals import Instance, Parsed
from agentcore_mcp.wire.speech import as_json

if TYPE_CHECKING:
    from collections.abc import Callable

    from agentcore_mcp.wire.speech import Speech

    Read = Callable[[Any], str | None]

_BEGINNINGS = re.compile(
    r"""\{'|\[\{'|content=['"\[]|id='[\w-]+' source='|messages=\[TextMessage\("""
    r"""|(?:RawResponses|RunItem|AgentUpdated)StreamEvent\("""
    r"""|(?:AgentRunResult(?:Event)?|FunctionToolResultEvent|DeferredToolRequests)\("""
    r"""|\w+Event\(created_at=\d+, event='|(?:Team)?RunOutput\(|(?:ActionStep|FinalAnswerStep|StreamingChunk)\("""
)
_TEXT = re.compile(r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*\"""", re.DOTALL)
_DATA = "{'data': "
_CHUNK = "{'event': 'on_chat_model_stream', 'data': {'chunk': AIMessageChunk(content="
_RUN_EVENT = "{'event': 'on_"
_LOOP = "'event_loop_cycle_id': "
_TEAM_LIFECYCLE = re.compile(r"\{'type': 'multiagent_(?!node_(?:stream|interrupt)')")


def words_of(text: str, speech: Speech, read: Read) -> str | None:
    """Return the words of an object from its text, None if the text is anything else.

    Args:
        text: The text.
        speech: What was said before.
        read: Reads the object as if it had come as JSON.
    """
    if not _BEGINNINGS.match(text):
        return None
    try:
        # What comes with every piece of an answer is read without being parsed as a whole.
        if text.startswith(_DATA) and _LOOP in text:
            return bedrock.data_event({"data": _text_at(text, len(_DATA))}, speech)
        if text.startswith(_CHUNK) and text[len(_CHUNK)] in "'\"":
            return speech.piece(_text_at(text, len(_CHUNK)))
        is_step = _LOOP in text and "AgentResult(" not in text
        if text[0] == "{" and (is_step or (_TEAM_LIFECYCLE.match(text) and "Interrupt(" not in text)):
            return ""
        if text.startswith("FunctionToolResultEvent("):
            return ""
        parsed = Parsed(text)
    except (ValueError, SyntaxError, RecursionError, MemoryError):  # cut, or no literal after all
        return "" if text.startswith(_RUN_EVENT) else None
    value = parsed.value
    if text[0] in "{[":
        return read(value) if parsed.is_foreign or waiting.is_list(value) else None
    if value.kind == "AgentRunResultEvent" and isinstance(value.get("result"), Instance):
        value = value["result"]
    if value.kind == "_" and ("additional_kwargs" in value or "tool_call_id" in value):
        value["type"] = _type_of_message(value)
    elif value.keys() == {"output"}:  # the result of a run of Pydantic AI or smolagents
        output = value["output"]
        return speech.result(output) if isinstance(output, str) else _result(output, speech, read)
    elif value.kind.endswith("StreamEvent"):  # of OpenAI's Agents SDK
        return openai.stream_event(value, speech)
    return read(value)


def _result(value: Any, speech: Speech, read: Read) -> str | None:
    if not isinstance(value, (dict, list)):
        return None
    words = read(value)
    return speech.line(as_json(value)) if words is None else words


def _type_of_message(value: dict[str, Any]) -> str:
    """Return the type of a message of LangChain, whose text doesn't have it."""
    for member, kind in (("tool_call_chunks", "AIMessageChunk"), ("tool_calls", "ai"), ("tool_call_id", "tool")):
        if member in value:
            return kind
    return "human"


def _text_at(text: str, begin: int) -> str:
    """Return the text whose literal begins here."""
    found = _TEXT.match(text, begin)
    if not found:
        raise ValueError("no text literal")
    return str(ast.literal_eval(found[0]))

r"""Words of objects that arrive as the text Python makes of them.

An app of the published SDK sends what is no JSON as ``str(object)``: a dictionary with live objects in it (events of
Strands and LangGraph), a Pydantic object with a date (AutoGen), a dataclass (OpenAI's Agents SDK, Pydantic AI), a
message of LangChain. Each marker is a framework's own, so that no agent's text is taken for such an object, and what
can't be read is still words.
"""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING, Any

from agentcore_mcp.wire.dialects import bedrock, frameworks
from agentcore_mcp.wire.dialects.content import text_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from agentcore_mcp.wire.speech import Speech

_MARKS = re.compile(
    r"""(?P<dictionary>\{')"""
    r"""|(?P<langchain>content=['"\[])"""
    r"""|(?P<autogen>id='[\w-]+' source=')"""
    r"""|(?P<autogen_result>messages=\[TextMessage\()"""
    r"""|(?P<openai>(?:RawResponses|RunItem|AgentUpdated)StreamEvent\()"""
    r"""|(?P<pydantic_ai>AgentRunResult(?:Event\(result=AgentRunResult)?\(|FunctionToolResultEvent\(part=)"""
)
_LITERAL = re.compile(r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*\"""", re.DOTALL)
_TEAM_EVENT = re.compile(r"\{'type': 'multiagent_node_stream', 'node_id': '[^']*', 'event': (?=\{)")
_TEAM_LIFECYCLE = re.compile(r"\{'type': 'multiagent_\w+', ")
_AGENT_RESULT = re.compile(r"\{'result': AgentResult\(stop_reason='\w*', message=")
_AUTOGEN_MESSAGE = re.compile(r"(\w+)\(id='([\w-]+)', source='([^']*)', models_usage=")
_AUTOGEN_CALL = re.compile(r"FunctionCall\(id='([^']*)', arguments=")


def words_of(text: str, speech: Speech) -> str | None:
    """Return the words that the text of an object adds, None if it is no such text."""
    mark = _MARKS.match(text)
    if not mark or not mark.lastgroup:
        return None
    try:
        return _READERS[mark.lastgroup](text, speech)
    except (ValueError, SyntaxError, RecursionError):  # cut, or no literal after all
        return None


def _dictionary(text: str, speech: Speech) -> str | None:
    if node := _TEAM_EVENT.match(text):
        text = text[node.end() :]
    elif _TEAM_LIFECYCLE.match(text):
        return ""
    if text.startswith("{'event': 'on_"):
        chunk = "{'event': 'on_chat_model_stream', 'data': {'chunk': AIMessageChunk(content="
        return speech.piece(_literal(text, chunk)) if text.startswith(chunk) else ""
    if result := _AGENT_RESULT.match(text):
        message = ast.literal_eval(text[result.end() : text.index("}, metrics=", result.end()) + 1])
        return bedrock.message(message, speech) if isinstance(message, dict) else None
    if text.startswith("{'result': TextMessage("):
        return _autogen_result(text, speech)
    if "'event_loop_cycle_id': " not in text:
        return None
    if text.startswith("{'data': "):
        return bedrock.data_event({"data": _literal(text, "{'data': ")}, speech)
    return ""


def _langchain(text: str, speech: Speech) -> str | None:
    begin = len("content=")
    if text[begin] == "[":
        end = text.index("] additional_kwargs={", begin) + 1
        content = text_of(ast.literal_eval(text[begin:end])) or ""
    else:
        content = _literal(text, "content=")
        end = _end_of_literal(text, begin)
    if not text.startswith(" additional_kwargs={", end) or " tool_calls=[" not in text[end:]:
        return "" if text.startswith((" additional_kwargs={", " tool_call_id='", " name='"), end) else None
    return speech.piece(content) if "tool_call_chunks=[" in text[end:] else speech.message(content)


def _autogen(text: str, speech: Speech) -> str | None:
    head = text[: text.index(" models_usage=")]
    names = re.fullmatch(r"id='([\w-]+)' source='([^']*)'", head)
    kind = re.search(r" type='(\w+)'$", text[-100:])
    if not names or not kind:
        return None
    return frameworks.autogen(_autogen_message(kind[1], names[1], names[2], text, " content="), speech)


def _autogen_result(text: str, speech: Speech) -> str | None:
    messages = [
        _autogen_message(found[1], found[2], found[3], text[found.start() :], ", content=")
        for found in _AUTOGEN_MESSAGE.finditer(text)
    ]
    return frameworks.autogen_result({"messages": messages}, speech)


def _autogen_message(kind: str, message_id: str, source: str, text: str, marker: str) -> dict[str, Any]:
    content: Any = None
    begin = text.index(marker) + len(marker)
    if text[begin] in "'\"":
        content = _literal(text, marker)
    elif kind == "ToolCallRequestEvent":
        content = [
            {
                "id": call[1],
                "arguments": _literal(text, "arguments=", call.start()),
                "name": _literal(text, "name=", call.end()),
            }
            for call in _AUTOGEN_CALL.finditer(text, begin, text.index(")]", begin) + 1)
        ]
    return {"type": kind, "id": message_id, "source": source, "content": content}


def _openai(text: str, speech: Speech) -> str | None:
    if text.startswith("RawResponsesStreamEvent(data=ResponseTextDeltaEvent("):
        return speech.piece(_literal(text, " delta="), _literal(text, " item_id="))
    if text.startswith("RunItemStreamEvent(name='tool_called'"):
        call = text.index("raw_item=ResponseFunctionToolCall(")
        name, arguments = _literal(text, " name=", call), _literal(text, "(arguments=", call)
        speech.tools.called(name, arguments, _literal(text, " call_id=", call))
    if text.startswith("RunItemStreamEvent(name='message_output_created'"):
        message = text.index("raw_item=ResponseOutputMessage(")
        return speech.message(_literal(text, " text=", message), _literal(text, "(id=", message))
    return ""


def _pydantic_ai(text: str, speech: Speech) -> str | None:
    return "" if text.startswith("FunctionTool") else speech.result(_literal(text, "AgentRunResult(output="))


def _literal(text: str, marker: str, begin: int = 0) -> str:
    """Return the text literal after a marker."""
    begin = text.index(marker, begin) + len(marker)
    return str(ast.literal_eval(text[begin : _end_of_literal(text, begin)]))


def _end_of_literal(text: str, begin: int) -> int:
    literal = _LITERAL.match(text, begin)
    if not literal:
        raise ValueError("no text literal")
    return literal.end()


_READERS: dict[str, Callable[[str, Speech], str | None]] = {
    "dictionary": _dictionary,
    "langchain": _langchain,
    "autogen": _autogen,
    "autogen_result": _autogen_result,
    "openai": _openai,
    "pydantic_ai": _pydantic_ai,
}

"""Words of LangChain and LangGraph.

They come as messages and their chunks, serialised in any of three ways, as the state of a graph in each of its stream
modes, and as the events of ``astream_events``. A graph repeats itself: a state holds all messages so far, those of
earlier questions too, and every level of it reports the end of every lower one. Messages have ids, by which each is
said once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from agentcore_mcp.wire.dialects import waiting
from agentcore_mcp.wire.dialects.content import SPEAKERS, dicts, pick, text_of
from agentcore_mcp.wire.speech import as_json

if TYPE_CHECKING:
    from agentcore_mcp.wire.speech import Speech

_OTHERS = frozenset(
    {
        "human",
        "user",
        "system",
        "developer",
        "tool",
        "function",
        "remove",
        "HumanMessage",
        "SystemMessage",
        "ToolMessage",
    }
)
MESSAGE_TYPES = (
    "ai", "AIMessage", "AIMessageChunk", "human", "HumanMessage", "system", "SystemMessage", "tool", "ToolMessage",
    "remove", "constructor",
)  # fmt: skip
MODES = frozenset({"values", "updates", "messages", "custom", "tasks", "debug", "checkpoints"})
_BESIDE_MESSAGES = ("messages", "remaining_steps", "last_message")
# What comes with one of LangChain's messages, and not with what an author calls {"type": "ai", "content": …}.
_MESSAGE_MEMBERS = ("id", "additional_kwargs", "response_metadata", "tool_call_id", "tool_calls", "tool_call_chunks")


def message(value: dict[str, Any], speech: Speech, place: object = None, *, has_calls: bool = True) -> str | None:
    """Read a message or the chunk of one.

    Args:
        value: The message, as a dump, as ``{"type": …, "data": …}`` or as a serialised constructor.
        speech: What was said before.
        place: Where in a graph it was written; words from another place begin on a new line.
        has_calls: Whether the calls of tools in a chunk are reported nowhere else.
    """
    plain = _plain(value)
    if plain is None:
        return None
    kind, content = _kind(plain), plain.get("content")
    if not _speaks(plain):
        speech.turn()
        return ""
    if kind != "AIMessageChunk":
        _calls(plain, speech)
        return speech.message(text_of(content) or "", plain.get("id"))
    if place is not None:
        speech.turn(place)
    for chunk in dicts(plain.get("tool_call_chunks") if has_calls else None):
        speech.tools.begins(chunk.get("index"), chunk.get("name"), chunk.get("id"))
        speech.tools.continues(chunk.get("index"), chunk.get("args"))
    words = speech.piece(text_of(content) or "", plain.get("id"))
    if plain.get("chunk_position") == "last":
        speech.turn()
    return words


def conversation(values: object, speech: Speech, *, has_calls: bool = True) -> str | None:
    """Read a list of messages, of LangChain's or OpenAI's form: what was said since the user's last one."""
    if not isinstance(values, list) or not values:
        return None
    messages = [plain for value in values if isinstance(value, dict) and (plain := _plain(value)) is not None]
    if len(messages) != len(values):
        return None
    answered = [i for i, plain in enumerate(messages) if _kind(plain) in ("human", "user") and not _speaks(plain)]
    new = [plain for plain in messages[answered[-1] + 1 if answered else 0 :] if _speaks(plain)]
    for plain in new if has_calls else ():
        _calls(plain, speech)
    return speech.messages([(text_of(plain.get("content")) or "", _id(plain, i)) for i, plain in enumerate(new)])


def state(value: dict[str, Any], speech: Speech, *, has_calls: bool = True) -> str | None:
    """Read the state of a graph, or what a node adds to it: its messages, then whatever else it holds, once."""
    words = conversation(value.get("messages"), speech, has_calls=has_calls)
    if words is None:
        return "" if value.get("messages") == [] and len(value) == 1 else None
    rest = {name: other for name, other in value.items() if name not in _BESIDE_MESSAGES and other != []}
    return words + speech.once(as_json(rest)) if rest else words


def updates(value: dict[str, Any], speech: Speech) -> str | None:
    """Read what the nodes that just ran add to the state: ``{"node": {"messages": …}, …}``."""
    parts = [part for part in value.values() if isinstance(part, dict) and isinstance(part.get("messages"), list)]
    if not parts:
        return None
    read = {name: state(part, speech) for name, part in value.items() if isinstance(part, dict)}
    if all(words is None for words in read.values()):
        return None
    rest = {name: part for name, part in value.items() if part is not None and read.get(name) is None}
    return "".join(filter(None, read.values())) + (speech.line(as_json(rest)) if rest else "")


def items(values: list[Any], speech: Speech) -> str | None:
    """Read a list: a pair of message and metadata, a mode's name and what it streams, or messages."""
    match values:
        case [dict(value), {"langgraph_step": _} as metadata]:
            return message(value, speech, metadata.get("langgraph_checkpoint_ns"))
        case [dict(value), dict(metadata)] if _kind(value) == "AIMessageChunk" and "type" not in metadata:
            return message(value, speech)
        case [str(name), payload] if name in MODES:
            return _mode(name, payload, speech)
        case [list(), str(name), payload] if name in MODES:
            return _mode(name, payload, speech)
        case [list(path), dict(payload)] if all(isinstance(step, str) for step in path):
            return updates(payload, speech) or state(payload, speech)
    return conversation(values, speech)


def part(value: dict[str, Any], speech: Speech) -> str | None:
    """Read a part of a stream whose parts name their mode: version 2 of ``stream``."""
    return _mode(value["type"], value["data"], speech) if "ns" in value and "data" in value else None


def served(mode: str, form: str, value: Any, speech: Speech) -> str | None:
    """Read an event of LangGraph's server: its type is a mode, and what form of it; metadata come in events too."""
    if mode == "metadata" or form == "metadata":
        return "" if isinstance(value, dict) and (form or not any(map(_holds, value.values()))) else None
    if mode == "messages" and isinstance(value, list) and form:
        return conversation(value, speech)
    return _mode(mode, value, speech)


def protocol_event(value: dict[str, Any], speech: Speech) -> str | None:
    """Read an event of version 3 of ``astream_events``."""
    params = value.get("params")
    if not isinstance(params, dict) or not isinstance(value.get("method"), str):
        return None
    match value["method"], params.get("data"):
        case "messages", [{"event": "content-block-delta", "delta": {"text": str(text)}}, *_]:
            return speech.piece(text)
        case "messages", [{"event": "content-block-finish", "content": {"name": name, "args": arguments} as call}, *_]:
            speech.tools.called(name, arguments, call.get("id"))
        case "messages", [{"event": "message-start"}, *_]:
            speech.turn()
        case "values", dict(payload):
            return state(payload, speech) or ""
    return ""


def task(value: dict[str, Any], speech: Speech) -> str | None:
    """Read what a graph's task begins with or ends with, in the mode ``tasks``."""
    if "name" not in value or not ("triggers" in value or "interrupts" in value):
        return None
    if isinstance(value.get("error"), str):
        return speech.failure(value["error"])
    result = value.get("result")
    return (state(result, speech) or "") if isinstance(result, dict) else ""


def debug(value: dict[str, Any], speech: Speech) -> str | None:
    """Read a step of a graph in the mode ``debug``: a task, its result, or a checkpoint."""
    payload = value.get("payload")
    if "step" not in value or not isinstance(payload, dict):
        return None
    return task(payload, speech) or ""


def event(value: dict[str, Any], speech: Speech) -> str | None:
    """Read an event of version 1 or 2 of ``astream_events``."""
    name, data = value.get("event"), value.get("data")
    if not isinstance(name, str) or not name.startswith("on_") or not isinstance(data, dict) or "run_id" not in value:
        return None
    match name, data:
        case "on_chat_model_stream", {"chunk": dict(chunk)}:
            # That a tool starts is an event of its own, which has no id of the call.
            return message(chunk, speech, has_calls=False) or ""
        case "on_chat_model_end", {"output": dict(output)} if plain := _plain(output):
            return speech.message(text_of(plain.get("content")) or "", plain.get("id"))
        case "on_llm_stream", {"chunk": chunk}:
            text = chunk.get("text") if isinstance(chunk, dict) else chunk
            return speech.piece(text) if isinstance(text, str) else ""
        case "on_tool_start", _:
            speech.tools.called(value.get("name"), data.get("input"))
        case "on_custom_event", _:
            return speech.line(as_json(data))
        case (("on_chain_error" | "on_tool_error" | "on_chat_model_error" | "on_llm_error"), {"error": str(error)}):
            return speech.failure(error)
        case "on_chain_end", {"output": output} if value.get("parent_ids") == []:
            return _final(output, speech)
    return ""


def _final(output: object, speech: Speech) -> str:
    """Return what the end of the whole graph adds, which says again what its parts said."""
    words: str | None = None
    if isinstance(output, str):
        return speech.result(output)
    if isinstance(output, dict):
        words = state(output, speech, has_calls=False)
        words = message(output, speech) if words is None else words
    if isinstance(output, list):
        words = conversation(output, speech, has_calls=False)
    if words is None:
        return speech.line(as_json(output)) if output is not None and speech.is_silent else ""
    return words


def _mode(name: str, payload: Any, speech: Speech) -> str | None:
    if name == "custom":
        return speech.piece(payload) if isinstance(payload, str) else speech.line(as_json(payload))
    if isinstance(payload, list):
        return items(payload, speech) if name == "messages" else None
    if not isinstance(payload, dict):
        return None
    words: str | None = None
    payload, pauses = waiting.split(payload)
    match name:
        case _ if pauses and not any(payload.values()):
            words = ""
        case "values":
            words = state(payload, speech)
        case "updates":
            words = updates(payload, speech)
        case "tasks":
            words = task(payload, speech)
        case "debug":
            words = debug(payload, speech)
        case "checkpoints":
            words = ""
    words = speech.line(as_json(payload)) if words is None else words
    return words + "".join(waiting.pause(pause, speech) for pause in pauses)


def _holds(value: object) -> bool:
    return isinstance(value, (list, dict)) and bool(value)


def _plain(value: dict[str, Any]) -> dict[str, Any] | None:
    """Return a message with its members where a dump has them, None if it is no message."""
    if "_role" in value:  # Haystack
        return {"role": value["_role"], "content": value.get("_content"), "name": value.get("_name")}
    if value.get("lc") == 1 and isinstance(value.get("kwargs"), dict):
        value = value["kwargs"]
    elif isinstance(value.get("data"), dict) and value.keys() == {"type", "data"}:
        value = value["data"] | {"type": value["type"]}
    kind = _kind(value)
    if kind not in SPEAKERS and kind not in _OTHERS:
        return None
    if "role" in value:
        return value if "content" in value or "tool_calls" in value else None
    return value if "content" in value and any(name in value for name in _MESSAGE_MEMBERS) else None


def _kind(plain: dict[str, Any]) -> str:
    kind = plain.get("role", plain.get("type"))
    return kind if isinstance(kind, str) else ""


def _speaks(plain: dict[str, Any]) -> bool:
    # Agents of a team pass their answers on as if a user had said them, with a name.
    kind = _kind(plain)
    return kind in SPEAKERS or (kind == "human" and isinstance(plain.get("name"), str))


def _id(plain: dict[str, Any], place: int) -> object:
    # The state of a graph comes again and again: a message without an id is known by its place in the conversation.
    return plain.get("id") or f"message {place}"


def _calls(plain: dict[str, Any], speech: Speech) -> None:
    for call in dicts(pick(plain, "tool_calls", "toolCalls")):
        function = call.get("function")
        if isinstance(function, dict):  # as OpenAI writes it
            speech.tools.called(function.get("name"), function.get("arguments"), call.get("id"))
        else:
            speech.tools.called(call.get("name"), call.get("args"), call.get("id"))

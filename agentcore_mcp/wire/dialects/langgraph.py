"""Words of LangGraph, in each of its stream modes, and as the events of ``astream_events`` and of its server.

A graph repeats itself: every level of it reports the end of every lower one, with the state that ``langchain`` reads.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from agentcore_mcp.wire.dialects import waiting
from agentcore_mcp.wire.dialects.content import text_of
from agentcore_mcp.wire.dialects.langchain import conversation, kind_of, message, plain_message, state
from agentcore_mcp.wire.dialects.rows import NOTHING
from agentcore_mcp.wire.speech import as_json

if TYPE_CHECKING:
    from agentcore_mcp.wire.dialects.rows import Reader
    from agentcore_mcp.wire.speech import Speech

MODES = frozenset({"values", "updates", "messages", "custom", "tasks", "debug", "checkpoints"})

_TASK, _TASK_RESULT = {"id", "name", "input", "triggers"}, {"id", "name", "result", "interrupts"}


def updates(value: dict[str, Any], speech: Speech) -> str | None:
    """Read the additions to the state by the nodes that just ran: ``{"node": {"messages": …}, …}``."""
    parts = [part for part in value.values() if isinstance(part, dict) and isinstance(part.get("messages"), list)]
    if not parts:
        return None
    read = {name: state(part, speech) for name, part in value.items() if isinstance(part, dict)}
    if all(words is None for words in read.values()):
        return None
    rest = {name: part for name, part in value.items() if part is not None and read.get(name) is None}
    return "".join(filter(None, read.values())) + (speech.line(as_json(rest)) if rest else "")


def items(values: list[Any], speech: Speech) -> str | None:
    """Read a list: a pair of message and metadata, a mode's name and its payload, or messages."""
    match values:
        case [dict(value), {"langgraph_step": _} as metadata]:
            return message(value, speech, metadata.get("langgraph_checkpoint_ns"))
        case [dict(value), dict(metadata)] if kind_of(value) == "AIMessageChunk" and "type" not in metadata:
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
    """Read an event of LangGraph's server: its type is a mode and a form of it, or ``metadata``."""
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
    """Read the beginning or the end of a task, in the mode ``tasks``."""
    if not (value.keys() >= _TASK or value.keys() >= _TASK_RESULT):
        return None
    if isinstance(value.get("error"), str):
        return speech.failure(value["error"])
    result = value.get("result")
    return (state(result, speech) or "") if isinstance(result, dict) else ""


def debug(value: dict[str, Any], speech: Speech) -> str | None:
    """Read a step of a graph in the mode ``debug``: a task, its result, or a checkpoint."""
    payload = value.get("payload")
    return (task(payload, speech) or "") if "step" in value and isinstance(payload, dict) else None


def event(value: dict[str, Any], speech: Speech) -> str | None:
    """Read an event of version 1 or 2 of ``astream_events``."""
    name, data = value.get("event"), value.get("data")
    if not isinstance(name, str) or not name.startswith("on_") or not isinstance(data, dict) or "run_id" not in value:
        return None
    match name, data:
        case "on_chat_model_stream", {"chunk": dict(chunk)}:
            # A tool's start has its own event, which lacks the call's id.
            return message(chunk, speech, has_calls=False) or ""
        case "on_chat_model_end", {"output": dict(output)} if plain := plain_message(output):
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
    """Return the new words at the end of the whole graph, which repeats those of its parts."""
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
    payload, pauses = waiting.split(payload)
    reader = NOTHING if pauses and not any(payload.values()) else _BY_MODE.get(name)
    words = reader(payload, speech) if reader else None
    words = speech.line(as_json(payload)) if words is None else words
    return words + "".join(waiting.pause(pause, speech) for pause in pauses)


_BY_MODE: dict[str, Reader] = {
    "values": state, "updates": updates, "tasks": task, "debug": debug, "checkpoints": NOTHING,
}  # fmt: skip


def _holds(value: object) -> bool:
    return isinstance(value, (list, dict)) and bool(value)

"""Words of LangChain: messages and their chunks, serialised in any of three ways, and states that hold messages.

A state holds all messages so far, including those of earlier questions. Message ids ensure that each is said once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from agentcore_mcp.wire.dialects.content import SPEAKERS, called, pick, text_of, written
from agentcore_mcp.wire.speech import as_json

if TYPE_CHECKING:
    from agentcore_mcp.wire.speech import Speech

_CALLS = ("tool_calls", "toolCalls")
_OTHERS = frozenset((
    "human", "user", "system", "developer", "tool", "function", "remove", "HumanMessage", "SystemMessage",
    "ToolMessage",
))  # fmt: skip
MESSAGE_TYPES = (
    "ai", "AIMessage", "AIMessageChunk", "human", "HumanMessage", "system", "SystemMessage", "tool", "ToolMessage",
    "remove", "constructor",
)  # fmt: skip
_BESIDE_MESSAGES = ("messages", "remaining_steps", "last_message")
# Members of LangChain's messages that an author's own objects don't have, such as {"type": "ai", "content": …}.
_MESSAGE_MEMBERS = ("id", "additional_kwargs", "response_metadata", "tool_call_id", "tool_calls", "tool_call_chunks")


def message(value: dict[str, Any], speech: Speech, place: object = None, *, has_calls: bool = True) -> str | None:
    """Read a message or the chunk of one.

    Args:
        value: The message, as a dump, as ``{"type": …, "data": …}`` or as a serialised constructor.
        speech: What was said before.
        place: Where in a graph it was written; words from another place begin on a new line.
        has_calls: Whether the calls of tools in a chunk are reported nowhere else.
    """
    plain = plain_message(value)
    if plain is None:
        return None
    kind, content = kind_of(plain), plain.get("content")
    if not _speaks(plain):
        speech.turn()
        return ""
    if kind != "AIMessageChunk":
        called(pick(plain, *_CALLS), speech)
        return speech.message(text_of(content) or "", plain.get("id"))
    if place is not None:
        speech.turn(place)
    if has_calls:
        written(plain.get("tool_call_chunks"), speech)
    words = speech.piece(text_of(content) or "", plain.get("id"))
    if plain.get("chunk_position") == "last":
        speech.turn()
    return words


def conversation(values: object, speech: Speech, *, has_calls: bool = True) -> str | None:
    """Read a list of messages, of LangChain's or OpenAI's form: the messages since the user's last one."""
    if not isinstance(values, list) or not values:
        return None
    messages = [plain for value in values if isinstance(value, dict) and (plain := plain_message(value)) is not None]
    if len(messages) != len(values):
        return None
    answered = [i for i, plain in enumerate(messages) if kind_of(plain) in ("human", "user") and not _speaks(plain)]
    new = [plain for plain in messages[answered[-1] + 1 if answered else 0 :] if _speaks(plain)]
    for plain in new if has_calls else ():
        called(pick(plain, *_CALLS), speech)
    return speech.messages([(text_of(plain.get("content")) or "", _id(plain, i)) for i, plain in enumerate(new)])


def state(value: dict[str, Any], speech: Speech, *, has_calls: bool = True) -> str | None:
    """Read the state of a graph, or a node's addition to it: its messages, then its other members, once."""
    words = conversation(value.get("messages"), speech, has_calls=has_calls)
    if words is None:
        return "" if value.get("messages") == [] and len(value) == 1 else None
    rest = {name: other for name, other in value.items() if name not in _BESIDE_MESSAGES and other != []}
    return words + speech.once(as_json(rest)) if rest else words


def plain_message(value: dict[str, Any]) -> dict[str, Any] | None:
    """Return a message with its members where a dump has them, None if it is no message."""
    if "_role" in value:  # Haystack
        return {"role": value["_role"], "content": value.get("_content"), "name": value.get("_name")}
    if value.get("lc") == 1 and isinstance(value.get("kwargs"), dict):
        value = value["kwargs"]
    elif isinstance(value.get("data"), dict) and value.keys() == {"type", "data"}:
        value = value["data"] | {"type": value["type"]}
    kind = kind_of(value)
    if kind not in SPEAKERS and kind not in _OTHERS:
        return None
    if "role" in value:
        return value if "content" in value or "tool_calls" in value else None
    return value if "content" in value and any(name in value for name in _MESSAGE_MEMBERS) else None


def kind_of(plain: dict[str, Any]) -> str:
    """Return who speaks in a message: its role, or the type that says the same."""
    kind = plain.get("role", plain.get("type"))
    return kind if isinstance(kind, str) else ""


def _speaks(plain: dict[str, Any]) -> bool:
    # Agents of a team pass their answers on as if a user had said them, with a name.
    kind = kind_of(plain)
    return kind in SPEAKERS or (kind == "human" and isinstance(plain.get("name"), str))


def _id(plain: dict[str, Any], place: int) -> object:
    # The state of a graph is sent repeatedly: a message without an id is identified by its index in the conversation.
    return plain.get("id") or f"message {place}"

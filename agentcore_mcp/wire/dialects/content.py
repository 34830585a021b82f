"""Messages and calls of tools as all frameworks write them.

A message is a role, and a content that is a text or a list of parts; a call is a name, arguments and an id, under one
of a few names each. Used by the other dialects; knows no framework's events.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    from agentcore_mcp.wire.speech import Speech

# Roles, and types that say the same.
SPEAKERS = ("assistant", "ai", "agent", "model", "ROLE_AGENT", "AIMessageChunk", "AIMessage")
_TEXT_KINDS = (None, "text", "output_text", "text_delta", "refusal")

CALL_NAMES = ("tool_name", "toolName", "toolCallName", "tool_call_name", "name")
CALL_ARGUMENTS = ("arguments", "args", "tool_args", "tool_kwargs", "input")
_CALL_IDS = ("call_id", "tool_call_id", "toolCallId", "toolUseId", "tool_id", "id")
_CALL_FRAGMENTS = ("delta", "partial_json", "argsTextDelta", "inputTextDelta")
_CALL_HOLDERS = ("function", "toolUse", "functionCall", "function_call")


def text_of(content: object) -> str | None:
    """Return the text of a content, None if it has none; reasoning doesn't count as text."""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return None
    texts = [text for part in content if (text := _part_text(part)) is not None]
    return "".join(texts) if texts else None


def dicts(value: object) -> list[dict[str, Any]]:
    """Return the objects in a list, [] for anything but a list."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def pick(value: dict[str, Any], *names: str) -> Any:
    """Return the first of these members that is present and not null; frameworks write camelCase or snake_case."""
    for name in names:
        member = value.get(name)
        if member is not None:
            return member
    return None


def at(value: Any, places: str) -> Any:
    """Return the first value other than null at these places: see ``rows``."""
    for place in places.split():
        if (found := follow(value, filter(None, place.split(".")))) is not None:
            return found
    return None


def follow(value: Any, path: Iterable[str], absent: object = None) -> Any:
    """Return the value at a path of member names and list indexes, ``absent`` if there is none."""
    for step in path:
        if isinstance(value, dict) and step in value:
            value = value[step]
        elif isinstance(value, list) and step.removeprefix("-").isdecimal() and -len(value) <= int(step) < len(value):
            value = value[int(step)]
        else:
            return absent
    return value


def called(call: object, speech: Speech) -> None:
    """Report a complete call, or each call in a list; an object without a name is not a call."""
    for one in dicts(call if isinstance(call, list) else [call]):
        inner = _call_in(one)
        speech.tools.called(pick(inner, *CALL_NAMES), pick(inner, *CALL_ARGUMENTS), pick(inner, *_CALL_IDS))


def written(call: object, speech: Speech, key: object = None) -> None:
    """Report the beginning of a call, or a fragment of its arguments, which belongs to the call with the same key.

    Each fragment in a list has the index of its call as the key.
    """
    for one in dicts(call if isinstance(call, list) else [call]):
        inner, of = _call_in(one), one.get("index") if isinstance(call, list) else key
        speech.tools.begins(of, pick(inner, *CALL_NAMES), pick(inner, *_CALL_IDS))
        speech.tools.continues(of, pick(inner, *CALL_ARGUMENTS, *_CALL_FRAGMENTS))


def _call_in(call: dict[str, Any]) -> dict[str, Any]:
    inner = pick(call, *_CALL_HOLDERS)
    return {**call, **inner} if isinstance(inner, dict) else call


def _part_text(part: object) -> str | None:
    if isinstance(part, str):
        return part
    if not isinstance(part, dict) or part.get("thought"):
        return None
    kind = part.get("type", part.get("kind", part.get("block_type")))
    text = part.get("refusal") if kind == "refusal" else part.get("text")
    return text if isinstance(text, str) and kind in _TEXT_KINDS else None

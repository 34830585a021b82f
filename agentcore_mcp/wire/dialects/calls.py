"""Calls of tools, as every framework writes them: a name, arguments and an id, under one of a few names each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from agentcore_mcp.wire.dialects.content import dicts, pick

if TYPE_CHECKING:
    from agentcore_mcp.wire.speech import Speech

NAMES = ("tool_name", "toolName", "toolCallName", "tool_call_name", "name")
ARGUMENTS = ("arguments", "args", "tool_args", "tool_kwargs", "input")
IDS = ("call_id", "tool_call_id", "toolCallId", "toolUseId", "tool_id", "id")
_FRAGMENTS = ("delta", "partial_json", "argsTextDelta", "inputTextDelta")
_HOLDERS = ("function", "toolUse", "functionCall", "function_call")


def called(call: object, speech: Speech) -> None:
    """Report a complete call; anything that has no name is not a call."""
    if isinstance(call, dict):
        inner = _inner(call)
        speech.tools.called(pick(inner, *NAMES), pick(inner, *ARGUMENTS), pick(inner, *IDS))


def all_called(calls: object, speech: Speech) -> None:
    """Report the calls in a list."""
    for call in dicts(calls):
        called(call, speech)


def written(call: object, speech: Speech, key: object) -> None:
    """Report the beginning of a call, or a fragment of its arguments, which belongs to the call with the same key."""
    if isinstance(call, dict):
        inner = _inner(call)
        speech.tools.begins(key, pick(inner, *NAMES), pick(inner, *IDS))
        speech.tools.continues(key, pick(inner, *ARGUMENTS, *_FRAGMENTS))


def all_written(calls: object, speech: Speech) -> None:
    """Report the fragments in a list, each of which has the index of its call."""
    for call in dicts(calls):
        written(call, speech, call.get("index"))


def _inner(call: dict[str, Any]) -> dict[str, Any]:
    inner = pick(call, *_HOLDERS)
    return {**call, **inner} if isinstance(inner, dict) else call

"""Pauses, as frameworks write them: a question that a person has to answer, or a tool call to approve.

Frameworks write such a pause as an item of a list, or as an event. The items are so much alike that one
reader is enough.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from agentcore_mcp.wire.characters import valid_unicode
from agentcore_mcp.wire.dialects.content import CALL_ARGUMENTS, CALL_NAMES, dicts, pick
from agentcore_mcp.wire.pauses import Pause
from agentcore_mcp.wire.speech import as_json
from agentcore_mcp.wire.tooluse import call_text

if TYPE_CHECKING:
    from agentcore_mcp.wire.speech import Speech

# The lists of pauses, and the members that each item must have.
LISTS: dict[str, tuple[set[str], ...]] = {
    "interrupts": ({"id", "reason"}, {"id", "value"}),  # Strands and AG-UI; tasks of LangGraph
    "__interrupt__": ({"value"},),  # LangGraph
    "interruptions": ({"name", "arguments"}, {"tool_name"}),  # OpenAI's Agents SDK
    "approvals": ({"tool_name", "tool_call_id"},),  # Pydantic AI
    "requirements": ({"tool_execution"},),  # Agno
}
NAMES = frozenset(LISTS)
_QUESTIONS = ("message", "reason", "value", "question", "prefix", "hint", "prompt")
_IDS = ("id", "interruptId", "approvalId", "call_id", "tool_call_id", "toolCallId")
_SCHEMAS = ("response_schema", "responseSchema", "resumeSchema", "user_input_schema")
_HOLDERS = ("tool_execution", "function_call", "toolCall", "payload", "raw_item", "_data")
_SCHEMA_MAX_CHARS, _SCHEMA_MAX_PARTS = 10_000, 200
_STRANDS = {"id", "name", "reason"}


def split(value: dict[str, Any]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return an object with its lists of pauses emptied, and the pauses."""
    found = {name: items for name in LISTS if name in value and (items := _pauses(name, value[name]))}
    rest = {**value, **{name: [] for name in found}}
    return rest, [item for items in found.values() for item in items]


def is_list(value: object) -> bool:
    """Return whether a value is a list of interrupts, which Strands returns as the text of a result."""
    return isinstance(value, list) and bool(value) and _pauses("interrupts", value) == value


def pause(item: dict[str, Any], speech: Speech) -> str:
    """Read one pause."""
    # UTF-8 can't carry half of a surrogate pair, and the pause goes on to hosts and to other workers.
    item = json.loads(valid_unicode(as_json(item)))
    takes_response = item.keys() >= _STRANDS and "arguments" not in item
    for holder in _HOLDERS:
        if isinstance(inner := item.get(holder), dict):
            item = {**inner, **item}
    tool, question, schema = pick(item, *CALL_NAMES), pick(item, *_QUESTIONS), pick(item, *_SCHEMAS)
    arguments = pick(item, *CALL_ARGUMENTS)
    asked = speech.tools.known(item.get("toolCallId")) if tool is None and question is None else None
    if asked or (isinstance(tool, str) and (arguments is not None or question is None)):
        asked = asked or call_text(tool, arguments)
        question = f"{question}: {asked}" if isinstance(question, str) else f"allow {asked}?"
        schema = {"type": "boolean"} if schema is None else schema
    return speech.pause(
        Pause(
            question=question if isinstance(question, str) else as_json(item if question is None else question),
            id=found if isinstance(found := pick(item, *_IDS), str) else "",
            name=tool if isinstance(tool, str) else "",
            schema=None if _is_much(schema) else schema,
            takes_response=takes_response,
        )
    )


def all_in(value: dict[str, Any], speech: Speech) -> str:
    """Read the pauses in an object's lists."""
    return "".join(pause(item, speech) for item in split(value)[1])


def _is_much(schema: object) -> bool:
    """Tell whether a schema is too large to be stored and shown, or nested more deeply than can be copied."""
    text = as_json(schema)
    return len(text) > _SCHEMA_MAX_CHARS or text.count("{") + text.count("[") > _SCHEMA_MAX_PARTS


def _pauses(name: str, value: object) -> list[dict[str, Any]]:
    items = dicts(value)
    return items if all(any(needed <= item.keys() for needed in LISTS[name]) for item in items) else []

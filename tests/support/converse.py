"""Events of Converse, as harnesses stream them."""

from __future__ import annotations

from typing import Any

from agentcore_mcp.wire.eventstream.events import encode_event

Event = tuple[str, dict[str, Any]]


def stream(*events: Event) -> bytes:
    return b"".join(encode_event(name, value) for name, value in events)


def text_block(index: int, *parts: str) -> list[Event]:
    deltas = [("contentBlockDelta", {"contentBlockIndex": index, "delta": {"text": part}}) for part in parts]
    return [*deltas, ("contentBlockStop", {"contentBlockIndex": index})]


def tool_block(index: int, call_id: str, name: str, *parts: str) -> list[Event]:
    start = {"toolUse": {"toolUseId": call_id, "name": name, "type": "tool_use"}}
    deltas = [
        ("contentBlockDelta", {"contentBlockIndex": index, "delta": {"toolUse": {"input": part}}}) for part in parts
    ]
    begin = ("contentBlockStart", {"contentBlockIndex": index, "start": start})
    return [begin, *deltas, ("contentBlockStop", {"contentBlockIndex": index})]


def message(*blocks: list[Event], stop: str = "end_turn") -> list[Event]:
    return [
        ("messageStart", {"role": "assistant"}),
        *(event for block in blocks for event in block),
        ("messageStop", {"stopReason": stop}),
    ]

"""AG-UI: a run that ends with interrupts, as the protocol's encoder and as the app write it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from ag_ui import core
from ag_ui.encoder import EventEncoder
from recording import record


def events() -> list[Any]:
    interrupt = core.Interrupt(
        id="i1",
        reason="tool_call",
        message="Transfer 2000 EUR to Anna?",
        tool_call_id="c1",
        response_schema={"type": "object", "properties": {"approved": {"type": "boolean"}}, "required": ["approved"]},
    )
    return [
        core.RunStartedEvent(thread_id="t", run_id="r"),
        core.TextMessageStartEvent(message_id="m", role="assistant"),
        core.TextMessageContentEvent(message_id="m", delta="One moment."),
        core.TextMessageEndEvent(message_id="m"),
        core.ToolCallStartEvent(tool_call_id="c1", tool_call_name="transfer"),
        core.ToolCallArgsEvent(tool_call_id="c1", delta='{"amount": 2000}'),
        core.ToolCallEndEvent(tool_call_id="c1"),
        core.RunFinishedEvent(
            thread_id="t",
            run_id="r",
            outcome=core.RunFinishedInterruptOutcome(type="interrupt", interrupts=[interrupt]),
        ),
    ]


async def encoded(_payload: dict[str, Any]) -> AsyncIterator[Any]:
    for event in events():
        yield EventEncoder().encode(event)


async def objects(_payload: dict[str, Any]) -> AsyncIterator[Any]:
    for event in events():
        yield event


record(agui_interrupt_encoded=encoded, agui_interrupt_objects=objects)

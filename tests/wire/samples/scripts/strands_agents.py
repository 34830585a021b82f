"""Strands Agents: an agent that pauses for a person, one with a structured answer, and events that JSON can't carry."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from pydantic import BaseModel
from recording import record
from strands import Agent, tool
from strands.models import Model
from strands.types.tools import ToolContext


class Scripted(Model):
    """Says parts of messages, one list of parts for each turn."""

    def __init__(self, *turns: list[Any]) -> None:
        self.turns = list(turns)

    def update_config(self, **_: Any) -> None: ...

    def get_config(self) -> Any:
        return {}

    async def structured_output(self, *_: Any, **__: Any) -> AsyncIterator[Any]:
        yield {}

    async def stream(self, *_: Any, **__: Any) -> AsyncIterator[Any]:
        yield {"messageStart": {"role": "assistant"}}
        reason = "end_turn"
        for part in self.turns.pop(0):
            if isinstance(part, str):
                yield {"contentBlockStart": {"start": {}}}
                yield {"contentBlockDelta": {"delta": {"text": part}}}
            elif isinstance(part, bytes):
                yield {"contentBlockStart": {"start": {}}}
                yield {"contentBlockDelta": {"delta": {"reasoningContent": {"redactedContent": part}}}}
            else:
                reason, (name, arguments) = "tool_use", part
                yield {"contentBlockStart": {"start": {"toolUse": {"toolUseId": "t0", "name": name}}}}
                yield {"contentBlockDelta": {"delta": {"toolUse": {"input": arguments}}}}
            yield {"contentBlockStop": {}}
        yield {"messageStop": {"stopReason": reason}}
        usage = {"inputTokens": 1, "outputTokens": 1, "totalTokens": 2}
        yield {"metadata": {"usage": usage, "metrics": {"latencyMs": 1}}}


class Person(BaseModel):
    name: str
    age: int


@tool(context=True)
def transfer(amount: int, tool_context: ToolContext) -> str:
    """Transfer money."""
    return str(tool_context.interrupt("confirm", reason=f"Transfer {amount} EUR to Anna?"))


@tool(context=True)
def order(amount: int, tool_context: ToolContext) -> str:
    """Order something."""
    return str(tool_context.interrupt("approval", reason={"amount": amount, "question": "Order it?"}))


def pausing(turn: Any = ("transfer", '{"amount": 2000}')) -> Agent:
    return Agent(model=Scripted(["One moment.", turn]), tools=[transfer, order], callback_handler=None)


def structured() -> Agent:
    model = Scripted([("Person", '{"name": "Ann", "age": 3}')])
    return Agent(model=model, structured_output_model=Person, callback_handler=None)


async def interrupt_events(payload: dict[str, Any]) -> AsyncIterator[Any]:
    async for event in pausing().stream_async(payload["prompt"]):
        yield event


def interrupt_result(payload: dict[str, Any]) -> Any:
    return {"result": pausing()(payload["prompt"])}


def interrupt_bare(payload: dict[str, Any]) -> Any:
    return pausing()(payload["prompt"])


def interrupt_str(payload: dict[str, Any]) -> Any:
    return str(pausing(("order", '{"amount": 3}'))(payload["prompt"]))


def interrupt_status(payload: dict[str, Any]) -> Any:
    """As authors do it."""
    result = pausing(("order", '{"amount": 3}'))(payload["prompt"])
    return {"status": result.stop_reason, "interrupts": [interrupt.to_dict() for interrupt in result.interrupts]}


async def structured_events(payload: dict[str, Any]) -> AsyncIterator[Any]:
    async for event in structured().stream_async(payload["prompt"]):
        yield event


def structured_result(payload: dict[str, Any]) -> Any:
    return {"result": structured()(payload["prompt"])}


def structured_bare(payload: dict[str, Any]) -> Any:
    return structured()(payload["prompt"])


async def redacted(payload: dict[str, Any]) -> AsyncIterator[Any]:
    async for event in Agent(model=Scripted([b"r", "hi there"]), callback_handler=None).stream_async(payload["prompt"]):
        yield event


async def redacted_messages(payload: dict[str, Any]) -> AsyncIterator[Any]:
    async for event in Agent(model=Scripted([b"r", "hi there"]), callback_handler=None).stream_async(payload["prompt"]):
        if "message" in event:
            yield event


record(
    strands_interrupt_events=interrupt_events,
    strands_interrupt_result=interrupt_result,
    strands_interrupt_bare=interrupt_bare,
    strands_interrupt_str=interrupt_str,
    strands_interrupt_status=interrupt_status,
    strands_structured_events=structured_events,
    strands_structured_result=structured_result,
    strands_structured_bare=structured_bare,
    strands_redacted=redacted,
    strands_redacted_messages=redacted_messages,
)

"""Agno: an agent's events as objects and as dictionaries, its output, and a run that pauses for a confirmation."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

from agno.agent import Agent
from agno.models.base import Model
from agno.models.response import ModelResponse
from agno.tools import tool
from recording import record


class Scripted(Model):
    def __init__(self) -> None:
        super().__init__(id="scripted")
        self.turn = 0

    def _turn(self) -> list[ModelResponse]:
        self.turn += 1
        if self.turn == 1:
            call = {"id": "c1", "type": "function", "function": {"name": "add", "arguments": '{"a": 1, "b": 2}'}}
            return [ModelResponse(role="assistant", content=t) for t in ("Let me", " add.")] + [
                ModelResponse(role="assistant", tool_calls=[call])
            ]
        return [ModelResponse(role="assistant", content=t) for t in ("It's", ' "3"', ".\n")]

    def invoke(self, *_: Any, **__: Any) -> ModelResponse:
        parts = self._turn()
        calls = [call for part in parts for call in part.tool_calls or []]
        return ModelResponse(role="assistant", content="".join(p.content or "" for p in parts), tool_calls=calls)

    async def ainvoke(self, *_: Any, **__: Any) -> ModelResponse:
        return self.invoke()

    def invoke_stream(self, *_: Any, **__: Any) -> Iterator[ModelResponse]:
        yield from self._turn()

    async def ainvoke_stream(self, *_: Any, **__: Any) -> AsyncIterator[ModelResponse]:
        for part in self._turn():
            yield part

    def _parse_provider_response(self, response: Any, **_: Any) -> ModelResponse:
        return response

    def _parse_provider_response_delta(self, response: Any) -> ModelResponse:
        return response

    def parse_tool_calls(self, tool_calls_data: Any) -> Any:
        return tool_calls_data


def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


@tool(requires_confirmation=True, name="add")
def confirmed_add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


async def objects(payload: dict[str, Any]) -> AsyncIterator[Any]:
    async for event in Agent(model=Scripted(), tools=[add]).arun(payload["prompt"], stream=True, stream_events=True):
        yield event


async def dicts(payload: dict[str, Any]) -> AsyncIterator[Any]:
    async for event in Agent(model=Scripted(), tools=[add]).arun(payload["prompt"], stream=True, stream_events=True):
        yield event.to_dict()


async def content_only(payload: dict[str, Any]) -> AsyncIterator[Any]:
    async for event in Agent(model=Scripted(), tools=[add]).arun(payload["prompt"], stream=True):
        yield event


def output(payload: dict[str, Any]) -> Any:
    return Agent(model=Scripted(), tools=[add]).run(payload["prompt"])


def output_dict(payload: dict[str, Any]) -> Any:
    return Agent(model=Scripted(), tools=[add]).run(payload["prompt"]).to_dict()


async def paused(payload: dict[str, Any]) -> AsyncIterator[Any]:
    agent = Agent(model=Scripted(), tools=[confirmed_add])
    async for event in agent.arun(payload["prompt"], stream=True, stream_events=True):
        yield event.to_dict()


def paused_output(payload: dict[str, Any]) -> Any:
    return Agent(model=Scripted(), tools=[confirmed_add]).run(payload["prompt"]).to_dict()


record(
    agno_objects=objects,
    agno_dicts=dicts,
    agno_content=content_only,
    agno_output=output,
    agno_output_dict=output_dict,
    agno_paused=paused,
    agno_paused_output=paused_output,
)

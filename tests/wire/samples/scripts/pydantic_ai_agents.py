"""Pydantic AI: a run that waits for the approval of a tool, and one with a structured answer."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import asdict
from typing import Any

from pydantic import BaseModel
from pydantic_ai import Agent, DeferredToolRequests
from pydantic_ai.messages import ModelResponse, ToolCallPart
from pydantic_ai.models.function import FunctionModel
from recording import record


class Person(BaseModel):
    name: str
    age: int


def pausing() -> Any:
    model = FunctionModel(lambda _messages, _info: ModelResponse([ToolCallPart("transfer", {"amount": 2000}, "c1")]))
    agent = Agent(model, output_type=[str, DeferredToolRequests])

    @agent.tool_plain(requires_approval=True)
    def transfer(amount: int) -> str:
        return str(amount)

    return agent


async def approval(payload: dict[str, Any]) -> Any:
    return (await pausing().run(payload["prompt"])).output


async def approval_dict(payload: dict[str, Any]) -> Any:
    return asdict((await pausing().run(payload["prompt"])).output)


async def approval_result(payload: dict[str, Any]) -> Any:
    return await pausing().run(payload["prompt"])


async def structured(payload: dict[str, Any]) -> Any:
    model = FunctionModel(
        lambda _messages, info: ModelResponse([ToolCallPart(info.output_tools[0].name, {"name": "Ann", "age": 3})])
    )
    return await Agent(model, output_type=Person).run(payload["prompt"])


async def structured_output(payload: dict[str, Any]) -> AsyncIterator[Any]:
    yield (await structured(payload)).output


record(
    pydantic_ai_approval=approval,
    pydantic_ai_approval_dict=approval_dict,
    pydantic_ai_approval_result=approval_result,
    pydantic_ai_structured=structured,
    pydantic_ai_structured_output=structured_output,
)

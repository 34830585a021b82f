"""OpenAI's Agents SDK: a run that waits for the approval of a tool, and its events in a wrapper of the author's."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from agents import Agent, Model, ModelResponse, Runner, Usage, function_tool, set_tracing_disabled
from openai.types.responses import (
    Response,
    ResponseCompletedEvent,
    ResponseFunctionToolCall,
    ResponseOutputMessage,
    ResponseOutputText,
    ResponseTextDeltaEvent,
)
from recording import record

set_tracing_disabled(disabled=True)


class Scripted(Model):
    def __init__(self, *turns: list[Any]) -> None:
        self.turns = list(turns)

    def _items(self) -> list[Any]:
        items: list[Any] = []
        for part in self.turns.pop(0):
            if isinstance(part, str):
                text = ResponseOutputText(annotations=[], text=part, type="output_text")
                items.append(
                    ResponseOutputMessage(id="m1", content=[text], role="assistant", status="completed", type="message")
                )
            else:
                name, arguments = part
                items.append(
                    ResponseFunctionToolCall(arguments=arguments, call_id="c1", name=name, type="function_call")
                )
        return items

    async def get_response(self, *_: Any, **__: Any) -> ModelResponse:
        return ModelResponse(output=self._items(), usage=Usage(), response_id="r1")

    async def stream_response(self, *_: Any, **__: Any) -> AsyncIterator[Any]:
        items = self._items()
        for i, item in enumerate(items):
            for word in item.content[0].text.split(" ") if item.type == "message" else ():
                yield ResponseTextDeltaEvent(
                    content_index=0, delta=word + " ", item_id="m1", output_index=i, sequence_number=i, logprobs=[],
                    type="response.output_text.delta",
                )  # fmt: skip
        response = Response(
            id="r1", created_at=0, model="m", object="response", output=items, tool_choice="auto", tools=[],
            parallel_tool_calls=False,
        )  # fmt: skip
        yield ResponseCompletedEvent(response=response, sequence_number=9, type="response.completed")


@function_tool(needs_approval=True)
def transfer(amount: int) -> str:
    return str(amount)


def pausing() -> Agent:
    return Agent("a", model=Scripted(["One moment. ", ("transfer", '{"amount": 2000}')]), tools=[transfer])


async def approval_events(payload: dict[str, Any]) -> AsyncIterator[Any]:
    async for event in Runner.run_streamed(pausing(), payload["prompt"]).stream_events():
        yield event


async def approval_result(payload: dict[str, Any]) -> Any:
    return await Runner.run(pausing(), payload["prompt"])


async def approval_interruptions(payload: dict[str, Any]) -> Any:
    return {"interruptions": [each.raw_item.model_dump() for each in (await approval_result(payload)).interruptions]}


async def wrapped(payload: dict[str, Any]) -> AsyncIterator[Any]:
    agent = Agent("a", model=Scripted(["It is noon."]))
    async for event in Runner.run_streamed(agent, payload["prompt"]).stream_events():
        if event.type == "raw_response_event":
            yield {"type": event.type, "data": event.data.model_dump()}
        else:
            yield {"type": event.type}


record(
    openai_agents_approval_events=approval_events,
    openai_agents_approval_result=approval_result,
    openai_agents_approval_interruptions=approval_interruptions,
    openai_agents_wrapped=wrapped,
)

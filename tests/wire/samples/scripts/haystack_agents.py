"""Haystack: the chunks that an agent streams, as objects and as dictionaries, and what it comes to."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from haystack import component
from haystack.components.agents import Agent
from haystack.dataclasses import ChatMessage, StreamingChunk, ToolCall, ToolCallDelta
from haystack.tools import tool
from recording import record


@component
class Scripted:
    def __init__(self) -> None:
        self.turn = 0

    def _turn(self) -> tuple[list[str], list[ToolCall]]:
        self.turn += 1
        if self.turn == 1:
            return ["Let me", " add."], [ToolCall("add", {"a": 1, "b": 2}, id="c1")]
        return ["It's", ' "3"', ".\n"], []

    @component.output_types(replies=list[ChatMessage])
    def run(self, messages: Any, tools: Any = None, streaming_callback: Any = None, **_: Any) -> Any:
        pieces, calls = self._turn()
        for i, piece in enumerate(pieces):
            if streaming_callback:
                streaming_callback(StreamingChunk(content=piece, index=0, start=i == 0, meta={"model": "m"}))
        for i, call in enumerate(calls):
            if streaming_callback:
                delta = ToolCallDelta(index=i, tool_name=call.tool_name, arguments='{"a": 1, "b": 2}', id=call.id)
                streaming_callback(
                    StreamingChunk(content="", index=1, start=True, tool_calls=[delta], finish_reason="tool_calls")
                )
        return {"replies": [ChatMessage.from_assistant("".join(pieces), tool_calls=calls)]}


@tool
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


async def chunks(payload: dict[str, Any]) -> AsyncIterator[StreamingChunk]:
    queue: asyncio.Queue[Any] = asyncio.Queue()
    loop = asyncio.get_running_loop()
    agent = Agent(chat_generator=Scripted(), tools=[add])
    agent.warm_up()
    run = asyncio.create_task(
        asyncio.to_thread(
            agent.run,
            [ChatMessage.from_user(payload["prompt"])],
            streaming_callback=lambda chunk: loop.call_soon_threadsafe(queue.put_nowait, chunk),
        )
    )
    run.add_done_callback(lambda _: queue.put_nowait(None))
    while (chunk := await queue.get()) is not None:
        yield chunk
    run.result()


async def objects(payload: dict[str, Any]) -> AsyncIterator[Any]:
    async for chunk in chunks(payload):
        yield chunk


async def dicts(payload: dict[str, Any]) -> AsyncIterator[Any]:
    async for chunk in chunks(payload):
        yield chunk.to_dict()


async def contents(payload: dict[str, Any]) -> AsyncIterator[Any]:
    async for chunk in chunks(payload):
        yield {"content": chunk.content, "meta": chunk.meta}


def result(payload: dict[str, Any]) -> Any:
    agent = Agent(chat_generator=Scripted(), tools=[add])
    agent.warm_up()
    return agent.run([ChatMessage.from_user(payload["prompt"])])


def result_dicts(payload: dict[str, Any]) -> Any:
    answer = result(payload)
    return {"messages": [message.to_dict() for message in answer["messages"]]}


record(
    haystack_chunks=objects,
    haystack_chunk_dicts=dicts,
    haystack_contents=contents,
    haystack_result=result,
    haystack_result_dicts=result_dicts,
)

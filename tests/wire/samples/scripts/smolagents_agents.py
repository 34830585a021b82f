"""smolagents: the steps of a run as objects and as dictionaries, and the pieces that its model streams."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from recording import record
from smolagents import ChatMessage, ChatMessageStreamDelta, Model, ToolCallingAgent, tool
from smolagents.models import (
    ChatMessageToolCall,
    ChatMessageToolCallFunction,
    ChatMessageToolCallStreamDelta,
)


class Scripted(Model):
    def __init__(self) -> None:
        super().__init__(model_id="scripted")
        self.turn = 0

    def _turn(self) -> tuple[list[str], str, dict[str, Any]]:
        self.turn += 1
        if self.turn == 1:
            return ["Let me", " add."], "add", {"a": 1, "b": 2}
        return ["It's", " easy."], "final_answer", {"answer": 'It\'s "3".\n'}

    def generate(self, *_: Any, **__: Any) -> ChatMessage:
        pieces, name, arguments = self._turn()
        function = ChatMessageToolCallFunction(name=name, arguments=arguments)
        call = ChatMessageToolCall(id=f"c{self.turn}", type="function", function=function)
        return ChatMessage(role="assistant", content="".join(pieces), tool_calls=[call])

    def generate_stream(self, *_: Any, **__: Any) -> Iterator[ChatMessageStreamDelta]:
        pieces, name, arguments = self._turn()
        for piece in pieces:
            yield ChatMessageStreamDelta(content=piece)
        function = ChatMessageToolCallFunction(name=name, arguments=json.dumps(arguments))
        call = ChatMessageToolCallStreamDelta(index=0, id=f"c{self.turn}", type="function", function=function)
        yield ChatMessageStreamDelta(tool_calls=[call])


@tool
def add(a: int, b: int) -> int:
    """Add two numbers.

    Args:
        a: One.
        b: The other.
    """
    return a + b


def steps(payload: dict[str, Any]) -> Iterator[Any]:
    yield from ToolCallingAgent(tools=[add], model=Scripted(), verbosity_level=0).run(payload["prompt"], stream=True)


def deltas(payload: dict[str, Any]) -> Iterator[Any]:
    agent = ToolCallingAgent(tools=[add], model=Scripted(), stream_outputs=True, verbosity_level=0)
    yield from agent.run(payload["prompt"], stream=True)


def dicts(payload: dict[str, Any]) -> Iterator[Any]:
    for step in ToolCallingAgent(tools=[add], model=Scripted(), verbosity_level=0).run(payload["prompt"], stream=True):
        yield step.dict() if hasattr(step, "dict") else asdict(step)


def final(payload: dict[str, Any]) -> Any:
    return ToolCallingAgent(tools=[add], model=Scripted(), verbosity_level=0).run(payload["prompt"])


record(smolagents_steps=steps, smolagents_deltas=deltas, smolagents_dicts=dicts, smolagents_final=final)

"""Agent Framework: updates as objects and as dictionaries, the response, and a tool that needs an approval."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from agent_framework import (
    Agent,
    BaseChatClient,
    ChatResponse,
    ChatResponseUpdate,
    Content,
    FunctionInvocationLayer,
    Message,
    ResponseStream,
    tool,
)
from recording import record


class Scripted(FunctionInvocationLayer, BaseChatClient):  # type: ignore[misc]
    def __init__(self) -> None:
        super().__init__()
        self.turn = 0

    def _inner_get_response(self, *, messages: Any, stream: bool = False, options: Any = None, **_: Any) -> Any:
        self.turn += 1
        call = Content.from_function_call(call_id="c1", name="add", arguments='{"a": 1, "b": 2}')
        first = [Content.from_text("Let me"), Content.from_text(" add."), call]
        contents = first if self.turn == 1 else [Content.from_text(t) for t in ("It's", ' "3"', ".\n")]
        message_id = f"m{self.turn}"

        async def updates() -> AsyncIterator[ChatResponseUpdate]:
            for content in contents:
                yield ChatResponseUpdate(contents=[content], role="assistant", message_id=message_id, response_id="r")

        async def whole() -> ChatResponse:
            return ChatResponse(messages=[Message(role="assistant", contents=contents, message_id=message_id)])

        return ResponseStream(updates(), finalizer=ChatResponse.from_updates) if stream else whole()


@tool(approval_mode="never_require")
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


@tool(name="add", approval_mode="always_require")
def approved_add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


def agent(tool: Any = add) -> Agent:
    return Agent(client=Scripted(), tools=[tool])


async def updates(payload: dict[str, Any]) -> AsyncIterator[Any]:
    async for update in agent().run(payload["prompt"], stream=True):
        yield update


async def update_dicts(payload: dict[str, Any]) -> AsyncIterator[Any]:
    async for update in agent().run(payload["prompt"], stream=True):
        yield update.to_dict()


async def response(payload: dict[str, Any]) -> Any:
    return await agent().run(payload["prompt"])


async def response_dict(payload: dict[str, Any]) -> Any:
    return (await agent().run(payload["prompt"])).to_dict()


async def approval(payload: dict[str, Any]) -> AsyncIterator[Any]:
    async for update in agent(approved_add).run(payload["prompt"], stream=True):
        yield update.to_dict()


record(
    agent_framework_updates=updates,
    agent_framework_update_dicts=update_dicts,
    agent_framework_response=response,
    agent_framework_response_dict=response_dict,
    agent_framework_approval=approval,
)

"""LlamaIndex by its own adapter to AgentCore, with and without a stream, and a workflow that asks a person."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any

from llama_index.core.agent.workflow import FunctionAgent
from llama_index.core.base.llms.types import ChatMessage, ChatResponse, LLMMetadata
from llama_index.core.llms.function_calling import FunctionCallingLLM
from llama_index.core.llms.llm import ToolSelection
from llama_index.core.workflow import (
    Context,
    HumanResponseEvent,
    InputRequiredEvent,
    StartEvent,
    StopEvent,
    Workflow,
    step,
)
from llama_index.tools.aws_bedrock_agentcore.runtime import AgentCoreRuntime
from recording import answer_of, record, save


class Scripted(FunctionCallingLLM):
    turn: int = 0

    @property
    def metadata(self) -> LLMMetadata:
        return LLMMetadata(is_function_calling_model=True, is_chat_model=True)

    def _turn(self) -> tuple[list[str], list[ToolSelection]]:
        self.turn += 1
        if self.turn == 1:
            return ["Let me", " add."], [ToolSelection(tool_id="t", tool_name="add", tool_kwargs={"a": 1, "b": 2})]
        return ["It's", ' "3"', ".\n"], []

    async def astream_chat_with_tools(self, *_: Any, **__: Any) -> AsyncIterator[ChatResponse]:
        pieces, calls = self._turn()

        async def stream() -> AsyncIterator[ChatResponse]:
            said = ""
            for i, piece in enumerate(pieces):
                said += piece
                last = calls if i == len(pieces) - 1 else []
                message = ChatMessage(role="assistant", content=said, additional_kwargs={"tool_calls": last})
                yield ChatResponse(message=message, delta=piece)

        return stream()  # type: ignore[return-value]

    def get_tool_calls_from_response(self, response: ChatResponse, **_: Any) -> list[ToolSelection]:
        return response.message.additional_kwargs.get("tool_calls", [])

    def _prepare_chat_with_tools(self, *_: Any, **__: Any) -> dict[str, Any]:
        return {}

    def chat(self, messages: Sequence[ChatMessage], **_: Any) -> ChatResponse:
        raise NotImplementedError

    stream_chat = complete = stream_complete = achat = astream_chat = acomplete = astream_complete = chat  # type: ignore[assignment]


def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


class Asking(Workflow):
    @step
    async def ask(self, _ctx: Context, _event: StartEvent) -> InputRequiredEvent:
        return InputRequiredEvent(prefix="Transfer 2000 EUR to Anna?", user_name="Ben")

    @step
    async def end(self, _ctx: Context, event: HumanResponseEvent) -> StopEvent:
        return StopEvent(result=event.response)


async def asking(payload: dict[str, Any]) -> AsyncIterator[Any]:
    handler = Asking(timeout=5).run(topic=payload["prompt"])
    async for event in handler.stream_events():
        yield event
        if isinstance(event, InputRequiredEvent):
            break
    await handler.cancel_run()


async def asking_dict(payload: dict[str, Any]) -> AsyncIterator[Any]:
    async for event in asking(payload):
        yield {"event": type(event).__name__, **event.model_dump()}


save("llamaindex_agentcore", answer_of(AgentCoreRuntime(FunctionAgent(tools=[add], llm=Scripted())).app))
save(
    "llamaindex_agentcore_whole",
    answer_of(AgentCoreRuntime(FunctionAgent(tools=[add], llm=Scripted()), stream=False).app),
)
record(llamaindex_asking=asking, llamaindex_asking_dict=asking_dict)

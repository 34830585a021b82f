"""Google's ADK: a tool that needs a confirmation, and one that a person answers later."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from google.adk.agents import LlmAgent
from google.adk.models import BaseLlm, LlmResponse
from google.adk.runners import InMemoryRunner
from google.adk.tools import FunctionTool, LongRunningFunctionTool
from google.genai import types
from recording import record


class Scripted(BaseLlm):
    async def generate_content_async(self, *_: Any, **__: Any) -> AsyncIterator[LlmResponse]:
        call = types.Part(function_call=types.FunctionCall(id="c1", name="transfer", args={"amount": 2000}))
        yield LlmResponse(content=types.Content(role="model", parts=[types.Part(text="One moment."), call]))


def transfer(amount: int) -> Any:
    """Transfer money."""
    return {"status": "pending", "amount": amount}


def asking(tool: Any) -> Any:
    async def agent(payload: dict[str, Any]) -> AsyncIterator[Any]:
        runner = InMemoryRunner(LlmAgent(name="a", model=Scripted(model="m"), tools=[tool]), app_name="app")
        session = await runner.session_service.create_session(app_name="app", user_id="u")
        message = types.Content(role="user", parts=[types.Part(text=payload["prompt"])])
        async for event in runner.run_async(user_id="u", session_id=session.id, new_message=message):
            yield event.model_dump(mode="json", exclude_none=True, by_alias=True)
            if event.long_running_tool_ids:
                break

    return agent


record(
    adk_confirmation=asking(FunctionTool(transfer, require_confirmation=True)),
    adk_long_running=asking(LongRunningFunctionTool(transfer)),
)

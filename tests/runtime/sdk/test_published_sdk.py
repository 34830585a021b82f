"""Our client against an agent built with the published ``bedrock-agentcore`` package, on a real socket.

The app serves ``/invocations``; AgentCore's front door, which turns the operation's path into that, is one line here.
"""

from __future__ import annotations

import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from agentcore_mcp.errors import AgentError, ServiceError
from agentcore_mcp.runtime import NoAuth
from agentcore_mcp.runtime.client import RuntimeClient
from tests.support.clients import ARN, SESSION_ID
from tests.support.serving import serving

with warnings.catch_warnings():
    # The published package still defines a model in pydantic's old way, which is not for us to fix.
    warnings.filterwarnings("ignore", category=DeprecationWarning)
    from bedrock_agentcore import BedrockAgentCoreApp

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from bedrock_agentcore.runtime.context import RequestContext


@contextmanager
def published(entrypoint: Callable[..., Any]) -> Iterator[str]:
    app = BedrockAgentCoreApp()
    app.entrypoint(entrypoint)

    async def front_door(scope: Any, receive: Any, send: Any) -> None:
        await app({**scope, "path": "/invocations"}, receive, send)

    with serving(front_door) as port:
        yield f"http://127.0.0.1:{port}"


async def ask(endpoint_url: str, payload: bytes, pieces: list[str]) -> str:
    async with (
        RuntimeClient(auth=NoAuth(), endpoint_url=endpoint_url) as client,
        client.invoke(ARN, payload, session_id=SESSION_ID) as answer,
    ):
        async for piece in answer:
            pieces.append(piece)  # noqa: PERF401 - those before a failure count too
        return answer.content_type


async def test_a_json_answer_and_the_session_the_agent_saw() -> None:
    def agent(payload: dict[str, Any], context: RequestContext) -> dict[str, Any]:
        return {"result": payload["prompt"].upper(), "session": context.session_id}

    pieces: list[str] = []
    with published(agent) as url:
        await ask(url, '{"prompt": "größe"}'.encode(), pieces)

    assert pieces == [f'{{"result": "GRÖSSE", "session": "{SESSION_ID}"}}']


async def test_a_bare_string_is_a_json_string() -> None:
    pieces: list[str] = []
    with published(lambda payload: "just words") as url:
        assert await ask(url, b"{}", pieces) == "application/json"

    assert pieces == ['"just words"']


async def test_a_stream_with_line_separators_that_are_no_line_ends() -> None:
    async def agent(payload: dict[str, Any]) -> AsyncIterator[Any]:
        yield "one\u2028two\x85three"
        yield {"data": "four\n"}
        yield None

    pieces: list[str] = []
    with published(agent) as url:
        assert (await ask(url, b"{}", pieces)).startswith("text/event-stream")

    assert pieces == ['"one\u2028two\x85three"', '{"data": "four\\n"}', "null"]


async def test_an_error_in_the_middle_of_a_stream() -> None:
    async def agent(payload: dict[str, Any]) -> AsyncIterator[str]:
        yield "one"
        raise KeyError("tool")

    pieces: list[str] = []
    with published(agent) as url, pytest.raises(AgentError) as caught:
        await ask(url, b"{}", pieces)

    assert pieces == ['"one"']
    assert (caught.value.error, caught.value.error_type) == ("'tool'", "KeyError")


async def test_a_handler_that_raises_and_a_payload_that_is_no_json() -> None:
    def agent(payload: dict[str, Any]) -> str:
        raise ValueError("no such city")

    with published(agent) as url:
        with pytest.raises(ServiceError, match="no such city") as caught:
            await ask(url, b"{}", [])
        with pytest.raises(ServiceError, match="Invalid JSON") as refused:
            await ask(url, b"{", [])

    assert (caught.value.status, refused.value.status) == (500, 400)

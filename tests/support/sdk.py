"""AgentCoreRuntimeClient in both its manners, so that one test holds for both: blocking in a thread, and async."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Protocol

from agentcore_mcp.runtime.sdk.client import AgentCoreRuntimeClient
from tests.support.clients import ARN, ONCE
from tests.support.servers import LoopbackServer, loopback_server

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Generator

    from agentcore_mcp.runtime.retries import Retries
    from agentcore_mcp.runtime.sdk.results import CommandResult, StoppedSessionResult
    from tests.support.servers import Exchange

TOKEN = "not.a.real-token"


class Manner(Protocol):
    """The methods of a client, all of them async. Each call is for the agent of these tests."""

    async def invoke(self, body: Any = None, **options: Any) -> str: ...
    def invoke_streaming(self, body: Any = None, **options: Any) -> AsyncGenerator[str, None]: ...
    async def execute_command(self, command: str = "true", **options: Any) -> CommandResult: ...
    def execute_command_streaming(self, command: str = "true", **options: Any) -> AsyncGenerator[Any, None]: ...
    async def stop_runtime_session(self, **options: Any) -> StoppedSessionResult: ...


class Blocking:
    """Each step of a blocking method runs in a thread, so that the test's server can answer meanwhile."""

    def __init__(self, client: AgentCoreRuntimeClient, token: str | None = TOKEN) -> None:
        self.client = client
        self.token = token

    async def invoke(self, body: Any = None, **options: Any) -> str:
        return await asyncio.to_thread(self.client.invoke, ARN, self.token, body, **options)

    def invoke_streaming(self, body: Any = None, **options: Any) -> AsyncGenerator[str, None]:
        return _stepwise(self.client.invoke_streaming(ARN, self.token, body, **options))

    async def execute_command(self, command: str = "true", **options: Any) -> CommandResult:
        return await asyncio.to_thread(self.client.execute_command, ARN, self.token, command, **options)

    def execute_command_streaming(self, command: str = "true", **options: Any) -> AsyncGenerator[Any, None]:
        return _stepwise(self.client.execute_command_streaming(ARN, self.token, command, **options))

    async def stop_runtime_session(self, **options: Any) -> StoppedSessionResult:
        return await asyncio.to_thread(self.client.stop_runtime_session, ARN, self.token, **options)


class Async:
    def __init__(self, client: AgentCoreRuntimeClient, token: str | None = TOKEN) -> None:
        self.client = client
        self.token = token

    async def invoke(self, body: Any = None, **options: Any) -> str:
        return await self.client.invoke_async(ARN, self.token, body, **options)

    def invoke_streaming(self, body: Any = None, **options: Any) -> AsyncGenerator[str, None]:
        return self.client.invoke_streaming_async(ARN, self.token, body, **options)

    async def execute_command(self, command: str = "true", **options: Any) -> CommandResult:
        return await self.client.execute_command_async(ARN, self.token, command, **options)

    def execute_command_streaming(self, command: str = "true", **options: Any) -> AsyncGenerator[Any, None]:
        return self.client.execute_command_streaming_async(ARN, self.token, command, **options)

    async def stop_runtime_session(self, **options: Any) -> StoppedSessionResult:
        return await self.client.stop_runtime_session_async(ARN, self.token, **options)


@asynccontextmanager
async def sdk_of(
    manner: Callable[[AgentCoreRuntimeClient], Manner],
    answer: Callable[[Exchange], Awaitable[None]],
    *,
    retries: Retries = ONCE,
    keep_alive: bool = False,
    **options: Any,
) -> AsyncIterator[tuple[Manner, LoopbackServer]]:
    """Give a client of a server that answers as it is told."""
    async with loopback_server(answer, keep_alive=keep_alive) as server:
        with AgentCoreRuntimeClient(endpoint_url=server.endpoint_url, retries=retries, **options) as client:
            yield manner(client), server


async def _stepwise(blocking: Generator[Any, None, None]) -> AsyncGenerator[Any, None]:
    # It is dropped and not closed here, for the sake of tests of what becomes of one that is dropped.
    end = object()
    while (item := await asyncio.to_thread(next, blocking, end)) is not end:
        yield item

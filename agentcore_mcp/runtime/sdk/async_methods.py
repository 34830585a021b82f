"""The async methods of AgentCoreRuntimeClient: the same calls on an event loop, streaming from end to end."""

from __future__ import annotations

from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from agentcore_mcp.runtime.bodies import check_success, command_batches, invocation_batches
from agentcore_mcp.runtime.calls import READ_TIMEOUT_S, STOP_TIMEOUT_S, Call
from agentcore_mcp.runtime.connections import AsyncConnections, ConnectionSettings
from agentcore_mcp.runtime.environment import tls_context
from agentcore_mcp.runtime.sdk import orders
from agentcore_mcp.runtime.text import EventText
from agentcore_mcp.wire.eventstream import command_event_value
from agentcore_mcp.wire.headers import JSON_TYPE

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncGenerator, Mapping

    import httpx2

    from agentcore_mcp.runtime.sdk.orders import CommandResult, StoppedSessionResult
    from agentcore_mcp.wire.eventstream import CommandEvent


class AsyncMethods:
    """See ``AgentCoreRuntimeClient``, also for the arguments."""

    _auth: httpx2.Auth
    _settings: ConnectionSettings
    _async_transport: httpx2.AsyncBaseTransport | None
    _kept: AsyncConnections | None

    async def invoke_async(
        self,
        runtime_arn: str,
        bearer_token: str | None,
        body: Any,
        *,
        session_id: str | None = None,
        endpoint_name: str | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float = READ_TIMEOUT_S,  # noqa: ASYNC109 - silence on the line, not a deadline for the call
        content_type: str = JSON_TYPE,
        accept: str = orders.ACCEPT,
    ) -> str:
        """Do as ``invoke``."""
        pieces = self.invoke_streaming_async(
            runtime_arn,
            bearer_token,
            body,
            session_id=session_id,
            endpoint_name=endpoint_name,
            headers=headers,
            timeout=timeout,
            content_type=content_type,
            accept=accept,
        )
        answer = orders.Collected()
        async with aclosing(pieces):
            async for piece in pieces:
                answer.add(piece)
        return str(answer)

    def invoke_streaming_async(
        self,
        runtime_arn: str,
        bearer_token: str | None,
        body: Any,
        *,
        session_id: str | None = None,
        endpoint_name: str | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float = READ_TIMEOUT_S,
        content_type: str = JSON_TYPE,
        accept: str = orders.ACCEPT,
    ) -> AsyncGenerator[str, None]:
        """Do as ``invoke_streaming``. A generator that is dropped is closed by its event loop, a little later."""
        call = orders.invocation(
            runtime_arn,
            body,
            session_id=session_id,
            endpoint_name=endpoint_name,
            headers=headers,
            timeout_s=timeout,
            content_type=content_type,
            accept=accept,
        )
        return self._async_texts(call, orders.auth_of(bearer_token, self._auth))

    async def execute_command_async(
        self,
        runtime_arn: str,
        bearer_token: str | None,
        command: str,
        *,
        session_id: str | None = None,
        endpoint_name: str | None = None,
        headers: Mapping[str, str] | None = None,
        command_timeout: int = orders.COMMAND_TIMEOUT_S,
    ) -> CommandResult:
        """Do as ``execute_command``."""
        call = orders.command(
            runtime_arn,
            command,
            session_id=session_id,
            endpoint_name=endpoint_name,
            headers=headers,
            command_timeout_s=command_timeout,
        )
        result = orders.CollectedCommand()
        async with aclosing(self._async_events(call, orders.auth_of(bearer_token, self._auth))) as events:
            async for event in events:
                result.add(event)
        return result.whole()

    def execute_command_streaming_async(
        self,
        runtime_arn: str,
        bearer_token: str | None,
        command: str,
        *,
        session_id: str | None = None,
        endpoint_name: str | None = None,
        headers: Mapping[str, str] | None = None,
        command_timeout: int = orders.COMMAND_TIMEOUT_S,
    ) -> AsyncGenerator[dict[str, dict[str, Any]], None]:
        """Do as ``execute_command_streaming``."""
        call = orders.command(
            runtime_arn,
            command,
            session_id=session_id,
            endpoint_name=endpoint_name,
            headers=headers,
            command_timeout_s=command_timeout,
        )
        return self._async_values(call, orders.auth_of(bearer_token, self._auth))

    async def stop_runtime_session_async(
        self,
        runtime_arn: str,
        bearer_token: str | None,
        *,
        session_id: str,
        endpoint_name: str | None = None,
        client_token: str | None = None,
        timeout: float = STOP_TIMEOUT_S,  # noqa: ASYNC109 - silence on the line, not a deadline for the call
    ) -> StoppedSessionResult:
        """Do as ``stop_runtime_session``."""
        call = orders.stop(
            runtime_arn,
            session_id=session_id,
            endpoint_name=endpoint_name,
            client_token=client_token,
            timeout_s=timeout,
        )
        async with self._exchange(call, orders.auth_of(bearer_token, self._auth)) as response:
            await check_success(response, call.session_id)
            return orders.stopped(response, call.session_id)

    async def _async_texts(self, call: Call, auth: httpx2.Auth) -> AsyncGenerator[str, None]:
        text = EventText()
        async with (
            self._exchange(call, auth) as response,
            aclosing(await invocation_batches(response, call.session_id)) as batches,
        ):
            async for pieces in batches:
                for piece in filter(None, map(text.feed, pieces)):
                    yield piece
            if piece := text.close():
                yield piece

    async def _async_events(self, call: Call, auth: httpx2.Auth) -> AsyncGenerator[CommandEvent, None]:
        async with (
            self._exchange(call, auth) as response,
            aclosing(await command_batches(response, call.session_id)) as batches,
        ):
            async for events in batches:
                for event in events:
                    yield event

    async def _async_values(self, call: Call, auth: httpx2.Auth) -> AsyncGenerator[dict[str, dict[str, Any]], None]:
        async with aclosing(self._async_events(call, auth)) as events:
            async for event in events:
                yield command_event_value(event)

    @asynccontextmanager
    async def _exchange(self, call: Call, auth: httpx2.Auth) -> AsyncGenerator[httpx2.Response, None]:
        """Send a call over the connections that are kept, if some are, or over one of its own."""
        connections = self._kept or self._new_connections()
        try:
            async with connections.send(call, auth) as response:
                yield response
        finally:
            if connections is not self._kept:
                await connections.aclose()

    def _new_connections(self) -> AsyncConnections:
        return AsyncConnections(replace(self._settings, tls=self._tls), self._async_transport)

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        return tls_context()

"""The methods of AgentCoreRuntimeClient that block: plain I/O in the calling thread, no event loop behind it."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any

from agentcore_mcp.runtime.bodies import (
    blocking_check_success,
    blocking_command_events,
    blocking_invocation_pieces,
)
from agentcore_mcp.runtime.calls import READ_TIMEOUT_S, STOP_TIMEOUT_S, Call
from agentcore_mcp.runtime.sdk import orders
from agentcore_mcp.runtime.text import EventText
from agentcore_mcp.wire.eventstream import command_event_value
from agentcore_mcp.wire.headers import JSON_TYPE

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping

    import httpx2

    from agentcore_mcp.runtime.connections import Connections
    from agentcore_mcp.runtime.sdk.orders import CommandResult, StoppedSessionResult
    from agentcore_mcp.wire.eventstream import CommandEvent


class BlockingMethods:
    """See ``AgentCoreRuntimeClient``, also for the arguments."""

    _auth: httpx2.Auth
    _connections: Connections

    def invoke(
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
    ) -> str:
        """Ask an agent and return its whole answer: what ``invoke_streaming`` yields, joined, up to 100 MB.

        The body is what the agent receives: bytes as they are, a string as it is unless the content type is JSON,
        anything else as its JSON.
        """
        pieces = self.invoke_streaming(
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
        with closing(pieces):
            for piece in pieces:
                answer.add(piece)
        return str(answer)

    def invoke_streaming(
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
    ) -> Generator[str, None, None]:
        """Ask an agent and yield its answer as it arrives, the data of one event after the other.

        A JSON string is yielded as the text that it stands for, any other value as its JSON, and an answer that is no
        stream in one piece. The request is sent when iterating begins; closing or dropping the generator closes the
        connection, which does not stop the agent's work.
        """
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
        return self._texts(call, orders.auth_of(bearer_token, self._auth))

    def execute_command(
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
        """Run a shell command in a session's environment and return what it wrote, up to 100 MB, and how it ended.

        Each command has a fresh shell: files stay, the working directory and variables don't. ``command_timeout``
        says after how many seconds the service ends it, 1 to 3600.
        """
        call = orders.command(
            runtime_arn,
            command,
            session_id=session_id,
            endpoint_name=endpoint_name,
            headers=headers,
            command_timeout_s=command_timeout,
        )
        result = orders.CollectedCommand()
        with closing(self._events(call, orders.auth_of(bearer_token, self._auth))) as events:
            for event in events:
                result.add(event)
        return result.whole()

    def execute_command_streaming(
        self,
        runtime_arn: str,
        bearer_token: str | None,
        command: str,
        *,
        session_id: str | None = None,
        endpoint_name: str | None = None,
        headers: Mapping[str, str] | None = None,
        command_timeout: int = orders.COMMAND_TIMEOUT_S,
    ) -> Generator[dict[str, dict[str, Any]], None, None]:
        """Run a shell command and yield what happens: ``contentStart``, each ``contentDelta``, ``contentStop``.

        The request is sent when iterating begins. Closing or dropping the generator closes the connection; the command
        runs on.
        """
        call = orders.command(
            runtime_arn,
            command,
            session_id=session_id,
            endpoint_name=endpoint_name,
            headers=headers,
            command_timeout_s=command_timeout,
        )
        return self._values(call, orders.auth_of(bearer_token, self._auth))

    def stop_runtime_session(
        self,
        runtime_arn: str,
        bearer_token: str | None,
        *,
        session_id: str,
        endpoint_name: str | None = None,
        client_token: str | None = None,
        timeout: float = STOP_TIMEOUT_S,
    ) -> StoppedSessionResult:
        """End a session, its environment and whatever runs in it.

        A session that is already gone is a ServiceError. ``client_token``, 33 to 256 letters, digits and dashes, makes
        a repeated stop the same stop; None is a new one.
        """
        call = orders.stop(
            runtime_arn,
            session_id=session_id,
            endpoint_name=endpoint_name,
            client_token=client_token,
            timeout_s=timeout,
        )
        with self._connections.send(call, orders.auth_of(bearer_token, self._auth)) as response:
            blocking_check_success(response, call.session_id)
            return orders.stopped(response, call.session_id)

    def _texts(self, call: Call, auth: httpx2.Auth) -> Generator[str, None, None]:
        text = EventText()
        with (
            self._connections.send(call, auth) as response,
            closing(blocking_invocation_pieces(response, call.session_id)) as pieces,
        ):
            yield from filter(None, map(text.feed, pieces))
            yield from filter(None, [text.close()])

    def _events(self, call: Call, auth: httpx2.Auth) -> Generator[CommandEvent, None, None]:
        with (
            self._connections.send(call, auth) as response,
            closing(blocking_command_events(response, call.session_id)) as events,
        ):
            yield from events

    def _values(self, call: Call, auth: httpx2.Auth) -> Generator[dict[str, dict[str, Any]], None, None]:
        with closing(self._events(call, auth)) as events:
            yield from map(command_event_value, events)

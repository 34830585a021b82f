# Generated from agentcore_mcp/runtime/sdk/methods.py by scripts/unasync.py: do not edit.
"""The calling methods of AgentCoreRuntimeClient: the published package's interface on top of ``BlockingRuntimeClient``.

Generated from the async half by ``scripts/unasync.py``.
"""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any

from agentcore_mcp.runtime.sdk.results import Collected, CollectedCommand, auth_of, payload_of, stopped
from agentcore_mcp.runtime.text import EventText
from agentcore_mcp.runtime.timeouts import READ_TIMEOUT_S, STOP_TIMEOUT_S
from agentcore_mcp.wire.eventstream import command_event_value
from agentcore_mcp.wire.headers import JSON_TYPE, SSE_TYPE

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping
    from contextlib import AbstractContextManager

    from agentcore_mcp.runtime.blocking.bodies import BlockingCommandRun, BlockingInvocation
    from agentcore_mcp.runtime.blocking.client import BlockingRuntimeClient
    from agentcore_mcp.runtime.sdk.results import CommandResult, StoppedSessionResult

# As proposed in the published package's pull request 422: commands may take longer than the service's default.
COMMAND_TIMEOUT_S = 600


class BlockingMethods:
    """See ``AgentCoreRuntimeClient``, also for the arguments."""

    _runtime: BlockingRuntimeClient

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
        accept: str = f"{SSE_TYPE}, {JSON_TYPE}",
    ) -> str:
        """Invoke an agent and return its whole answer: the pieces of ``invoke_streaming``, joined, up to 100 MB.

        The agent receives the body: bytes unchanged, a string unchanged unless the content type is JSON, any other
        value as JSON.
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
        answer = Collected()
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
        accept: str = f"{SSE_TYPE}, {JSON_TYPE}",
    ) -> Generator[str, None, None]:
        """Invoke an agent and yield its answer as it arrives, event by event.

        A JSON string is yielded as its text, any other value as its JSON, and an answer that is not a stream in one
        piece. The request is sent when iterating begins; closing or dropping the generator closes the connection,
        which does not stop the agent's work.
        """
        return _texts(
            self._runtime.invoke(
                runtime_arn,
                payload_of(body, content_type),
                session_id=session_id or None,
                qualifier=endpoint_name or None,
                content_type=content_type,
                accept=accept,
                headers=headers,
                read_timeout_s=timeout,
                auth=auth_of(bearer_token),
            )
        )

    def execute_command(
        self,
        runtime_arn: str,
        bearer_token: str | None,
        command: str,
        *,
        session_id: str | None = None,
        endpoint_name: str | None = None,
        headers: Mapping[str, str] | None = None,
        command_timeout: int = COMMAND_TIMEOUT_S,
    ) -> CommandResult:
        """Run a shell command in a session's environment and return its output, up to 100 MB, and its exit status.

        Each command has a fresh shell: files stay, the working directory and variables don't. The service ends the
        command after ``command_timeout`` seconds, 1 to 3600.
        """
        result = CollectedCommand()
        with self._runtime.run_command(
            runtime_arn,
            command,
            session_id=session_id or None,
            timeout_s=command_timeout,
            qualifier=endpoint_name or None,
            headers=headers,
            auth=auth_of(bearer_token),
        ) as run:
            for event in run:
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
        command_timeout: int = COMMAND_TIMEOUT_S,
    ) -> Generator[dict[str, dict[str, Any]], None, None]:
        """Run a shell command and yield its events: ``contentStart``, each ``contentDelta``, ``contentStop``.

        The request is sent when iterating begins. Closing or dropping the generator closes the connection; the command
        runs on.
        """
        return _values(
            self._runtime.run_command(
                runtime_arn,
                command,
                session_id=session_id or None,
                timeout_s=command_timeout,
                qualifier=endpoint_name or None,
                headers=headers,
                auth=auth_of(bearer_token),
            )
        )

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

        A session that is already gone raises ServiceError. ``client_token``, 33 to 256 letters, digits and dashes,
        makes a repeated stop idempotent; None is a new one.
        """
        return stopped(
            self._runtime.stop_session(
                runtime_arn,
                session_id=session_id,
                qualifier=endpoint_name or None,
                client_token=client_token or None,
                missing_ok=False,
                read_timeout_s=timeout,
                auth=auth_of(bearer_token),
            )
        )


def _texts(invocation: AbstractContextManager[BlockingInvocation]) -> Generator[str, None, None]:
    text = EventText()
    with invocation as answer:
        for pieces in answer.batches:
            for piece in filter(None, map(text.feed, pieces)):
                yield piece
        if piece := text.close():
            yield piece


def _values(
    command: AbstractContextManager[BlockingCommandRun],
) -> Generator[dict[str, dict[str, Any]], None, None]:
    with command as run:
        for events in run.batches:
            for event in events:
                yield command_event_value(event)

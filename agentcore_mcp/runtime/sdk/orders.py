"""What ``AgentCoreRuntimeClient`` makes of its arguments, a call, and of what comes back, a result. No I/O."""

from __future__ import annotations

import io
import json
import uuid
from typing import TYPE_CHECKING, Any, TypedDict

from agentcore_mcp.errors import ConfigurationError, InvalidRequestError, ProtocolError
from agentcore_mcp.runtime.auth.bearer import BearerAuth
from agentcore_mcp.runtime.calls import COMMAND_GRACE_S, Call, parsed_arn
from agentcore_mcp.runtime.readers import ANSWER_MAX_BYTES
from agentcore_mcp.wire.eventstream import CommandEvent, ContentDelta, ContentStop
from agentcore_mcp.wire.headers import JSON_TYPE, SSE_TYPE
from agentcore_mcp.wire.ids import session_in
from agentcore_mcp.wire.requests import command_request, invoke_request, stop_request

if TYPE_CHECKING:
    from collections.abc import Mapping

    import httpx2

    from agentcore_mcp.wire.ids import Runtime

# As proposed in the published package's pull request 422: commands may take longer than the service's default.
COMMAND_TIMEOUT_S = 600
ACCEPT = f"{SSE_TYPE}, {JSON_TYPE}"


class CommandResult(TypedDict):
    """What a command has written, and how it ended: ``status`` is ``COMPLETED`` or ``TIMED_OUT``."""

    stdout: str
    stderr: str
    exitCode: int
    status: str


class StoppedSessionResult(TypedDict):
    """The answer to a stop, with boto3's names."""

    runtimeSessionId: str
    statusCode: int


class Collected:
    """Collects the pieces of an answer that is handed over as a whole, within the limit that any whole answer has."""

    def __init__(self) -> None:
        self._text = io.StringIO()
        self._chars = 0

    def add(self, piece: str) -> None:
        """Take the next piece.

        Raises:
            ProtocolError: If there is too much to be handed over at once.
        """
        self._chars += len(piece)
        if self._chars > ANSWER_MAX_BYTES:
            raise ProtocolError(
                f"the answer has more than the {ANSWER_MAX_BYTES} characters that are allowed in one piece; the "
                "streaming method has no such limit"
            )
        self._text.write(piece)

    def __str__(self) -> str:
        return self._text.getvalue()


class CollectedCommand:
    """Collects the events of a command."""

    def __init__(self) -> None:
        self._stdout = Collected()
        self._stderr = Collected()
        self._stop: ContentStop | None = None

    def add(self, event: CommandEvent) -> None:
        """Take the next event.

        Raises:
            ProtocolError: If there is too much output to be handed over at once.
        """
        if isinstance(event, ContentDelta):
            self._stdout.add(event.stdout)
            self._stderr.add(event.stderr)
        elif isinstance(event, ContentStop):
            self._stop = event

    def whole(self) -> CommandResult:
        """Return everything. A stream that is read to its end without an exception has had its ``ContentStop``."""
        assert self._stop is not None  # noqa: S101 - CommandDecoder.close() raises otherwise
        return {
            "stdout": str(self._stdout),
            "stderr": str(self._stderr),
            "exitCode": self._stop.exit_code,
            "status": self._stop.status,
        }


def auth_of(bearer_token: str | None, otherwise: httpx2.Auth) -> httpx2.Auth:
    """Return how a call proves who sends it: with its token, or else as its client does.

    Raises:
        InvalidRequestError: If the token is empty or has characters that a header can't carry.
    """
    if bearer_token is None:
        return otherwise
    try:
        return BearerAuth(bearer_token)
    except ConfigurationError as error:  # a setting for whoever configures a server, an argument here
        raise InvalidRequestError(error.message) from None


def new_session_id() -> str:
    """Return the id of a session that nobody else has."""
    return str(uuid.uuid4())


def invocation(
    arn: Runtime | str,
    body: Any,
    *,
    session_id: str | None,
    endpoint_name: str | None,
    headers: Mapping[str, str] | None,
    timeout_s: float,
    content_type: str,
    accept: str,
) -> Call:
    """Return the call that asks an agent.

    Raises:
        InvalidRequestError: If an argument is outside its limits.
    """
    arn = parsed_arn(arn)
    session_id = session_id or new_session_id()
    request = invoke_request(
        arn,
        _payload(body, content_type),
        session_id=session_id,
        qualifier=endpoint_name or None,
        content_type=content_type,
        accept=accept,
        headers=headers,
    )
    return Call(arn, request, session_id, timeout_s)


def command(
    arn: Runtime | str,
    text: str,
    *,
    session_id: str | None,
    endpoint_name: str | None,
    headers: Mapping[str, str] | None,
    command_timeout_s: int,
) -> Call:
    """Return the call that runs a command.

    Raises:
        InvalidRequestError: If an argument is outside its limits.
    """
    arn = parsed_arn(arn)
    session_id = session_id or new_session_id()
    request = command_request(
        arn, text, session_id=session_id, timeout_s=command_timeout_s, qualifier=endpoint_name or None, headers=headers
    )
    return Call(arn, request, session_id, command_timeout_s + COMMAND_GRACE_S)


def stop(
    arn: Runtime | str, *, session_id: str, endpoint_name: str | None, client_token: str | None, timeout_s: float
) -> Call:
    """Return the call that stops a session.

    Raises:
        InvalidRequestError: If an argument is outside its limits.
    """
    arn = parsed_arn(arn)
    token = client_token or str(uuid.uuid4())
    request = stop_request(arn, session_id=session_id, client_token=token, qualifier=endpoint_name or None)
    return Call(arn, request, session_id, timeout_s)


def stopped(response: httpx2.Response, session_id: str) -> StoppedSessionResult:
    """Return what a successful answer to a stop says."""
    return {
        "runtimeSessionId": session_in(response.headers, session_id),
        "statusCode": response.status_code,
    }


def _payload(body: Any, content_type: str) -> bytes:
    if isinstance(body, bytes | bytearray | memoryview):
        return bytes(body)
    try:
        text = body if isinstance(body, str) and "json" not in content_type else json.dumps(body)
        return text.encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidRequestError(f"the body can't be sent as {content_type!r}: {error}") from error

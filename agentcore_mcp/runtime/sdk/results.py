"""Arguments and results of ``AgentCoreRuntimeClient`` that differ from those of ``RuntimeClient``. No I/O."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING, Any, TypedDict

from agentcore_mcp.errors import ConfigurationError, InvalidRequestError, ProtocolError
from agentcore_mcp.runtime.auth.bearer import BearerAuth
from agentcore_mcp.wire.eventstream import CommandEvent, ContentDelta, ContentStop
from agentcore_mcp.wire.pieces import ANSWER_MAX_BYTES

if TYPE_CHECKING:
    from agentcore_mcp.runtime.replies import StoppedSession


class CommandResult(TypedDict):
    """The output of a command, and how it ended: ``status`` is ``COMPLETED`` or ``TIMED_OUT``."""

    stdout: str
    stderr: str
    exitCode: int
    status: str


class StoppedSessionResult(TypedDict):
    """The answer to a stop, with boto3's names."""

    runtimeSessionId: str
    statusCode: int


class Collected:
    """Collects the pieces of an answer that is returned as a whole, up to the limit for whole answers."""

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


def stopped(session: StoppedSession) -> StoppedSessionResult:
    """Return the answer to a stop."""
    return {"runtimeSessionId": session.session_id, "statusCode": session.status}


def auth_of(bearer_token: str | None) -> BearerAuth | None:
    """Return the auth flow of a call with a token; None without one.

    Raises:
        InvalidRequestError: If the token is empty or has characters that a header can't carry.
    """
    if bearer_token is None:
        return None
    try:
        return BearerAuth(bearer_token)
    except ConfigurationError as error:  # here the token is an argument, not a setting
        raise InvalidRequestError(error.message) from None


def payload_of(body: Any, content_type: str) -> bytes:
    """Return the payload for the agent: bytes unchanged, a string unchanged unless the type is JSON, else JSON.

    Raises:
        InvalidRequestError: If JSON or UTF-8 can't express it.
    """
    if isinstance(body, bytes | bytearray | memoryview):
        return bytes(body)
    try:
        text = body if isinstance(body, str) and "json" not in content_type else json.dumps(body)
        return text.encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidRequestError(f"the body can't be sent as {content_type!r}: {error}") from error

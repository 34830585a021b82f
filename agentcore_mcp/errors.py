"""Every failure this package raises, and the one constructor from a runtime's answer.

The first question is whose failure it is: yours, the line's, or the runtime's::

    AgentCoreError
    ├── ConfigurationError            yours: a setting is missing or can't work
    ├── InvalidRequestError           yours: an argument that the service would refuse; nothing was sent
    ├── CredentialsError              yours: no credentials, or they have expired
    ├── TransportError                the line
    │   ├── ConnectError              no connection: the request was never sent
    │   ├── ResponseTimeoutError      connected, then silent for longer than the timeout
    │   ├── StreamInterruptedError    an answer began and did not reach its end
    │   │   ├── SessionStoppedError   because the session was stopped meanwhile
    │   │   └── ServerEndingError     because this server ends
    │   └── WebSocketClosedError      a WebSocket is closed, and why
    ├── ProtocolError                 what arrived is not what the wire allows, or is over a limit
    └── AgentRuntimeError             the runtime answered, and the answer is an error
        ├── ServiceError              AgentCore refused the request
        └── AgentError                the agent behind it failed

Messages are lower case, name the offending value and what is allowed, and never contain anything that came
from a credential.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

# How much of an unreadable error body goes into a message: enough to recognise a proxy's HTML page.
BODY_EXCERPT_CHARS = 300

# More than any name of AWS's has, and less than whatever else may stand there.
_CODE_MAX_CHARS = 128

_ERROR_TYPE_HEADER = "x-amzn-errortype"
_REQUEST_ID_HEADERS = ("x-amzn-requestid", "x-amzn-request-id")

# What a status stands for in the three operations, where it is all that the answer tells (a body from a load balancer,
# a header lost on the way). As in the service model; 409 is two codes, the retryable one is the usual.
_CODE_OF_STATUS = {
    400: "ValidationException",
    401: "UnauthorizedException",
    402: "ServiceQuotaExceededException",
    403: "AccessDeniedException",
    404: "ResourceNotFoundException",
    409: "RetryableConflictException",
    429: "ThrottlingException",
    500: "InternalServerException",
}

_AGENT_FAILED = 424


class AgentCoreError(Exception):
    """The root: catch this to catch everything that this package raises on purpose.

    Attributes:
        message: What happened, in one sentence.
        session_id: The runtime session of the failed call, once it is known.
    """

    def __init__(self, message: str, *, session_id: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.session_id = session_id


class ConfigurationError(AgentCoreError):
    """A setting is missing, malformed, or contradicts another one."""


class InvalidRequestError(AgentCoreError, ValueError):
    """An argument is outside what the service accepts. Nothing was sent."""


class CredentialsError(AgentCoreError, RuntimeError):
    """There are no usable credentials to sign or authorise the request with. Nothing was carried out.

    Nothing was sent either, unless a token was refused and no other one could be had.
    """


class TransportError(AgentCoreError):
    """The connection failed before, during or after the request."""


class ConnectError(TransportError):
    """No connection could be made, so the request was never sent and may safely be repeated."""


class ResponseTimeoutError(TransportError):
    """The other side accepted the connection and then sent nothing for longer than the timeout.

    The work may still be going on: closing a connection does not stop it.
    """


class StreamInterruptedError(TransportError):
    """An answer began and broke off before its end. What came before was delivered; the rest is unknown."""


class SessionStoppedError(StreamInterruptedError):
    """A call of the MCP server broke off, because the server stopped its session meanwhile."""


class ServerEndingError(StreamInterruptedError):
    """A call of the MCP server broke off, because the server ends."""


class WebSocketClosedError(TransportError):
    """A WebSocket is closed, so nothing more can be sent or received.

    Attributes:
        code: The close code of RFC 6455, 7.4: 1000 is a normal end, 1006 an end without a word.
        reason: What the other side said about it, or "".
    """

    def __init__(self, message: str, *, code: int, reason: str = "", session_id: str | None = None) -> None:
        super().__init__(message, session_id=session_id)
        self.code = code
        self.reason = reason


class ProtocolError(AgentCoreError):
    """Bytes arrived that the wire format does not allow, or more of them than a limit permits."""


class AgentRuntimeError(AgentCoreError):
    """The runtime answered with an error.

    Attributes:
        error: The error's own text, as the service or the agent sent it.
        error_type: The code: an AWS exception name, the agent's exception class, or ``HTTP <status>`` if the answer
            named none.
        status: The HTTP status, or None for an error inside a stream that began with 200.
        request_id: The id that AWS support asks for, when the answer carried one.
    """

    def __init__(
        self,
        error: str,
        error_type: str = "",
        *,
        status: int | None = None,
        request_id: str | None = None,
        session_id: str | None = None,
    ) -> None:
        super().__init__(f"{error_type}: {error}" if error_type else error, session_id=session_id)
        self.error = error
        self.error_type = error_type
        self.status = status
        self.request_id = request_id


class ServiceError(AgentRuntimeError):
    """AgentCore, or something on the way to it, refused the request.

    Attributes:
        reason: ``reason`` of a ValidationException, else None.
        fields: ``(name, message)`` for each entry of a ValidationException's ``fieldList``.
        www_authenticate: The challenge of a 401, which tells an OAuth runtime from a SigV4 one.
        auth_problem: What is wrong with the credentials that were sent, one of ``wire.refusals.AuthProblem``; None
            if that isn't it, or can't be told.
        retry_after_s: After how many seconds the service asks to come back, when it came; None if it doesn't.
    """

    def __init__(
        self,
        error: str,
        error_type: str = "",
        *,
        status: int | None = None,
        request_id: str | None = None,
        session_id: str | None = None,
        reason: str | None = None,
        fields: tuple[tuple[str, str], ...] = (),
        www_authenticate: str | None = None,
    ) -> None:
        super().__init__(error, error_type, status=status, request_id=request_id, session_id=session_id)
        self.reason = reason
        self.fields = fields
        self.www_authenticate = www_authenticate
        self.auth_problem: str | None = None
        self.retry_after_s: float | None = None

    @property
    def code(self) -> str:
        """The code of the service model: ``error_type``, or what the status stands for if the answer named none."""
        if self.status is None or self.error_type != f"HTTP {self.status}":
            return self.error_type
        return _CODE_OF_STATUS.get(self.status, self.error_type)


class AgentError(AgentRuntimeError):
    """The agent failed: AgentCore reported 424 for it, or it sent an error event inside its stream."""


def error_from_answer(
    status: int | None, headers: Mapping[str, str], body: bytes, *, session_id: str | None = None
) -> AgentRuntimeError:
    """Make the exception for an HTTP answer that is not a success, or for an error frame inside one that was.

    The code is looked for in ``x-amzn-errortype`` (cut at ``:``), then in the body's ``__type`` or ``code``; an answer
    without one is ``HTTP <status>``, and the agent's failure if that is 424. The message is looked for in ``message``,
    ``Message``, or a JSON-RPC ``error.message``. Bodies that are not JSON are quoted in part.

    Args:
        status: The HTTP status; None for an error inside a stream that began with 200.
        headers: The response headers; names are matched in lower case, so pass a case-insensitive mapping or
            lower-case names.
        body: What was read of the body; may be empty or cut.
        session_id: The session of the call.
    """
    parsed = _json_object(body)
    code = _code(headers.get(_ERROR_TYPE_HEADER) or parsed.get("__type") or parsed.get("code"))
    error_type = code or (f"HTTP {status}" if status else "UnknownError")
    error = _message(parsed) or _excerpt(body) or "the runtime gave no message"
    request_id = next((headers[name] for name in _REQUEST_ID_HEADERS if headers.get(name)), None)
    if code == "RuntimeClientError" or (not code and status == _AGENT_FAILED):
        return AgentError(error, error_type, status=status, request_id=request_id, session_id=session_id)
    return ServiceError(
        error,
        error_type,
        status=status,
        request_id=request_id,
        session_id=session_id,
        reason=_text(parsed.get("reason")) or None,
        fields=_fields(parsed.get("fieldList")),
        www_authenticate=headers.get("www-authenticate"),
    )


def _json_object(body: bytes) -> dict[str, Any]:
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _code(value: object) -> str:
    """Return the bare code of ``Code:http://…`` or ``namespace#Code``."""
    return _text(value).partition(":")[0].rpartition("#")[2].strip()[:_CODE_MAX_CHARS]


def _message(parsed: dict[str, Any]) -> str:
    nested = parsed.get("error")
    candidates = (
        parsed.get("message"),
        parsed.get("Message"),
        nested.get("message") if isinstance(nested, dict) else nested,
    )
    return next((text for text in map(_text, candidates) if text), "")


def _excerpt(body: bytes) -> str:
    text = " ".join(body[: 4 * BODY_EXCERPT_CHARS].decode("utf-8", "replace").split())
    return text if len(text) <= BODY_EXCERPT_CHARS else text[:BODY_EXCERPT_CHARS] + "…"


def _fields(value: object) -> tuple[tuple[str, str], ...]:
    if not isinstance(value, list):
        return ()
    return tuple((_text(item.get("name")), _text(item.get("message"))) for item in value if isinstance(item, dict))


def _text(value: object) -> str:
    """Return a text that UTF-8 can carry: JSON may escape a lone surrogate, and a message is always passed on."""
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else ""

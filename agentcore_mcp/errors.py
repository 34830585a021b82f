"""Every error this package raises. ``wire.refusals`` turns responses into them.

The first question is whose failure it is: yours, the connection's, or the runtime's::

    AgentCoreError
    ├── ConfigurationError            yours: a setting is missing or can't work
    ├── InvalidRequestError           yours: an argument that the service would refuse; nothing was sent
    ├── CredentialsError              yours: no credentials, or they have expired
    ├── TransportError                the connection
    │   ├── ConnectError              no connection: the request was never sent
    │   ├── ResponseTimeoutError      connected, then silent for longer than the timeout
    │   ├── StreamInterruptedError    a response began and broke off
    │   │   └── SessionStoppedError   because the session was stopped meanwhile
    │   └── WebSocketClosedError      a WebSocket is closed, with its close code
    ├── ProtocolError                 the data received is malformed, or over a limit
    │   └── WrongProtocolError        the agent speaks a different protocol from the request's
    └── AgentRuntimeError             the runtime answered, and the answer is an error
        ├── ServiceError              AgentCore refused the request
        └── AgentError                the agent behind it failed

Messages are lower case, name the offending value and what is allowed, and never contain anything that came
from a credential.
"""

from __future__ import annotations

from dataclasses import KW_ONLY, InitVar, dataclass
from enum import StrEnum


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

    Nothing was sent either, unless a token was refused and could not be replaced.
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
    """A response broke off before its end. Everything up to that point was delivered; the rest is unknown."""


class SessionStoppedError(StreamInterruptedError):
    """A call of the MCP server broke off, because the server stopped its session meanwhile."""


class WebSocketClosedError(TransportError):
    """A WebSocket is closed, so nothing more can be sent or received.

    Attributes:
        code: The close code of RFC 6455, 7.4: 1000 is a normal end, 1006 an end without a close frame.
        reason: The close reason that the other side sent, or "".
    """

    def __init__(self, message: str, *, code: int, reason: str = "", session_id: str | None = None) -> None:
        super().__init__(message, session_id=session_id)
        self.code = code
        self.reason = reason


class ProtocolError(AgentCoreError):
    """The other side sent malformed data, or more than a limit permits."""


class WrongProtocolError(ProtocolError):
    """An agent answered in a different protocol from the request's.

    Attributes:
        speaks: The protocol that the response appears to use, by its name in the configuration.
    """

    def __init__(self, message: str, *, speaks: str = "http", session_id: str | None = None) -> None:
        super().__init__(message, session_id=session_id)
        self.speaks = speaks


class AuthProblem(StrEnum):
    """What is wrong with the credentials of a refused request, and thus what has to change."""

    TOKEN_EXPECTED = "token_expected"  # noqa: S105 - a name
    """The runtime has OAuth, and no token was sent: give one instead of AWS credentials."""

    AWS_CREDENTIALS_EXPECTED = "aws_credentials_expected"
    """A token was sent, and the runtime has no OAuth: leave the token out."""

    TOKEN_EXPIRED = "token_expired"  # noqa: S105 - a name
    """The token has expired, or will within a minute: get a fresh one."""

    TOKEN_UNREADABLE = "token_unreadable"  # noqa: S105 - a name
    """It is not a JWT, or not all of one: check where it comes from."""

    TOKEN_MISMATCH = "token_mismatch"  # noqa: S105 - a name
    """It is good, but not for this runtime: for another client, audience or scope, or from another issuer."""

    TOKEN_REFUSED = "token_refused"  # noqa: S105 - a name
    """The runtime has OAuth and does not take this token, and its words don't say why."""


@dataclass(eq=False, repr=False)
class AgentRuntimeError(AgentCoreError):
    """The runtime answered with an error.

    Attributes:
        error: The error's own text, as the service or the agent sent it.
        error_type: An AWS exception name, the agent's exception class, or ``HTTP <status>`` if the answer named
            neither.
        message: As an argument, further details of the error. As an attribute, type, error and details, like ``str()``.
        status: The HTTP status, or None for an error inside a stream that began with 200.
        request_id: The id that AWS support asks for, when the answer carried one.
    """

    error: str
    error_type: str = ""
    message: InitVar[str] = ""  # the attribute is the base class's
    _: KW_ONLY
    status: int | None = None
    request_id: str | None = None
    session_id: str | None = None

    def __post_init__(self, message: str) -> None:
        named = f"{self.error_type}: {self.error}" if self.error_type else self.error
        super().__init__(f"{named} ({message})" if message else named, session_id=self.session_id)


@dataclass(eq=False, repr=False)
class ServiceError(AgentRuntimeError):
    """AgentCore, or something on the way to it, refused the request.

    Attributes:
        code: The code of the service model: ``error_type``, or one derived from the status if the response named none.
        reason: ``reason`` of a ValidationException, else None.
        fields: ``(name, message)`` for each entry of a ValidationException's ``fieldList``.
        www_authenticate: The challenge of a 401, which distinguishes an OAuth runtime from a SigV4 one.
        auth_problem: What is wrong with the sent credentials; None if they are not, or not known to be, the reason.
        retry_after_s: How many seconds after its response the service asks to wait for a retry; None if it doesn't.
        foreign: Whether nothing shows that AgentCore wrote the response: a proxy, a gateway or a sign-in page may have,
            or the endpoint URL leads elsewhere.
    """

    _: KW_ONLY
    code: str = ""
    reason: str | None = None
    fields: tuple[tuple[str, str], ...] = ()
    www_authenticate: str | None = None
    auth_problem: AuthProblem | None = None
    retry_after_s: float | None = None
    foreign: bool = False

    def __post_init__(self, message: str) -> None:
        super().__post_init__(message)
        self.code = self.code or self.error_type


class AgentError(AgentRuntimeError):
    """The agent failed: AgentCore responded 424, or the agent reported the error itself, as its response or in it."""

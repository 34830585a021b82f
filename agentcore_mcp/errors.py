"""Every failure this package raises. How an answer becomes one is in ``wire.refusals``.

The first question is whose failure it is: yours, the line's, or the runtime's::

    AgentCoreError
    ├── ConfigurationError            yours: a setting is missing or can't work
    ├── InvalidRequestError           yours: an argument that the service would refuse; nothing was sent
    ├── CredentialsError              yours: no credentials, or they have expired
    ├── TransportError                the line
    │   ├── ConnectError              no connection: the request was never sent
    │   ├── ResponseTimeoutError      connected, then silent for longer than the timeout
    │   ├── StreamInterruptedError    an answer began and did not reach its end
    │   │   └── SessionStoppedError   because the session was stopped meanwhile
    │   └── WebSocketClosedError      a WebSocket is closed, and why
    ├── ProtocolError                 what arrived is not what the wire allows, or is over a limit
    │   └── WrongProtocolError        the agent speaks another protocol than it was asked in
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


class WrongProtocolError(ProtocolError):
    """An agent's answer is in another protocol than it was asked in.

    Attributes:
        speaks: The protocol that the answer looks to be in, as a configuration names it.
    """

    def __init__(self, message: str, *, speaks: str = "http", session_id: str | None = None) -> None:
        super().__init__(message, session_id=session_id)
        self.speaks = speaks


class AuthProblem(StrEnum):
    """What is wrong with the credentials of a refused request, and so what has to change."""

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
        message: Given: what else the answer says about the error. Read: type, error and that, as ``str()`` has it.
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
        code: The code of the service model: ``error_type``, or what the status stands for if the answer named no code.
        reason: ``reason`` of a ValidationException, else None.
        fields: ``(name, message)`` for each entry of a ValidationException's ``fieldList``.
        www_authenticate: The challenge of a 401, which tells an OAuth runtime from a SigV4 one.
        auth_problem: What is wrong with the credentials that were sent; None if they are not the reason, or nothing
            tells.
        retry_after_s: After how many seconds the service asks to come back, counted from when the answer came; None if
            it doesn't.
        foreign: Whether nothing shows that AgentCore wrote the answer: a proxy, a gateway or a sign-in page on the way
            did, or the endpoint URL leads elsewhere.
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
    """The agent failed: AgentCore reported 424 for it, or its own account of the error came as the answer or in it."""

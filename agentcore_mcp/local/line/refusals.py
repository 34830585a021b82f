"""Refusals: the error answers of AgentCore's front door, as the service model shapes them.

Raised anywhere below the front door, which turns them into responses. Not part of the package's exception tree, as
they reach clients only as HTTP responses.
"""

from __future__ import annotations

from typing import Final

from agentcore_mcp.wire.headers import ERROR_TYPE_HEADER
from agentcore_mcp.wire.refusals import FIELD_VALIDATION_FAILED, STATUS_OF_CODE, STATUS_OF_COMMON_CODE

# AWS appends this to these codes; a client that doesn't strip it sees an unknown code.
_COMMON_CODE_NAMESPACE: Final = ":http://internal.amazon.com/coral/com.amazon.coral.service/"
# The code in the JSON-RPC errors of runtimes with OAuth, whatever the agent's protocol.
_JSON_RPC_CODE: Final = -32001


class Refusal(Exception):  # noqa: N818  it is an answer, and named for what it says
    """The error response to a request.

    Args:
        code: The error's name, one of the two tables above.
        message: Its message to the caller.
        reason: The ``reason`` of a ValidationException.
        fields: Name and constraint of each field that is not valid.
        challenge: The value of ``WWW-Authenticate``. With it, the response is a runtime with OAuth's: 401, and a
            JSON-RPC body.
    """

    def __init__(
        self,
        code: str,
        message: str,
        *,
        reason: str | None = None,
        fields: tuple[tuple[str, str], ...] = (),
        challenge: str | None = None,
    ) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.status = 401 if challenge else (STATUS_OF_CODE | STATUS_OF_COMMON_CODE)[code]
        self.message = message
        self.reason = reason
        self.fields = fields
        self.challenge = challenge

    def headers(self) -> list[tuple[str, str]]:
        """Return the headers with the error's code and challenge."""
        suffix = _COMMON_CODE_NAMESPACE if self.code in STATUS_OF_COMMON_CODE else ""
        challenge = [("www-authenticate", self.challenge)] if self.challenge else []
        return [(ERROR_TYPE_HEADER, self.code + suffix), *challenge]

    def body(self) -> dict[str, object]:
        """Return the JSON body of the answer."""
        if self.challenge:
            return {"jsonrpc": "2.0", "error": {"code": _JSON_RPC_CODE, "message": self.message}}
        members: dict[str, object] = {"message": self.message}
        if self.reason is not None:
            members["reason"] = self.reason
        if self.fields:
            members["fieldList"] = [{"name": name, "message": message} for name, message in self.fields]
        return members


def at_endpoint(refusal: Refusal) -> tuple[int, list[tuple[str, str]]]:
    """Return status and headers of an error response of a session's endpoint: its code is in a header, without a body.

    Codes and statuses are those of AWS's developer guide ("Connect to runtime sessions through a session endpoint"),
    which doesn't name the header.
    """
    code = {401: "AuthenticationRequired", 403: "AccessDenied"}.get(refusal.status, refusal.code)
    return refusal.status, [(ERROR_TYPE_HEADER, code), ("content-length", "0")]


def invalid_fields(*fields: tuple[str, str]) -> Refusal:
    """Refuse a request for invalid fields, each given with the violated constraint."""
    found = f"{len(fields)} validation error{'s' if len(fields) > 1 else ''} detected"
    values = "; ".join(f"Value at '{name}' failed to satisfy constraint: {constraint}" for name, constraint in fields)
    return Refusal("ValidationException", f"{found}: {values}", reason=FIELD_VALIDATION_FAILED, fields=fields)


def session_starting(session_id: str) -> Refusal:
    """Refuse a request because its session is still starting for another request."""
    return Refusal("RetryableConflictException", f"Session {session_id} is starting; retry the request")

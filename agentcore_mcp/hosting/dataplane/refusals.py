"""Refusals: the error answers of AgentCore's front door, as the service model shapes them.

Raised anywhere below the front door and turned into an answer there. Not part of the package's exception tree: no
caller of ours ever sees one, a client does.
"""

from __future__ import annotations

import json
from typing import Final

STATUS_OF_CODE: Final = {
    "ValidationException": 400,
    "ServiceQuotaExceededException": 402,
    "AccessDeniedException": 403,
    "ResourceNotFoundException": 404,
    "UnknownOperationException": 404,
    "RuntimeClientError": 424,
    "InternalServerException": 500,
}

# Values of ValidationExceptionReason in the service model.
CANNOT_PARSE = "CannotParse"
FIELD_VALIDATION_FAILED = "FieldValidationFailed"
IDEMPOTENT_PARAMETER_MISMATCH = "IdempotentParameterMismatchException"


class Refusal(Exception):  # noqa: N818  it is an answer, and named for what it says
    """A request that is answered with an error."""

    def __init__(
        self, code: str, message: str, *, reason: str | None = None, fields: tuple[tuple[str, str], ...] = ()
    ) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.status = STATUS_OF_CODE[code]
        self.message = message
        self.reason = reason
        self.fields = fields

    def body(self) -> bytes:
        """Return the JSON body of the answer."""
        members: dict[str, object] = {"message": self.message}
        if self.reason is not None:
            members["reason"] = self.reason
        if self.fields:
            members["fieldList"] = [{"name": name, "message": message} for name, message in self.fields]
        return json.dumps(members).encode()


def invalid_field(name: str, constraint: str) -> Refusal:
    """Refuse a request because one of its fields breaks a constraint of the model."""
    message = f"1 validation error detected: Value at '{name}' failed to satisfy constraint: {constraint}"
    return Refusal("ValidationException", message, reason=FIELD_VALIDATION_FAILED, fields=((name, constraint),))


def unreadable(message: str) -> Refusal:
    """Refuse a request that can't be read at all."""
    return Refusal("ValidationException", message, reason=CANNOT_PARSE)


def not_found(message: str) -> Refusal:
    """Refuse a request for something that does not exist."""
    return Refusal("ResourceNotFoundException", message)


def runtime_failed(message: str) -> Refusal:
    """Refuse a request because the agent behind the front door failed."""
    return Refusal("RuntimeClientError", message)

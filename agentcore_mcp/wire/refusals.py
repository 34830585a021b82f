"""Error response → exception, with code, message, the problem with the credentials, and when to retry."""

from __future__ import annotations

import email.utils
import json
from datetime import UTC
from typing import TYPE_CHECKING, Any, Final

from agentcore_mcp.errors import AgentError, ServiceError
from agentcore_mcp.wire.challenges import auth_problem
from agentcore_mcp.wire.characters import valid_unicode
from agentcore_mcp.wire.headers import ERROR_TYPE_HEADER, REQUEST_ID_HEADER, media_type

if TYPE_CHECKING:
    from collections.abc import Mapping

    from agentcore_mcp.wire.challenges import Scheme

# The errors of the three operations in the service model.
STATUS_OF_CODE: Final = {
    "ValidationException": 400,
    "UnauthorizedException": 401,
    "ServiceQuotaExceededException": 402,
    "AccessDeniedException": 403,
    "ResourceNotFoundException": 404,
    "ConflictException": 409,
    "RetryableConflictException": 409,
    "RuntimeClientError": 424,
    "ThrottlingException": 429,
    "InternalServerException": 500,
}
# Errors that AWS returns before a request reaches its operation. No service model has them.
STATUS_OF_COMMON_CODE: Final = {
    "ExpiredTokenException": 403,
    "IncompleteSignatureException": 403,
    "InvalidSignatureException": 403,
    "MissingAuthenticationTokenException": 403,
    "UnrecognizedClientException": 403,
    "UnknownOperationException": 404,
}
# Why a request is a ValidationException.
CANNOT_PARSE = "CannotParse"
FIELD_VALIDATION_FAILED = "FieldValidationFailed"
IDEMPOTENT_PARAMETER_MISMATCH = "IdempotentParameterMismatchException"

# The code for a response without one. Of the two codes for 409 the retryable one is more common.
_CODE_OF_STATUS = {status: code for code, status in STATUS_OF_CODE.items()}
_AGENT_FAILED = "RuntimeClientError"
_UNKNOWN_OPERATION = "UnknownOperationException"

_AWS_HEADERS = "x-amzn-"

# How much of an unreadable error body goes into a message: enough to recognise a proxy's HTML page.
BODY_EXCERPT_CHARS = 300
# Longer than any error code of AWS's, and too short for most other text.
_CODE_MAX_CHARS = 128
# A year, longer than anybody waits. Larger values are clamped to this, to keep the arithmetic safe.
RETRY_AFTER_MAX_S = 31_536_000.0

_WEB_PAGES = ("text/html", "application/xhtml+xml")
FOREIGN = "it does not look like AgentCore's answer: something on the way gave it, or the endpoint URL leads elsewhere"
# The members of an error body, from AWS or from the runtime itself, that describe the error.
_TELLING_MEMBERS = {"message", "Message", "error", "__type", "code", "Code"}


def error_of_answer(
    status: int | None,
    headers: Mapping[str, str],
    body: bytes,
    *,
    now: float = 0.0,
    sent: Scheme | None = None,
    reason_phrase: str = "",
    session_id: str | None = None,
) -> ServiceError | AgentError:
    """Make the exception for a response that is not a success, or not from AgentCore.

    The code is looked for in ``x-amzn-errortype`` (cut at ``:``), then in the body's ``__type``, ``code`` or ``Code``.
    The text is the body's ``error`` or ``error.message``, else ``message`` or ``Message``, else the beginning of a body
    without these, else the reason phrase. A body with an ``error_type`` and no code is an error of the agent itself.

    The status is None for an error inside a stream that began with 200. Headers are looked up in lower case. The body
    may be empty or truncated. ``now``, in seconds since the epoch, is for a ``Retry-After`` that is a date.
    """
    parsed = members_in(body)
    code = code_in(headers) or bare_code(parsed.get("__type") or parsed.get("code") or parsed.get("Code"))
    own_type = _text(parsed.get("error_type"))
    error_type = code or own_type or (f"HTTP {status}" if status else "UnknownError")
    error, said = _error_and_message(parsed)
    error = error or (not parsed.get("__type") and _excerpt(body)) or reason_phrase or "the runtime gave no message"
    request_id = request_id_in(headers)
    if code == _AGENT_FAILED or (not code and (own_type or status == STATUS_OF_CODE[_AGENT_FAILED])):
        return AgentError(error, error_type, said, status=status, request_id=request_id, session_id=session_id)
    challenge = headers.get("www-authenticate", "")
    foreign = code == _UNKNOWN_OPERATION or not (_is_of_aws(headers, challenge) or parsed.keys() & _TELLING_MEMBERS)
    return ServiceError(
        error,
        error_type,
        FOREIGN if foreign else said,
        status=status,
        request_id=request_id,
        session_id=session_id,
        code=code or _CODE_OF_STATUS.get(status or 0, error_type),
        reason=_text(parsed.get("reason")) or None,
        fields=_fields(parsed.get("fieldList")),
        www_authenticate=challenge or None,
        auth_problem=None
        if foreign
        else auth_problem(status, f"{error} {said}", challenge, sent=sent, is_of_aws=request_id is not None),
        retry_after_s=retry_after_s(headers.get("retry-after", ""), now=now),
        foreign=foreign,
    )


def is_foreign_page(headers: Mapping[str, str]) -> bool:
    """Tell whether a successful answer is a web page that AgentCore did not send, such as a proxy's sign-in page."""
    return media_type(headers) in _WEB_PAGES and not _is_of_aws(headers, "")


def code_in(headers: Mapping[str, str]) -> str:
    """Return the error code in the headers of an answer, bare; "" without one."""
    return bare_code(headers.get(ERROR_TYPE_HEADER))


def bare_code(value: object) -> str:
    """Return the bare code of ``Code:http://…`` or ``namespace#Code``; "" for anything but a string."""
    return _text(value).partition(":")[0].rpartition("#")[2].strip()[:_CODE_MAX_CHARS]


def request_id_in(headers: Mapping[str, str]) -> str | None:
    """Return the id that AWS support asks for, when there is one."""
    return headers.get(REQUEST_ID_HEADER) or headers.get("x-amzn-request-id") or None


def retry_after_s(value: str, *, now: float) -> float | None:
    """Return the seconds to wait by a ``Retry-After`` header (RFC 9110, 10.2.3); None without a valid one.

    At most RETRY_AFTER_MAX_S.

    Args:
        value: The header's value, "" without one: seconds or a date.
        now: Seconds since the epoch.
    """
    text = value.strip()
    if text.isascii() and text.isdigit():
        return min(float(text), RETRY_AFTER_MAX_S)
    try:
        moment = email.utils.parsedate_to_datetime(text)
        # One date format has no time zone; all formats mean GMT.
        seconds = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() - now
        return min(max(0.0, seconds), RETRY_AFTER_MAX_S)
    except (ValueError, OverflowError):
        return None


def _is_of_aws(headers: Mapping[str, str], challenge: str) -> bool:
    """Tell whether a response has what only AWS sends: one of its headers, or the challenge of an OAuth runtime."""
    return challenge.lower().startswith("bearer") or any(name.startswith(_AWS_HEADERS) for name in headers)


def members_in(body: bytes) -> dict[str, Any]:
    """Return the members of a body that is a JSON object; empty for any other body."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    # AWS's front door wraps errors from before the operation is known: {"Output": {"__type": …}, "Version": "1.0"}
    inner = value.get("Output") if isinstance(value, dict) else None
    return inner if isinstance(inner, dict) else value if isinstance(value, dict) else {}


def _error_and_message(parsed: dict[str, Any]) -> tuple[str, str]:
    """Return the text of an error body, and its ``message`` if that says more; "" for a missing one."""
    error = parsed.get("error")
    named = _text(error.get("message") if isinstance(error, dict) else error)
    said = _text(parsed.get("message")) or _text(parsed.get("Message"))
    return (named, "" if said == named else said) if named else (said, "")


def _excerpt(body: bytes) -> str:
    text = " ".join(body[: 4 * BODY_EXCERPT_CHARS].decode("utf-8", "replace").split())
    if text == "{}":
        return ""
    return text if len(text) <= BODY_EXCERPT_CHARS else text[:BODY_EXCERPT_CHARS] + "…"


def _fields(value: object) -> tuple[tuple[str, str], ...]:
    if not isinstance(value, list):
        return ()
    return tuple((_text(item.get("name")), _text(item.get("message"))) for item in value if isinstance(item, dict))


def _text(value: object) -> str:
    """Return a text without the lone surrogates that JSON may escape: messages must be encodable as UTF-8."""
    return valid_unicode(value) if isinstance(value, str) else ""

"""An incoming request, and its claimed signature from the ``Authorization`` header or a presigned URL's query.

Only parsed here; `sigv4` verifies it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl, quote, urlencode

from agentcore_mcp.local.line.refusals import Refusal
from agentcore_mcp.wire.challenges import scheme_of
from agentcore_mcp.wire.limits import PRESIGNED_MAX_S, SIGNATURE_SKEW

if TYPE_CHECKING:
    from collections.abc import Mapping

ALGORITHM: Final = "AWS4-HMAC-SHA256"
TIME_FORMAT: Final = "%Y%m%dT%H%M%SZ"
_SECONDS = re.compile(r"[0-9]{1,9}")
_PARAMETER = re.compile(r"([A-Za-z-]+)=([^,\s]*)")


@dataclass(frozen=True, slots=True)
class Incoming:
    """A request as received.

    Attributes:
        method: ``GET`` for a WebSocket.
        path: Percent-encoded, as on the request line.
        query: The same, without the question mark.
        headers: Names in lower case.
        body: The whole body, where a signature covers it.
    """

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Claim:
    """The signature of a request and its parameters, from the header or the query.

    Attributes:
        scope: Day, region, service and terminator.
        query: The signed query, in its canonical form.
    """

    access_key_id: str
    scope: tuple[str, ...]
    signed_headers: tuple[str, ...]
    signature: str
    time: datetime
    valid_for: timedelta
    query: str

    @property
    def timestamp(self) -> str:
        """Return the time in its signed form."""
        return self.time.strftime(TIME_FORMAT)


def read_claim(request: Incoming) -> Claim:
    """Read the signature of a request and its parameters.

    Raises:
        Refusal: If the signature or a parameter is missing or malformed.
    """
    authorization = request.headers.get("authorization", "")
    if scheme_of(authorization) == "bearer":
        raise method_mismatch()
    if authorization.partition(" ")[0] == ALGORITHM:
        return _header_claim(authorization, request)
    if authorization:
        # The value is not quoted, as it may be a token sent in the wrong form.
        raise _incomplete(f"Unsupported AWS 'algorithm': the Authorization header must begin with {ALGORITHM}")
    if "X-Amz-Algorithm" in dict(parse_qsl(request.query, keep_blank_values=True)):
        return _query_claim(request)
    raise Refusal("MissingAuthenticationTokenException", "Missing Authentication Token")


def method_mismatch() -> Refusal:
    """Refuse a bearer token where a signature is expected, or the reverse. The message is the service's."""
    return Refusal(
        "AccessDeniedException",
        "Authorization method mismatch. The agent is configured for a different authorization method than what was "
        "used in your request. Check the agent's authorization configuration and ensure your request uses the "
        "matching method (OAuth or SigV4)",
    )


def invalid_signature(message: str) -> Refusal:
    """Refuse a request because its signature can't be right."""
    return Refusal("InvalidSignatureException", message)


def _header_claim(authorization: str, request: Incoming) -> Claim:
    parameters = dict(_PARAMETER.findall(authorization.partition(" ")[2]))
    missing = [name for name in ("Credential", "Signature", "SignedHeaders") if not parameters.get(name)]
    problems = [f"Authorization header requires '{name}' parameter." for name in missing]
    date = request.headers.get("x-amz-date") or request.headers.get("date")
    if not date:
        problems.append("Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.")
    if problems or not date:
        raise _incomplete(" ".join(problems))
    return _claim_of(parameters, _time(date), SIGNATURE_SKEW, parse_qsl(request.query, keep_blank_values=True))


def _query_claim(request: Incoming) -> Claim:
    pairs = parse_qsl(request.query, keep_blank_values=True)
    query = dict(pairs)
    required = ("Credential", "Date", "Expires", "Signature", "SignedHeaders")
    problems = [
        f"AWS query-string parameters must include 'X-Amz-{name}'."
        for name in required
        if not query.get(f"X-Amz-{name}")
    ]
    if problems:
        raise _incomplete(" ".join(problems))
    if query["X-Amz-Algorithm"] != ALGORITHM:
        raise _incomplete(f"Unsupported AWS 'algorithm': '{query['X-Amz-Algorithm']}'")
    expires = query["X-Amz-Expires"]
    if not _SECONDS.fullmatch(expires) or not 1 <= int(expires) <= PRESIGNED_MAX_S:
        raise invalid_signature(f"X-Amz-Expires must be between 1 and {PRESIGNED_MAX_S} seconds")
    unsigned = [pair for pair in pairs if pair[0] != "X-Amz-Signature"]
    parameters = {name: query[f"X-Amz-{name}"] for name in ("Credential", "Signature", "SignedHeaders")}
    return _claim_of(parameters, _time(query["X-Amz-Date"]), timedelta(seconds=int(expires)), unsigned)


def _claim_of(
    parameters: Mapping[str, str], time: datetime, valid_for: timedelta, query: list[tuple[str, str]]
) -> Claim:
    # Split from the right, as an access key id may contain a slash.
    credential = parameters["Credential"].rsplit("/", 4)
    if len(credential) != 5:
        raise _incomplete(
            "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term"
        )
    headers = tuple(parameters["SignedHeaders"].lower().split(";"))
    return Claim(
        credential[0],
        tuple(credential[1:]),
        headers,
        parameters["Signature"],
        time,
        valid_for,
        # Signed in canonical form, however the client encoded it.
        urlencode(query, quote_via=quote, safe="-_.~"),
    )


def _time(text: str) -> datetime:
    try:
        return datetime.strptime(text, TIME_FORMAT).replace(tzinfo=UTC)
    except ValueError:
        raise _incomplete(f"Date must be in ISO-8601 'basic format'. Got '{text}'.") from None


def _incomplete(message: str) -> Refusal:
    return Refusal("IncompleteSignatureException", message)

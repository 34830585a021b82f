"""What a refusal says besides its code: what is wrong with the credentials that were sent, and when to come back.

Refused credentials look alike: 401 or 403, with a code that says little. What tells them apart are the challenge, which
only a runtime with OAuth sends, and words, which come from captures of the real service reported in public:

- ``Authorization method mismatch. …``: AWS credentials where a token is expected, or the reverse
- ``Missing Authentication Token`` with a challenge: no token, or something that doesn't look like one
- ``OAuth authorization failed: Failed to parse token``: garbage
- ``Ineffectual token, will expire within the next minute``: expired, or nearly
- ``Claim 'client_id' value mismatch with configuration.``: for another client, audience, or from another issuer

Older answers put ``OAuth authorization failed:`` in front of each. Words that nobody has seen yet leave it open.
"""

from __future__ import annotations

import email.utils
import re
from datetime import UTC
from enum import StrEnum
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from agentcore_mcp.errors import ServiceError

Scheme = Literal["sigv4", "bearer"]

_METHOD_MISMATCH = re.compile(r"authorization method mismatch|requires oauth bearer", re.IGNORECASE)
_EXPIRED = re.compile(r"\bexpired?\b|ineffectual", re.IGNORECASE)
_UNREADABLE = re.compile(r"pars(?:e|ing)|malformed|missing authentication token", re.IGNORECASE)
_MISMATCH = re.compile(r"claim|audience|issuer|scope|signature verification|authorization denied", re.IGNORECASE)
# RFC 6750, 3: of a challenge only these two are for us. A URL in it may have any word in a runtime's name.
_CHALLENGE_WORDS = re.compile(r'\berror(?:_description)?="([^"]*)"')

# A year, which is longer than anybody waits. What asks for more gets this, so that it can be calculated with.
RETRY_AFTER_MAX_S = 31_536_000.0


class AuthProblem(StrEnum):
    """What is wrong with the credentials of a refused request, and so what has to change."""

    TOKEN_EXPECTED = "token_expected"  # noqa: S105 - a name
    """The runtime has OAuth, and no token was sent: give one instead of AWS credentials."""

    AWS_CREDENTIALS_EXPECTED = "aws_credentials_expected"
    """A token was sent, and the runtime has no OAuth: leave the token out."""

    TOKEN_EXPIRED = "token_expired"  # noqa: S105 - a name
    """The token is over, or will be within a minute: get a fresh one."""

    TOKEN_UNREADABLE = "token_unreadable"  # noqa: S105 - a name
    """It is no JWT, or not all of one: check where it comes from."""

    TOKEN_MISMATCH = "token_mismatch"  # noqa: S105 - a name
    """It is good, but not for this runtime: for another client, audience or scope, or from another issuer."""

    TOKEN_REFUSED = "token_refused"  # noqa: S105 - a name
    """The runtime has OAuth and does not take this token, and its words don't say why."""


def auth_problem(error: ServiceError, *, sent: Scheme | None) -> AuthProblem | None:
    """Tell what is wrong with the credentials of a refused request; None if that isn't it, or can't be told.

    A refusal for want of a permission is none of these.

    Args:
        error: The refusal.
        sent: What the request proved its sender with, as ``scheme_of`` says.
    """
    if error.status not in (401, 403):
        return None
    challenge = error.www_authenticate or ""
    has_oauth = challenge.lower().startswith("bearer") or error.error.startswith("OAuth authorization failed")
    if sent != "bearer":
        return AuthProblem.TOKEN_EXPECTED if has_oauth or _METHOD_MISMATCH.search(error.error) else None
    if _METHOD_MISMATCH.search(error.error):
        return AuthProblem.AWS_CREDENTIALS_EXPECTED
    if has_oauth or error.status == 401:
        words = " ".join([error.error, *_CHALLENGE_WORDS.findall(challenge)])
        return next((problem for pattern, problem in _BY_WORDS if pattern.search(words)), AuthProblem.TOKEN_REFUSED)
    # A runtime without OAuth doesn't know what a token is. Only AWS can tell that; a proxy may refuse anything.
    is_permission = "not authorized to perform" in error.error
    return AuthProblem.AWS_CREDENTIALS_EXPECTED if error.request_id and not is_permission else None


def scheme_of(authorization: str | None) -> Scheme | None:
    """Return what an Authorization header proves its sender with; None if there is none, or another."""
    scheme = (authorization or "").partition(" ")[0].lower()
    return "bearer" if scheme == "bearer" else "sigv4" if scheme.startswith("aws4-") else None


def retry_after_s(value: str, *, now: float) -> float | None:
    """Return after how many seconds a header ``Retry-After`` (RFC 9110, 10.2.3) asks to come back; None if it doesn't.

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
        # One form of it names no time zone; all of them mean GMT.
        seconds = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() - now
        return min(max(0.0, seconds), RETRY_AFTER_MAX_S)
    except (ValueError, OverflowError):
        return None


_BY_WORDS = (
    (_EXPIRED, AuthProblem.TOKEN_EXPIRED),
    (_UNREADABLE, AuthProblem.TOKEN_UNREADABLE),
    (_MISMATCH, AuthProblem.TOKEN_MISMATCH),
)

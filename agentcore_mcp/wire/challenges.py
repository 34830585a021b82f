"""What is wrong with the credentials that a request was sent with.

All refusals are a 401 or 403 with a generic code. The reason is in the challenge, which only a runtime with OAuth
sends, and in the message, whose texts come from publicly reported captures of the real service:

- ``Authorization method mismatch. …``: AWS credentials where a token is expected, or the reverse
- ``Missing Authentication Token`` with a challenge: no token, or something that doesn't look like one
- ``OAuth authorization failed: Failed to parse token``: garbage
- ``Ineffectual token, will expire within the next minute``: expired, or nearly
- ``Claim 'client_id' value mismatch with configuration.``: for another client, audience, or from another issuer

Older responses put ``OAuth authorization failed:`` in front of each. With any other text the reason stays unknown.
"""

from __future__ import annotations

import re
from typing import Literal

from agentcore_mcp.errors import AuthProblem

Scheme = Literal["sigv4", "bearer"]

_METHOD_MISMATCH = re.compile(r"authorization method mismatch|requires oauth bearer", re.IGNORECASE)
# RFC 6750, 3: only these two attributes matter. Others are skipped, as a URL with a runtime's name may hold any word.
_CHALLENGE_WORDS = re.compile(r'\berror(?:_description)?="([^"]*)"')
_PROBLEM_BY_WORDS = (
    (re.compile(r"\bexpired?\b|ineffectual", re.IGNORECASE), AuthProblem.TOKEN_EXPIRED),
    (re.compile(r"pars(?:e|ing)|malformed|missing authentication token", re.IGNORECASE), AuthProblem.TOKEN_UNREADABLE),
    (
        re.compile(r"claim|audience|issuer|scope|signature verification|authorization denied", re.IGNORECASE),
        AuthProblem.TOKEN_MISMATCH,
    ),
)


def scheme_of(authorization: str | None) -> Scheme | None:
    """Return the scheme of an Authorization header, SigV4 or bearer; None if it is missing or another."""
    scheme = (authorization or "").partition(" ")[0].lower()
    return "bearer" if scheme == "bearer" else "sigv4" if scheme.startswith("aws4-") else None


def auth_problem(
    status: int | None, words: str, challenge: str, *, sent: Scheme | None, is_of_aws: bool
) -> AuthProblem | None:
    """Return what is wrong with the credentials of a refused request; None if that is not the reason, or unknown.

    A missing permission is not a problem of the credentials. ``challenge`` is the header ``WWW-Authenticate``, ""
    without one; ``sent``, the scheme of the request; ``is_of_aws``, whether the response has an AWS request id.
    """
    if status not in (401, 403):
        return None
    has_oauth = challenge.lower().startswith("bearer") or words.startswith("OAuth authorization failed")
    if sent != "bearer":
        return AuthProblem.TOKEN_EXPECTED if has_oauth or _METHOD_MISMATCH.search(words) else None
    if _METHOD_MISMATCH.search(words):
        return AuthProblem.AWS_CREDENTIALS_EXPECTED
    if has_oauth or status == 401:
        words = " ".join([words, *_CHALLENGE_WORDS.findall(challenge)])
        found = (problem for pattern, problem in _PROBLEM_BY_WORDS if pattern.search(words))
        return next(found, AuthProblem.TOKEN_REFUSED)
    # A runtime without OAuth refuses any token. Trust only AWS's own response here: a proxy may refuse for any reason.
    is_permission = "not authorized to perform" in words
    return AuthProblem.AWS_CREDENTIALS_EXPECTED if is_of_aws and not is_permission else None

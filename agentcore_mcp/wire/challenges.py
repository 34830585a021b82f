"""What is wrong with the credentials that a request was sent with.

Refused credentials look alike: 401 or 403, with a code that says little. What tells them apart are the challenge, which
only a runtime with OAuth sends, and words, which come from captures of the real service reported in public:

- ``Authorization method mismatch. …``: AWS credentials where a token is expected, or the reverse
- ``Missing Authentication Token`` with a challenge: no token, or something that doesn't look like one
- ``OAuth authorization failed: Failed to parse token``: garbage
- ``Ineffectual token, will expire within the next minute``: expired, or nearly
- ``Claim 'client_id' value mismatch with configuration.``: for another client, audience, or from another issuer

Older answers put ``OAuth authorization failed:`` in front of each. Unknown words leave it open.
"""

from __future__ import annotations

import re
from typing import Literal

from agentcore_mcp.errors import AuthProblem

Scheme = Literal["sigv4", "bearer"]

_METHOD_MISMATCH = re.compile(r"authorization method mismatch|requires oauth bearer", re.IGNORECASE)
# RFC 6750, 3: of a challenge only these two are for us. A URL in it may have any word in a runtime's name.
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
    """Tell what is wrong with the credentials of a refused request; None if they are not the reason, or nothing tells.

    A missing permission is not a problem of the credentials. ``challenge`` is the header ``WWW-Authenticate``, ""
    without one; ``sent`` is what the request had; ``is_of_aws``, whether the answer has a request id of AWS's.
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
    # A runtime without OAuth doesn't know what a token is. Only AWS can tell that; a proxy may refuse anything.
    is_permission = "not authorized to perform" in words
    return AuthProblem.AWS_CREDENTIALS_EXPECTED if is_of_aws and not is_permission else None

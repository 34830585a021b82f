"""Access tokens: verifies them, and reads the caller from their claims.

PyJWT checks signatures and times. A token's own references to its key (``jku``, ``x5u``, ``jwk``) are ignored: keys
come from the configured issuer alone.
"""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

from agentcore_mcp.server.hosted.keys import IssuerKeys
from agentcore_mcp.server.hosted.principals import Principal

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx2

    from agentcore_mcp.config.hosted import Issuer, ServerAuth

# Larger than any issuer's tokens, and than what most proxies let through.
TOKEN_MAX_CHARS = 16_384


class TokenRefusedError(Exception):
    """A token was refused. The text says why, and quotes nothing of the token."""


class Tokens:
    """Checks tokens.

    Args:
        auth: The accepted issuers, and the rules for their tokens.
        public_url: The audience that a token must name, unless its issuer has another one configured.
        http: Fetches the issuers' keys.
        now: A monotonic clock, in seconds, for the age of the keys.
    """

    def __init__(
        self,
        auth: ServerAuth,
        public_url: str,
        http: httpx2.AsyncClient,
        *,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._auth = auth
        self._issuers = {issuer.issuer: (issuer, IssuerKeys(issuer, http, now=now)) for issuer in auth.issuers}
        # The SDK's own clients treat a URL with and without a trailing slash as one resource.
        self._audience = {public_url, public_url.rstrip("/"), public_url.rstrip("/") + "/"}

    async def principal(self, token: str) -> Principal:
        """Return the principal of a token.

        Raises:
            TokenRefusedError: If the token isn't valid here.
            KeysUnavailableError: If its issuer's keys can't be fetched.
        """
        import jwt

        if len(token) > TOKEN_MAX_CHARS:
            raise TokenRefusedError(f"the token has {len(token)} characters, and may have {TOKEN_MAX_CHARS}")
        try:
            header, claimed = (_unverified(part) for part in token.split(".")[:2])
        except (ValueError, RecursionError):
            raise TokenRefusedError("the token is no JWT") from None
        algorithm = header.get("alg")
        if algorithm not in self._auth.algorithms or "crit" in header:
            raise TokenRefusedError("the token is signed in a way that is not allowed here")
        name = claimed.get("iss")
        issuer, keys = self._issuers.get(name if isinstance(name, str) else "", (None, None))
        if issuer is None or keys is None:
            raise TokenRefusedError("the token is from an issuer that is not known here")
        key_id = header.get("kid")
        key = await keys.key(key_id if isinstance(key_id, str) else None, algorithm)
        if key is None:
            raise TokenRefusedError("the token is signed with a key that its issuer doesn't have")
        try:
            claims = jwt.decode(
                token,
                key,
                algorithms=[algorithm],
                issuer=issuer.issuer,
                leeway=self._auth.clock_skew_s,
                options={"require": ["exp", "iss"], "verify_aud": False},
            )
        except jwt.ExpiredSignatureError:
            raise TokenRefusedError("the token has expired") from None
        except (jwt.ImmatureSignatureError, jwt.InvalidIssuedAtError):
            raise TokenRefusedError("the token is not valid yet") from None
        except jwt.MissingRequiredClaimError as error:
            raise TokenRefusedError(f"the token has no claim {error.claim}") from None
        except (jwt.PyJWTError, OverflowError, RecursionError):  # OverflowError: a time out of range
            raise TokenRefusedError("the token's signature or one of its claims is wrong") from None
        self._check_use(claims, issuer)
        return self._principal(claims, issuer)

    def _check_use(self, claims: dict[str, Any], issuer: Issuer) -> None:
        wanted = set(issuer.audience) or self._audience
        if wanted.isdisjoint(_texts(claims.get(issuer.audience_claim))):
            raise TokenRefusedError(f"the token's claim {issuer.audience_claim} does not name this server")
        # Cognito's claim for the kind of token; an ID token tells an application who signed in, and grants nothing.
        if claims.get("token_use", "access") != "access":
            raise TokenRefusedError("the token is an id token; an access token is needed")

    def _principal(self, claims: dict[str, Any], issuer: Issuer) -> Principal:
        names = self._auth.claims
        client = _first(claims, names.client)
        # A program's own token may have no subject but its client. If a person's token lacks the configured claim, its
        # ``sub`` is another: with the client as subject, they would share everything with the client's other users.
        subject = _first(claims, names.subject) or (client if claims.get("sub") in (None, "", client) else "")
        if not subject:
            raise TokenRefusedError(f"the token has none of the claims {', '.join(names.subject)}")
        scopes = next((_texts(claims[name], split=True) for name in names.scopes if name in claims), [])
        scopes = [issuer.scope_prefix + scope for scope in scopes]
        groups = next((_texts(claims[name]) for name in names.groups if name in claims), [])
        return Principal(claims["iss"], subject, client, frozenset(scopes), frozenset(groups))


def _unverified(part: str) -> dict[str, Any]:
    """Return the unverified header or claims of a token, used only to choose the key that verifies them."""
    from jwt.utils import base64url_decode

    found = json.loads(base64url_decode(part))
    if not isinstance(found, dict):
        raise ValueError("no JSON object")  # noqa: TRY004 - of what is read
    return found


def _first(claims: dict[str, Any], names: tuple[str, ...]) -> str:
    return next((value for name in names if isinstance(value := claims.get(name), str) and value), "")


def _texts(value: object, *, split: bool = False) -> list[str]:
    """Return a claim that is a text or a list of texts as a list."""
    if isinstance(value, str):
        return value.split() if split else [value]
    return [text for text in value if isinstance(text, str)] if isinstance(value, list) else []

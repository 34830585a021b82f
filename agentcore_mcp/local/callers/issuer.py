"""A small OAuth authorization server, which issues the tokens that `bearer.TokenAuthorizer` accepts.

It stands in for Cognito or another provider: an OpenID discovery document, a key set, and a token endpoint for the
client-credentials grant. Its key lives as long as the process. It has two clients, of which only one may call the
runtimes, so that tests can see the other refused.
"""

from __future__ import annotations

import base64
import hmac
import json
import re
import time
import uuid
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl, unquote_plus

from agentcore_mcp.local.line.refusals import Refusal

if TYPE_CHECKING:
    from agentcore_mcp.local.line.exchange import Exchange

PATH: Final = "/_local/oauth"
ALGORITHM: Final = "RS256"
# Useful only for a local AgentCore, as their names say.
CLIENT_ID: Final = "local-client"
# A client that the provider knows and the runtimes refuse.
OTHER_CLIENT_ID: Final = "local-other-client"
CLIENT_SECRET: Final = "not-a-real-secret"  # noqa: S105  as it says
# Cognito's default.
LIFETIME_S: Final = 3600
LIFETIME_MAX_S: Final = 86_400
_SECONDS: Final = re.compile(r"[0-9]{1,9}")
_KEY_BITS: Final = 2048
_FORM_MAX_BYTES: Final = 16_384


class Issuer:
    """The authorization server.

    Attributes:
        url: Its issuer identifier, also the prefix of its URLs.
        public_key: The key that verifies its tokens.
        authorizer: A runtime's ``authorizerConfiguration`` for it.
    """

    def __init__(self, endpoint_url: str) -> None:
        # Imported now, so that no request waits for it; and not at the top, because most runs verify nothing.
        from cryptography.hazmat.primitives.asymmetric import rsa

        self.url = endpoint_url + PATH
        allowed = {"discoveryUrl": f"{self.url}/.well-known/openid-configuration", "allowedClients": [CLIENT_ID]}
        self.authorizer = {"customJWTAuthorizer": allowed}
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=_KEY_BITS)
        self.public_key = self._key.public_key()
        self._key_id = str(uuid.uuid4())

    async def answer(self, exchange: Exchange, method: str, path: str) -> None:
        """Answer a request to one of its URLs.

        Raises:
            Refusal: If there is no such URL, or the form is too long.
            ClientGoneError: If the client leaves before it has sent its whole form.
        """
        match method, path.removeprefix(PATH):
            case "GET", "/.well-known/openid-configuration":
                await exchange.answer_json(200, self._discovery())
            case "GET", "/jwks.json":
                await exchange.answer_json(200, self._key_set())
            case "POST", "/token":
                await self._token(exchange)
            case _:
                raise Refusal("UnknownOperationException", "the authorization server has no such address")

    def issue(
        self, client_id: str, *, subject: str | None = None, lifetime_s: int = LIFETIME_S, scope: str = ""
    ) -> str:
        """Return a new access token, with the claims of one from Cognito."""
        import jwt

        now = int(time.time())
        claims = {
            "iss": self.url,
            "sub": client_id if subject is None else subject,
            "client_id": client_id,
            "token_use": "access",
            "scope": scope,
            "iat": now,
            "exp": now + lifetime_s,
            "jti": str(uuid.uuid4()),
        }
        return jwt.encode(claims, self._key, ALGORITHM, headers={"kid": self._key_id})

    def _discovery(self) -> dict[str, Any]:
        return {
            "issuer": self.url,
            "token_endpoint": f"{self.url}/token",
            "jwks_uri": f"{self.url}/jwks.json",
            "grant_types_supported": ["client_credentials"],
            "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
            "response_types_supported": [],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": [ALGORITHM],
        }

    def _key_set(self) -> dict[str, Any]:
        from jwt.algorithms import RSAAlgorithm

        key = json.loads(RSAAlgorithm.to_jwk(self.public_key))
        return {"keys": [key | {"kid": self._key_id, "use": "sig", "alg": ALGORITHM}]}

    async def _token(self, exchange: Exchange) -> None:
        """Answer RFC 6749's client-credentials grant.

        ``lifetime_s`` and ``subject`` are our own additions to the form, so that a test can get an expired token, or a
        user's.
        """
        body = await exchange.read(_FORM_MAX_BYTES, field="body")
        form = dict(parse_qsl(body.decode("latin-1"), keep_blank_values=True))
        client_id, secret = _basic(exchange.headers.get("authorization", "")) or (
            form.get("client_id", ""),
            form.get("client_secret", ""),
        )
        if client_id not in {CLIENT_ID, OTHER_CLIENT_ID} or not hmac.compare_digest(
            secret.encode(), CLIENT_SECRET.encode()
        ):
            # The challenge matters only to clients that tried Basic; others ignore it.
            await exchange.answer_json(401, {"error": "invalid_client"}, [("www-authenticate", "Basic")])
            return
        if form.get("grant_type") != "client_credentials":
            await exchange.answer_json(400, {"error": "unsupported_grant_type"})
            return
        lifetime = form.get("lifetime_s", str(LIFETIME_S))
        if not _SECONDS.fullmatch(lifetime) or int(lifetime) > LIFETIME_MAX_S:
            description = f"lifetime_s is a whole number from 0 to {LIFETIME_MAX_S}"
            await exchange.answer_json(400, {"error": "invalid_request", "error_description": description})
            return
        token = self.issue(
            client_id, subject=form.get("subject"), lifetime_s=int(lifetime), scope=form.get("scope", "")
        )
        await exchange.answer_json(
            200,
            {"access_token": token, "token_type": "Bearer", "expires_in": int(lifetime)},
            [("cache-control", "no-store")],
        )


def _basic(authorization: str) -> tuple[str, str] | None:
    """Parse form-encoded client id and secret from HTTP Basic."""
    scheme, _, encoded = authorization.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        client_id, _, secret = base64.b64decode(encoded, validate=True).decode("ascii").partition(":")
    except ValueError:
        return "", ""
    return unquote_plus(client_id), unquote_plus(secret)

"""Bearer tokens as a runtime with OAuth checks them: parsed, signed by the issuer, not about to expire, right client.

Error responses are the service's, as quoted in public issues: a missing token and refused claims are 401 with a
challenge and a JSON-RPC body, a token that can't be parsed is 403. No public issue quotes the response to a wrong
signature; that text is ours.
"""

from __future__ import annotations

import base64
import json
import time
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qs, quote, unquote

from agentcore_mcp.local.callers.claims import Incoming, method_mismatch
from agentcore_mcp.local.callers.issuer import ALGORITHM, CLIENT_ID, Issuer
from agentcore_mcp.local.line.refusals import Refusal
from agentcore_mcp.wire.challenges import scheme_of
from agentcore_mcp.wire.ids import DEFAULT_QUALIFIER
from agentcore_mcp.wire.limits import TOKEN_MIN_LEFT_S
from agentcore_mcp.wire.operations import HARNESS, METADATA

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

# A browser can't set headers on a WebSocket; it sends its token as a subprotocol, in base64url without padding.
_SUBPROTOCOL: Final = "base64UrlBearerAuthorization."


class TokenAuthorizer:
    """Accepts the tokens that an issuer has issued to one client.

    Args:
        issuer: The issuer.
        now: Returns the time in Unix seconds.
    """

    def __init__(self, issuer: Issuer, *, now: Callable[[], float] = time.time) -> None:
        import jwt  # noqa: F401  now, so that no request waits for it

        self._issuer = issuer
        self._now = now

    def check(self, request: Incoming) -> None:
        """Return if the request has a valid token.

        Raises:
            Refusal: If it has not.
        """
        authorization = _authorization(request.headers)
        scheme, token = scheme_of(authorization), authorization.partition(" ")[2].strip()
        if scheme == "sigv4" or "X-Amz-Signature=" in request.query:
            if _harness_in(request):  # in its own words, which public issues quote
                raise Refusal("AccessDeniedException", "This harness requires OAuth Bearer token authentication.")
            raise method_mismatch()
        if scheme != "bearer" or not token:
            raise _unauthorized(request, "MissingAuthenticationTokenException", "Missing Authentication Token")
        claims = self._claims(request, token)
        expires = claims.get("exp")
        if type(expires) is not int or expires < self._now() + TOKEN_MIN_LEFT_S:
            raise _refused(request, "Ineffectual token, will expire within the next minute")
        for name, wanted in (("iss", self._issuer.url), ("client_id", CLIENT_ID)):
            if claims.get(name) != wanted:
                raise _refused(request, f"Claim '{name}' value mismatch with configuration.")

    def _claims(self, request: Incoming, token: str) -> dict[str, Any]:
        import jwt

        try:
            # Only the signature: the claims are checked above, in the service's order and with its error messages.
            claims: dict[str, Any] = json.loads(jwt.PyJWS().decode(token, self._issuer.public_key, [ALGORITHM]))
        except (jwt.InvalidSignatureError, jwt.InvalidAlgorithmError):
            raise _refused(request, "Token signature verification failed") from None
        except (jwt.InvalidTokenError, RecursionError):
            raise Refusal("AccessDeniedException", "OAuth authorization failed: Failed to parse token") from None
        return claims


def challenge(request: Incoming) -> str:
    """Return the challenge that leads a client to the issuer, by way of the runtime's metadata."""
    runtime = _harness_in(request) or request.path.split("/")[2]
    # One form for every spelling of the same runtime.
    url = f"http://{request.headers.get('host', '')}/runtimes/{quote(unquote(runtime), safe='')}/{METADATA.path}"
    return f'Bearer resource_metadata="{url}?qualifier={DEFAULT_QUALIFIER}"'


def _harness_in(request: Incoming) -> str:
    return parse_qs(request.query).get(HARNESS.arn_parameter, [""])[0]


def _authorization(headers: Mapping[str, str]) -> str:
    if "authorization" in headers:
        return headers["authorization"]
    for offered in headers.get("sec-websocket-protocol", "").split(","):
        if offered.strip().startswith(_SUBPROTOCOL):
            encoded = offered.strip().removeprefix(_SUBPROTOCOL)
            try:
                token = base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)).decode("ascii")
            except ValueError:
                token = encoded
            return f"Bearer {token}"
    return ""


def _refused(request: Incoming, message: str) -> Refusal:
    return _unauthorized(request, "UnrecognizedClientException", message)


def _unauthorized(request: Incoming, code: str, message: str) -> Refusal:
    return Refusal(code, message, challenge=challenge(request))

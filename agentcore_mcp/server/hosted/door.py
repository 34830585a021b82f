"""The door: every request to the MCP endpoint brings its own token, and is refused here if that isn't good enough.

As OAuth 2.1 and RFC 6750 have it, with the challenges that MCP clients start and widen their authorization by (RFC
9728). Tokens come in the Authorization header alone: in a query they would end up in logs, and a cookie is sent by any
web page.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from mcp.server.auth.middleware.auth_context import AuthContextMiddleware
from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser
from mcp.server.auth.routes import build_resource_metadata_url
from pydantic import AnyHttpUrl
from starlette.datastructures import Headers
from starlette.responses import JSONResponse

from agentcore_mcp.server.hosted.keys import AGAIN_S, KeysUnavailableError
from agentcore_mcp.server.hosted.principals import PrincipalToken
from agentcore_mcp.server.hosted.tokens import TokenRefusedError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from starlette.types import ASGIApp, Receive, Scope, Send

    from agentcore_mcp.server.hosted.policy import Policy
    from agentcore_mcp.server.hosted.principals import Principal
    from agentcore_mcp.server.hosted.tokens import Tokens


class Door:
    """Lets a request in with who makes it, or answers with what is missing.

    Args:
        app: What is behind.
        tokens: What checks tokens.
        policy: Which scopes every call needs.
        public_url: This server's own.
    """

    def __init__(self, app: ASGIApp, tokens: Tokens, policy: Policy, public_url: str) -> None:
        self._app = AuthContextMiddleware(app)
        self._tokens = tokens
        self._policy = policy
        self._metadata_url = str(build_resource_metadata_url(AnyHttpUrl(public_url)))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        refusal = await self._refusal(scope)
        await (self._app if refusal is None else refusal)(scope, receive, send)

    async def _refusal(self, scope: Scope) -> JSONResponse | None:
        """Put the principal into the scope, or return the answer that refuses the request."""
        if "access_token" in parse_qs(scope["query_string"].decode("latin-1"), keep_blank_values=True):
            return self.challenge(400, "invalid_request", "the token belongs into the Authorization header")
        given = Headers(scope=scope).getlist("authorization")
        if len(given) > 1:
            return self.challenge(400, "invalid_request", "there are several Authorization headers")
        scheme, _, token = "".join(given).strip().partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            # Without a token there is no error: a client that has none begins its authorization here (RFC 6750, 3.1).
            return self.challenge(401)
        try:
            principal = await self._tokens.principal(token.strip())
        except TokenRefusedError as error:
            return self.challenge(401, "invalid_token", str(error))
        except KeysUnavailableError:
            # Nothing is wrong with the token as far as is known, and another one would not help.
            body = {"error": "temporarily_unavailable", "error_description": "the issuer's keys can't be fetched"}
            return JSONResponse(body, 503, {"Retry-After": f"{AGAIN_S:.0f}"})
        if missing := self._policy.scopes_of("", None) - principal.scopes:
            return self.step_up(principal, missing)
        scope["user"] = AuthenticatedUser(
            PrincipalToken(
                token=principal.token,
                client_id=principal.client,
                scopes=sorted(principal.scopes),
                subject=principal.subject,
                claims={"iss": principal.issuer},
                principal=principal,
            )
        )
        return None

    def step_up(self, principal: Principal, missing: Iterable[str]) -> JSONResponse:
        """Return the answer to a call that needs more scopes: those held and those missing, to be asked for anew."""
        wanted = " ".join(sorted(missing))
        return self.challenge(
            403, "insufficient_scope", f"this needs the scope {wanted}", scopes=principal.scopes | set(missing)
        )

    def challenge(
        self, status: int, error: str = "", description: str = "", *, scopes: Iterable[str] | None = None
    ) -> JSONResponse:
        """Return a refusal with its challenge.

        Args:
            status: The HTTP status.
            error: The code of RFC 6750; "" for none.
            description: What is wrong, without quotation marks.
            scopes: What to ask the authorization server for; None is all that the tools need.
        """
        wanted = " ".join(sorted(self._policy.all_scopes if scopes is None else scopes))
        parameters = {
            "error": error,
            "error_description": description,
            "scope": wanted,
            "resource_metadata": self._metadata_url,
        }
        challenge = ", ".join(f'{name}="{value}"' for name, value in parameters.items() if value)
        body: dict[str, Any] = {"error": error or "unauthorized"}
        if description:
            body["error_description"] = description
        return JSONResponse(body, status, {"WWW-Authenticate": f"Bearer {challenge}"})

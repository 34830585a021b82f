"""The door: refuses requests to the MCP endpoint without a valid token of their own that has the required scopes.

Tokens are read from the Authorization header alone, as MCP requires: in a query string they would end up in logs, and a
browser sends cookies for any web page.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import parse_qs

from mcp.server.auth.middleware.auth_context import AuthContextMiddleware
from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser
from starlette.datastructures import Headers
from starlette.responses import JSONResponse

from agentcore_mcp.server.hosted.keys import AGAIN_S, KeysUnavailableError
from agentcore_mcp.server.hosted.principals import PrincipalToken
from agentcore_mcp.server.hosted.tokens import TokenRefusedError

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

    from agentcore_mcp.server.hosted.challenges import Challenges
    from agentcore_mcp.server.hosted.tokens import Tokens


class Door:
    """An app that passes a request on with its principal, or refuses it.

    Args:
        app: Answers the requests that are let in.
        tokens: Checks tokens.
        required: The scopes that every request needs.
        challenges: Makes the refusals.
    """

    def __init__(self, app: ASGIApp, tokens: Tokens, required: frozenset[str], challenges: Challenges) -> None:
        self._app = AuthContextMiddleware(app)
        self._tokens = tokens
        self._required = required
        self._challenges = challenges

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        refusal = await self._refusal(scope) if scope["type"] == "http" else None
        await (self._app if refusal is None else refusal)(scope, receive, send)

    async def _refusal(self, scope: Scope) -> JSONResponse | None:
        """Put the principal into the scope, or return the answer that refuses the request."""
        refusal = self._challenges.refusal
        query = scope["query_string"].decode("latin-1")
        if query and "access_token" in parse_qs(query, keep_blank_values=True):
            return refusal(400, "invalid_request", "the token belongs into the Authorization header")
        given = Headers(scope=scope).getlist("authorization")
        if len(given) > 1:
            return refusal(400, "invalid_request", "there are several Authorization headers")
        scheme, _, token = "".join(given).strip().partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            # Without a token there is no error: a client that has none begins its authorization here (RFC 6750, 3.1).
            return refusal(401)
        try:
            principal = await self._tokens.principal(token.strip())
        except TokenRefusedError as error:
            return refusal(401, "invalid_token", str(error))
        except KeysUnavailableError:
            # The token may well be valid, and another one would not help.
            body = {"error": "temporarily_unavailable", "error_description": "the issuer's keys can't be fetched"}
            return JSONResponse(body, 503, {"Retry-After": f"{AGAIN_S:.0f}"})
        if step_up := self._challenges.step_up(principal, self._required):
            return step_up
        scope["user"] = AuthenticatedUser(PrincipalToken.of(principal, token.strip()))
        return None

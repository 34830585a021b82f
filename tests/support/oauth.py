"""An OAuth authorization server with one client, as RFC 6749 has it, on a real socket."""

from __future__ import annotations

import base64
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, unquote_plus

from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

from tests.support.serving import serving
from tests.support.tokens import jwt_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from starlette.requests import Request

CLIENT_ID = "a client/with:everything"
# With each character that one of the two ways to send it would break if it were not encoded.
CLIENT_SECRET = "s3cret:%+ &=é/~\\"
SCOPES = frozenset({"agents/invoke", "agents/stop"})


@dataclass(slots=True)
class AuthorizationServer:
    """Issues JWTs to its client and counts them.

    Attributes:
        token_url: Its token endpoint, once it runs.
        expires_in: What it says about each token's lifetime; None says nothing.
        asked: The forms that came in.
    """

    token_url: str = ""
    expires_in: int | None = 3600
    asked: list[dict[str, list[str]]] = field(default_factory=list)

    async def token(self, request: Request) -> JSONResponse:
        """Serve the token endpoint."""
        assert request.headers["content-type"] == "application/x-www-form-urlencoded"
        form = parse_qs((await request.body()).decode("ascii"), strict_parsing=True)
        self.asked.append(form)
        client = [form.pop("client_id", [""])[0], form.pop("client_secret", [""])[0]]
        method, _, credentials = request.headers.get("authorization", "").partition(" ")
        if method == "Basic":
            assert client == ["", ""], "a client must not authenticate in two ways"
            client = [unquote_plus(part) for part in base64.b64decode(credentials).decode("ascii").split(":")]
        if client != [CLIENT_ID, CLIENT_SECRET]:
            return JSONResponse({"error": "invalid_client", "error_description": f"no {client[1]}!"}, 401)
        if form.pop("grant_type") != ["client_credentials"]:
            return JSONResponse({"error": "unsupported_grant_type"}, 400)
        scopes = form.pop("scope", [""])[0].split()
        if not SCOPES.issuperset(scopes):
            return JSONResponse({"error": "invalid_scope"}, 400)
        claims = {
            "sub": CLIENT_ID,
            "jti": str(len(self.asked)),
            "exp": int(time.time()) + 3600,
            "scope": scopes,
            **form,
        }
        lifetime = {} if self.expires_in is None else {"expires_in": self.expires_in}
        answer = {"access_token": jwt_of(**claims), "token_type": "Bearer", **lifetime}
        return JSONResponse(answer, headers={"Cache-Control": "no-store"})


@contextmanager
def authorization_server() -> Iterator[AuthorizationServer]:
    """Run one until the end of the block."""
    server = AuthorizationServer()
    app = Starlette(routes=[Route("/oauth2/token", server.token, methods=["POST"])])
    with serving(app) as port:
        server.token_url = f"http://127.0.0.1:{port}/oauth2/token"
        yield server

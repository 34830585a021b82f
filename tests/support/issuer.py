"""An OAuth authorization server whose keys rotate and whose endpoints fail on demand, on a real socket."""

from __future__ import annotations

import json
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm
from starlette.applications import Starlette
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from tests.support.serving import serving

if TYPE_CHECKING:
    from collections.abc import Iterator

    from starlette.requests import Request


@dataclass(slots=True)
class Key:
    """A key pair of an issuer."""

    kid: str
    algorithm: str
    private: Any

    def jwk(self) -> dict[str, Any]:
        kind = RSAAlgorithm if self.algorithm[0] in "RP" else ECAlgorithm
        return {**json.loads(kind.to_jwk(self.private.public_key())), "kid": self.kid, "use": "sig"}


def new_key(kid: str, algorithm: str = "ES256") -> Key:
    if algorithm[0] in "RP":
        return Key(kid, algorithm, rsa.generate_private_key(public_exponent=65537, key_size=2048))
    return Key(kid, algorithm, ec.generate_private_key(ec.SECP256R1()))


@dataclass(slots=True)
class TestIssuer:
    """Issues tokens; what it publishes can be altered and broken.

    Attributes:
        url: Its identifier.
        keys: What it publishes; the first signs.
        asked: The paths that were fetched.
        broken: Fetching the keys answers with this status, if set.
        metadata: Replaces members of its metadata.
        places: Where its metadata is found.
    """

    __test__ = False

    url: str = ""
    keys: list[Key] = field(default_factory=lambda: [new_key("first")])
    asked: list[str] = field(default_factory=list)
    broken: int | None = None
    metadata: dict[str, Any] = field(default_factory=dict)
    openid: bool = True
    jwks: Any = None

    async def discovery(self, request: Request) -> Response:
        self.asked.append(request.url.path)
        if self.openid != request.url.path.endswith("openid-configuration"):
            return Response(status_code=404)
        return JSONResponse({"issuer": self.url, "jwks_uri": f"{self.url}/jwks"} | self.metadata)

    async def key_set(self, request: Request) -> Response:
        self.asked.append(request.url.path)
        if self.broken is not None:
            return RedirectResponse("/jwks", self.broken) if self.broken == 302 else Response(status_code=self.broken)
        return JSONResponse({"keys": [key.jwk() for key in self.keys]} if self.jwks is None else self.jwks)

    @property
    def fetched(self) -> int:
        """How often the keys were fetched."""
        return self.asked.count("/jwks")

    def token(self, audience: Any = None, *, key: Key | None = None, headers: Any = None, **claims: Any) -> str:
        """Return an access token of "alice" who uses "app", good for an hour; None takes a claim out."""
        key = key or self.keys[0]
        now = int(time.time())
        all_claims = {
            "iss": self.url,
            "aud": audience,
            "sub": "alice",
            "client_id": "app",
            "iat": now,
            "exp": now + 3600,
        } | claims
        payload = {name: value for name, value in all_claims.items() if value is not None}
        return jwt.encode(payload, key.private, key.algorithm, headers={"kid": key.kid} | (headers or {}))


@contextmanager
def running_issuer() -> Iterator[TestIssuer]:
    """Run one until the end of the block."""
    issuer = TestIssuer()
    app = Starlette(
        routes=[
            Route("/.well-known/openid-configuration", issuer.discovery),
            Route("/.well-known/oauth-authorization-server", issuer.discovery),
            Route("/jwks", issuer.key_set),
        ]
    )
    with serving(app) as port:
        issuer.url = f"http://127.0.0.1:{port}"
        yield issuer

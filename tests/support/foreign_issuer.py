"""npm's ``oidc-provider``, a certified OpenID provider, as an authorization server that is not ours; and its browser.

It runs as a process of its own on loopback. Its one user, ``alice``, signs in as soon as she is asked to, and grants
what the test says.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from subprocess import PIPE
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlencode, urljoin

import anyio
import httpx2
from anyio.streams.buffered import BufferedByteReceiveStream
from jwt.algorithms import ECAlgorithm

from tests.support.issuer import Key, new_key
from tests.support.node import install, require_node
from tests.support.waiting import WAIT_S

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from anyio.abc import Process

FOLDER = Path(__file__).parent.parent / "issuers"
_MAX_LINE_BYTES = 65_536
SCOPES = ("agentcore:command", "agentcore:invoke", "agentcore:stop")
# Where a signed-in user is sent back to; nothing listens there, since the browser stops before.
REDIRECT_URL = "http://127.0.0.1:9/callback"
ROBOT = {
    "client_id": "robot",
    "client_secret": "obviously-not-a-real-secret-of-a-robot",
    "token_endpoint_auth_method": "client_secret_post",
    "grant_types": ["client_credentials"],
    "response_types": [],
    "redirect_uris": [],
}
APP = {
    "client_id": "app",
    "token_endpoint_auth_method": "none",
    "grant_types": ["authorization_code"],
    "response_types": ["code"],
    "redirect_uris": [REDIRECT_URL],
    "application_type": "native",
}


def require_foreign_issuer() -> None:
    """Skip the test where there is no Node that runs it, and install it where there is."""
    require_node(22)
    install(FOLDER)


@dataclass(slots=True)
class ForeignIssuer:
    """The running authorization server.

    Attributes:
        url: Its identifier.
        http: A client without cookies.
    """

    url: str
    http: httpx2.AsyncClient
    _process: Process
    _lines: BufferedByteReceiveStream
    _endpoints: dict[str, Any] = field(default_factory=dict)

    async def change(self, **plan: Any) -> None:
        """Change what it does from the next request on, as ``provider.mjs`` describes it."""
        assert self._process.stdin is not None
        with anyio.fail_after(WAIT_S):
            await self._process.stdin.send(json.dumps(plan).encode() + b"\n")
            await self._lines.receive_until(b"\n", _MAX_LINE_BYTES)

    async def publish(self, *keys: Key) -> None:
        """Publish these keys from now on, of which the first signs."""
        await self.change(keys=[_private_jwk(key) for key in keys])

    async def program_token(self, resource: str, *scopes: str) -> str:
        """Return the access token of a program, by client credentials (RFC 6749, 4.4)."""
        client = {name: str(ROBOT[name]) for name in ("client_id", "client_secret")}
        return await self._token(
            {"grant_type": "client_credentials", "scope": " ".join(scopes), "resource": resource, **client}
        )

    async def user_token(self, resource: str, *scopes: str) -> str:
        """Return an access token of alice, by authorization code with PKCE (RFC 7636)."""
        verifier = secrets.token_urlsafe(48)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        asked = {
            "response_type": "code",
            "client_id": APP["client_id"],
            "redirect_uri": REDIRECT_URL,
            "scope": " ".join(scopes),
            "resource": resource,
            "state": "state",
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        returned = await signed_in(f"{await self._endpoint('authorization_endpoint')}?{urlencode(asked)}")
        assert (returned["state"], returned["iss"]) == ("state", self.url), returned
        return await self._token(
            {
                "grant_type": "authorization_code",
                "code": returned["code"],
                "code_verifier": verifier,
                "redirect_uri": REDIRECT_URL,
                "client_id": str(APP["client_id"]),
                "resource": resource,
            }
        )

    async def _token(self, form: dict[str, str]) -> str:
        answer = await self.http.post(await self._endpoint("token_endpoint"), data=form)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["access_token"])

    async def _endpoint(self, name: str) -> str:
        if not self._endpoints:
            answer = await self.http.get(f"{self.url}/.well-known/openid-configuration")
            self._endpoints = answer.raise_for_status().json()
        return str(self._endpoints[name])


async def signed_in(url: str) -> dict[str, str]:
    """Be the browser: go where the authorization server leads, until it leads back to the client; return the query."""
    async with httpx2.AsyncClient(trust_env=False, timeout=WAIT_S) as browser:
        for _ in range(10):
            answer = await browser.get(url)
            assert answer.is_redirect, f"{answer.status_code}: {answer.text}"
            url = urljoin(url, answer.headers["location"])
            if url.startswith(REDIRECT_URL):
                return {name: values[0] for name, values in parse_qs(url.partition("?")[2]).items()}
    raise AssertionError(f"the browser is led in circles, at last to {url}")


@asynccontextmanager
async def foreign_issuer(key: Key | None = None, **plan: Any) -> AsyncIterator[ForeignIssuer]:
    """Run one until the end of the block, with the clients ``APP`` and ``ROBOT``; ``plan`` is for ``provider.mjs``."""
    keys = [_private_jwk(key or new_key("first"))]
    plan = {"clients": [APP, ROBOT], "keys": keys, "scopes": SCOPES, "granted": SCOPES} | plan
    process = await anyio.open_process(["node", "provider.mjs", json.dumps(plan)], cwd=FOLDER, stdin=PIPE, stderr=None)
    async with process, httpx2.AsyncClient(trust_env=False, timeout=WAIT_S) as http:
        assert process.stdout is not None
        lines = BufferedByteReceiveStream(process.stdout)
        try:
            with anyio.fail_after(WAIT_S):
                said = json.loads(await lines.receive_until(b"\n", _MAX_LINE_BYTES))
            yield ForeignIssuer(said["issuer"], http, process, lines)
        finally:
            if process.returncode is None:
                process.terminate()


def _private_jwk(key: Key) -> dict[str, Any]:
    return {**json.loads(ECAlgorithm.to_jwk(key.private)), "kid": key.kid, "use": "sig", "alg": key.algorithm}

"""Places that exchange a user's token for another, on a real socket: by RFC 8693, and as AgentCore Identity does."""

from __future__ import annotations

import base64
import json
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import botocore.session
import jwt
from botocore.validate import ParamValidator
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse
from starlette.routing import Route

from agentcore_mcp.local.callers.claims import Incoming
from agentcore_mcp.local.callers.sigv4 import KeyPair, SignatureAuthorizer
from agentcore_mcp.local.line.refusals import Refusal
from tests.support.aws import ACCESS_KEY_ID, SECRET_ACCESS_KEY
from tests.support.serving import serving

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from starlette.requests import Request

    from tests.support.issuer import TestIssuer

CLIENT_ID, CLIENT_SECRET = "exchanging-server", "not-a-real-secret"
WORKLOAD, PROVIDER = "agentcore-mcp", "company-login"
EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"
MODEL = botocore.session.Session().get_service_model("bedrock-agentcore")


@dataclass(slots=True)
class Exchange:
    """Exchanges the tokens of one issuer.

    Attributes:
        issuer: Whose.
        audience: What they have to name.
        give: Makes the token of a subject.
        asked: What it was asked for: forms, or the names and members of operations.
        refusal: Answered instead, if set.
        url: Where it is.
    """

    issuer: TestIssuer
    audience: str
    give: Callable[[str], str]
    asked: list[Any] = field(default_factory=list)
    refusal: tuple[int, dict[str, Any]] | None = None
    url: str = ""

    def subject_of(self, token: str) -> str:
        keys = jwt.PyJWKSet.from_dict({"keys": [key.jwk() for key in self.issuer.keys]})
        claims = jwt.decode(token, keys.keys[0], algorithms=["ES256"], audience=self.audience)
        return str(claims["sub"])

    async def token(self, request: Request) -> JSONResponse:
        """Serve a token endpoint."""
        form = {name: str(value) for name, value in (await request.form()).items()}
        self.asked.append(form)
        basic = base64.b64encode(f"{CLIENT_ID}:{CLIENT_SECRET}".encode()).decode()
        if request.headers.get("authorization") != f"Basic {basic}":
            return JSONResponse({"error": "invalid_client"}, 401)
        if self.refusal is not None:
            return JSONResponse(self.refusal[1], self.refusal[0])
        if form["grant_type"] == "client_credentials":
            return JSONResponse({"access_token": "actor-not-a-real-token", "token_type": "Bearer"})
        assert form["grant_type"] == EXCHANGE
        assert form["subject_token_type"] == ACCESS_TOKEN
        given = await run_in_threadpool(self.give, self.subject_of(form["subject_token"]))
        answer = {"access_token": given, "issued_token_type": ACCESS_TOKEN, "token_type": "Bearer", "expires_in": 3600}
        return JSONResponse(answer)

    async def identity(self, request: Request) -> JSONResponse:
        """Serve the two operations of AgentCore Identity, as strict as botocore's model of them."""
        body = await request.body()
        operation = next(
            MODEL.operation_model(name)
            for name in ("GetWorkloadAccessTokenForJWT", "GetResourceOauth2Token")
            if MODEL.operation_model(name).http["requestUri"] == request.url.path
        )
        incoming = Incoming(request.method, request.url.path, request.url.query, dict(request.headers), body)
        try:
            SignatureAuthorizer(KeyPair(ACCESS_KEY_ID, SECRET_ACCESS_KEY), "us-east-1").check(incoming)
        except Refusal as refusal:
            return JSONResponse({"message": str(refusal)}, 403, {"x-amzn-errortype": "AccessDeniedException"})
        members = json.loads(body)
        problems = ParamValidator().validate(members, operation.input_shape)
        assert not problems.has_errors(), problems.generate_report()
        self.asked.append((operation.name, members))
        if self.refusal is not None:
            status, answer = self.refusal
            return JSONResponse(answer, status, {"x-amzn-errortype": answer.get("code", "")} if status != 200 else None)
        if operation.name == "GetWorkloadAccessTokenForJWT":
            assert members["workloadName"] == WORKLOAD
            return JSONResponse({"workloadAccessToken": f"workload-for-{self.subject_of(members['userToken'])}"})
        flows = operation.input_shape.members["oauth2Flow"].enum
        assert members["oauth2Flow"] in flows
        assert members["oauth2Flow"] == "ON_BEHALF_OF_TOKEN_EXCHANGE"
        assert members["resourceCredentialProviderName"] == PROVIDER
        given = await run_in_threadpool(self.give, members["workloadIdentityToken"].removeprefix("workload-for-"))
        return JSONResponse({"accessToken": given})


@contextmanager
def exchanging(issuer: TestIssuer, audience: str, give: Callable[[str], str]) -> Iterator[Exchange]:
    """Run both until the end of the block."""
    exchange = Exchange(issuer, audience, give)
    app = Starlette(
        routes=[
            Route("/token", exchange.token, methods=["POST"]),
            Route("/identities/{rest:path}", exchange.identity, methods=["POST"]),
        ]
    )
    with serving(app) as port:
        exchange.url = f"http://127.0.0.1:{port}"
        yield exchange

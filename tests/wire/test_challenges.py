"""Refusals as the real service words them, and what was wrong with the credentials each time."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from agentcore_mcp.errors import AuthProblem, ServiceError
from agentcore_mcp.runtime import BearerAuth, SigV4Auth
from agentcore_mcp.wire.challenges import Scheme, scheme_of
from agentcore_mcp.wire.refusals import error_of_answer
from tests.support.aws import fake_session
from tests.support.clients import ARN, SESSION_ID, client_of
from tests.support.servers import Exchange, reply

if TYPE_CHECKING:
    import httpx2

# The runtime's name has words in it that mean something elsewhere.
CHALLENGE = (
    'Bearer resource_metadata="https://bedrock-agentcore.eu-west-1.amazonaws.com/runtimes/arn%3Aexpired-claim-parse/'
    'invocations/.well-known/oauth-protected-resource?qualifier=DEFAULT"'
)
MISMATCH = (
    "Authorization method mismatch. The agent is configured for a different authorization method than what was used in "
    "your request. Check the agent's authorization configuration and ensure your request uses the matching method "
    "(OAuth or SigV4)"
)


MISSING = '{"jsonrpc":"2.0","error":{"code":-32001,"message":"Missing Authentication Token"}}'


def rpc(message: str) -> str:
    return json.dumps({"jsonrpc": "2.0", "error": {"code": -32001, "message": message}})


def plain(message: str) -> str:
    return json.dumps({"message": message})


CASES: list[tuple[Scheme | None, int, str, str | None, AuthProblem | None]] = [
    # AWS credentials, or nothing.
    ("sigv4", 403, plain(MISMATCH), None, AuthProblem.TOKEN_EXPECTED),
    ("sigv4", 403, plain("This harness requires OAuth Bearer token authentication."), None, AuthProblem.TOKEN_EXPECTED),
    ("sigv4", 401, MISSING, CHALLENGE, AuthProblem.TOKEN_EXPECTED),
    (None, 401, MISSING, CHALLENGE, AuthProblem.TOKEN_EXPECTED),
    (None, 403, plain("Missing Authentication Token"), None, None),
    ("sigv4", 403, plain("User: arn:aws:iam::1:user/x is not authorized to perform: y on resource: z"), None, None),
    ("sigv4", 403, plain("The security token included in the request is expired"), None, None),
    ("sigv4", 401, "", "Negotiate", None),
    # A token.
    ("bearer", 403, plain(MISMATCH), None, AuthProblem.AWS_CREDENTIALS_EXPECTED),
    ("bearer", 403, plain("Forbidden"), None, AuthProblem.AWS_CREDENTIALS_EXPECTED),
    ("bearer", 403, "", None, AuthProblem.AWS_CREDENTIALS_EXPECTED),
    ("bearer", 403, plain("x is not authorized to perform: y on resource: z"), None, None),
    ("bearer", 403, plain("OAuth authorization failed: Failed to parse token"), None, AuthProblem.TOKEN_UNREADABLE),
    ("bearer", 401, MISSING, CHALLENGE, AuthProblem.TOKEN_UNREADABLE),
    (
        "bearer",
        403,
        plain("OAuth authorization failed: Ineffectual token, will expire within the next minute"),
        None,
        AuthProblem.TOKEN_EXPIRED,
    ),
    (
        "bearer",
        401,
        rpc("Ineffectual token, will expire within the next minute"),
        CHALLENGE,
        AuthProblem.TOKEN_EXPIRED,
    ),
    ("bearer", 401, rpc("Token has expired"), CHALLENGE, AuthProblem.TOKEN_EXPIRED),
    ("bearer", 401, "", 'Bearer error="invalid_token", error_description="expired"', AuthProblem.TOKEN_EXPIRED),
    (
        "bearer",
        401,
        rpc("Claim 'client_id' value mismatch with configuration."),
        CHALLENGE,
        AuthProblem.TOKEN_MISMATCH,
    ),
    ("bearer", 401, rpc("Claim 'aud' value mismatch with configuration"), CHALLENGE, AuthProblem.TOKEN_MISMATCH),
    ("bearer", 401, rpc("Token signature verification failed"), CHALLENGE, AuthProblem.TOKEN_MISMATCH),
    ("bearer", 403, "", 'Bearer error="insufficient_scope"', AuthProblem.TOKEN_MISMATCH),
    ("bearer", 401, rpc("Invalid Bearer token"), CHALLENGE, AuthProblem.TOKEN_REFUSED),
    ("bearer", 401, "", None, AuthProblem.TOKEN_REFUSED),
    # Anything else.
    ("bearer", 424, plain("Received error (401) from runtime. Token has expired"), None, None),
    ("bearer", 404, plain("No endpoint or agent found"), None, None),
    ("bearer", 429, plain("Rate exceeded: expired claim"), None, None),
    ("sigv4", 400, plain(MISMATCH), None, None),
]


@pytest.mark.parametrize(("sent", "status", "body", "challenge", "expected"), CASES)
def test_a_refusal_tells_what_is_wrong(
    sent: Scheme | None, status: int, body: str, challenge: str | None, expected: AuthProblem | None
) -> None:
    headers = {"x-amzn-requestid": "id", **({"www-authenticate": challenge} if challenge else {})}
    error = error_of_answer(status, headers, body.encode(), sent=sent, now=0.0)

    assert (error.auth_problem if isinstance(error, ServiceError) else None) is expected


@pytest.mark.parametrize(
    ("header", "scheme"),
    [
        ("Bearer abc", "bearer"),
        ("bearer abc", "bearer"),
        ("AWS4-HMAC-SHA256 Credential=x", "sigv4"),
        ("Basic abc", None),
        ("", None),
        (None, None),
    ],
)
def test_a_header_tells_its_scheme(header: str | None, scheme: Scheme | None) -> None:
    assert scheme_of(header) == scheme


@pytest.mark.parametrize(
    ("auth", "expected"),
    [
        (SigV4Auth(fake_session()), AuthProblem.TOKEN_EXPECTED),
        (BearerAuth("a.b.c"), AuthProblem.AWS_CREDENTIALS_EXPECTED),
    ],
)
async def test_the_error_of_a_call_carries_it(auth: httpx2.Auth, expected: AuthProblem) -> None:
    async def refuse(exchange: Exchange) -> None:
        await exchange.send(reply("403 Forbidden", plain(MISMATCH).encode(), content_type="application/json"))

    async with client_of(refuse, auth=auth) as (client, _):
        with pytest.raises(ServiceError) as caught:
            await client.stop_session(ARN, session_id=SESSION_ID)

    assert caught.value.auth_problem == expected

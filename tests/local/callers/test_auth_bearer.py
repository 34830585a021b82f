"""The local AgentCore's check of bearer tokens, against those of its issuer and of others."""

from __future__ import annotations

import base64
from dataclasses import replace
from typing import Any

import jwt
import pytest

from agentcore_mcp.local.callers.bearer import TokenAuthorizer
from agentcore_mcp.local.callers.claims import Incoming
from agentcore_mcp.local.callers.issuer import CLIENT_ID, OTHER_CLIENT_ID, Issuer
from agentcore_mcp.local.line.refusals import Refusal

RUNTIME = "arn%3Aaws%3Abedrock-agentcore%3Aus-east-1%3A123456789012%3Aruntime%2Flocal_agent-L0calAgent"
CHALLENGE = (
    f'Bearer resource_metadata="http://127.0.0.1:8080/runtimes/{RUNTIME}/invocations/.well-known/'
    'oauth-protected-resource?qualifier=DEFAULT"'
)

issuer = Issuer("http://127.0.0.1:8080")
stranger = Issuer("http://127.0.0.1:8080")
authorizer = TokenAuthorizer(issuer)


def incoming(authorization: str | None, *, query: str = "", runtime: str = RUNTIME) -> Incoming:
    headers = {"host": "127.0.0.1:8080"} | ({} if authorization is None else {"authorization": authorization})
    return Incoming("POST", f"/runtimes/{runtime}/commands", query, headers)


def refusal(authorization: str | None, **arguments: Any) -> Refusal:
    with pytest.raises(Refusal) as caught:
        authorizer.check(incoming(authorization, **arguments))
    return caught.value


def claims_of(token: str) -> dict[str, Any]:
    return jwt.decode(token, issuer.public_key, ["RS256"])


@pytest.mark.parametrize("scheme", ["Bearer", "bearer"])
def test_a_token_of_the_issuer_is_let_in(scheme: str) -> None:
    authorizer.check(incoming(f"{scheme} {issuer.issue(CLIENT_ID, scope='mcp/invoke')}"))


def test_a_browser_brings_its_token_as_a_subprotocol() -> None:
    """As the published SDK's documentation has it: base64url, without padding."""
    for token, code in ((issuer.issue(CLIENT_ID), None), ("not.a.token", "AccessDeniedException")):
        encoded = base64.urlsafe_b64encode(token.encode()).decode().rstrip("=")
        request = incoming(None)
        offered = f"mine, base64UrlBearerAuthorization.{encoded}, base64UrlBearerAuthorization"
        request = replace(request, headers={**request.headers, "sec-websocket-protocol": offered})
        if code is None:
            authorizer.check(request)
        else:
            with pytest.raises(Refusal, match=code):
                authorizer.check(request)


@pytest.mark.parametrize("encoded", ["", "é", "A", "_w"])
def test_a_subprotocol_that_is_no_base64_is_no_token(encoded: str) -> None:
    request = incoming(None)
    offered = {"sec-websocket-protocol": f"base64UrlBearerAuthorization.{encoded}"}
    with pytest.raises(Refusal) as caught:
        authorizer.check(replace(request, headers={**request.headers, **offered}))

    assert caught.value.status == (403 if encoded else 401)


@pytest.mark.parametrize("authorization", [None, "", "Bearer", "Bearer ", "Basic YTpi"])
def test_no_token_is_401_with_a_challenge_and_a_json_rpc_body(authorization: str | None) -> None:
    refused = refusal(authorization)

    assert refused.status == 401
    assert refused.challenge == CHALLENGE
    assert refused.body() == {"jsonrpc": "2.0", "error": {"code": -32001, "message": "Missing Authentication Token"}}


def test_the_challenge_names_the_runtime_in_one_spelling() -> None:
    spelled = RUNTIME.replace("%3A", ":")

    assert refusal(None, runtime=spelled).challenge == CHALLENGE


# A header of its own in JSON that no parser likes.
NESTED, LONG = ("[" * 20_000).encode(), (f'{{"alg": "RS256", "n": {"9" * 5_000}}}').encode()
HOSTILE = [f"{base64.urlsafe_b64encode(text).decode().rstrip('=')}.e30.AA" for text in (NESTED, LONG, b"\xff", b"[]")]


@pytest.mark.parametrize(
    "token", ["not.a.token", "garbage", "a.b.c.d", "é.é.é", "eyJhbGciOiJSUzI1NiJ9.e30", *HOSTILE], ids=lambda t: t[:20]
)
def test_what_is_no_token_is_403_without_a_challenge(token: str) -> None:
    refused = refusal(f"Bearer {token}")

    assert (refused.status, refused.code, refused.challenge) == (403, "AccessDeniedException", None)
    assert refused.message == "OAuth authorization failed: Failed to parse token"


def test_a_token_of_a_client_that_is_not_allowed_is_401_with_the_claim_named() -> None:
    refused = refusal(f"Bearer {issuer.issue(OTHER_CLIENT_ID)}")

    assert (refused.status, refused.challenge) == (401, CHALLENGE)
    assert refused.message == "Claim 'client_id' value mismatch with configuration."


def test_a_token_of_another_issuer_is_401_with_the_claim_named() -> None:
    token = jwt.encode(claims_of(issuer.issue(CLIENT_ID)) | {"iss": "https://elsewhere"}, issuer._key, "RS256")

    assert refusal(f"Bearer {token}").message == "Claim 'iss' value mismatch with configuration."


@pytest.mark.parametrize("lifetime_s", [-3600, 0, 59])
def test_a_token_that_expires_within_a_minute_is_401(lifetime_s: int) -> None:
    refused = refusal(f"Bearer {issuer.issue(CLIENT_ID, lifetime_s=lifetime_s)}")

    assert (refused.status, refused.challenge) == (401, CHALLENGE)
    assert refused.message == "Ineffectual token, will expire within the next minute"


def test_a_token_expires_while_time_passes() -> None:
    token = issuer.issue(CLIENT_ID, lifetime_s=3600)
    expires = claims_of(token)["exp"]
    TokenAuthorizer(issuer, now=lambda: expires - 60).check(incoming(f"Bearer {token}"))

    with pytest.raises(Refusal, match="Ineffectual token"):
        TokenAuthorizer(issuer, now=lambda: expires - 59.9).check(incoming(f"Bearer {token}"))


@pytest.mark.parametrize("expires", [None, "tomorrow", True])
def test_a_token_without_an_expiry_is_401(expires: object) -> None:
    token = jwt.encode(claims_of(issuer.issue(CLIENT_ID)) | {"exp": expires}, issuer._key, "RS256")

    assert refusal(f"Bearer {token}").message == "Ineffectual token, will expire within the next minute"


def test_a_token_that_somebody_else_has_signed_is_401() -> None:
    for token in (
        stranger.issue(CLIENT_ID),
        jwt.encode(claims_of(issuer.issue(CLIENT_ID)), "a secret of thirty-two bytes or more", "HS256"),
        jwt.encode(claims_of(issuer.issue(CLIENT_ID)), "", "none"),
        issuer.issue(CLIENT_ID)[:-10] + "AAAAAAAAAA",
    ):
        refused = refusal(f"Bearer {token}")

        assert (refused.status, refused.message) == (401, "Token signature verification failed")


@pytest.mark.parametrize(
    ("authorization", "query"),
    [
        ("AWS4-HMAC-SHA256 Credential=a/b/c/d/e, SignedHeaders=host, Signature=0", ""),
        (None, "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Signature=0"),
    ],
)
def test_a_signature_is_the_wrong_method(authorization: str | None, query: str) -> None:
    refused = refusal(authorization, query=query)

    assert (refused.status, refused.code, refused.challenge) == (403, "AccessDeniedException", None)
    assert refused.message.startswith("Authorization method mismatch.")

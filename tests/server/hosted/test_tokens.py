"""Access tokens: good ones say who calls, and every known way to forge one is refused."""

from __future__ import annotations

import base64
import hmac
import json
import time
from typing import TYPE_CHECKING, Any

import jwt
import pytest

from agentcore_mcp.config.hosted import ServerAuth
from agentcore_mcp.server.hosted.tokens import TokenRefusedError, Tokens
from tests.support.issuer import TestIssuer, new_key, running_issuer

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx2

URL = "https://mcp.example.com/mcp"


def tokens_of(issuer: TestIssuer, http: httpx2.AsyncClient, **auth: Any) -> Tokens:
    return Tokens(ServerAuth.model_validate({"issuers": [issuer.url], **auth}), URL, http)


async def test_a_good_token_says_who_calls(issuer: TestIssuer, http: httpx2.AsyncClient) -> None:
    token = issuer.token(URL, scope="agentcore:invoke agentcore:stop", groups=["admins"])

    principal = await tokens_of(issuer, http).principal(token)

    assert (principal.issuer, principal.subject, principal.client) == (issuer.url, "alice", "app")
    assert principal.scopes == {"agentcore:invoke", "agentcore:stop"}
    assert principal.groups == {"admins"}
    assert token not in repr(principal)


async def test_a_program_s_own_token_is_as_good_as_a_person_s(issuer: TestIssuer, http: httpx2.AsyncClient) -> None:
    principal = await tokens_of(issuer, http).principal(issuer.token(URL, sub=None, client_id="robot"))

    assert principal.subject == principal.client == "robot"


async def test_people_are_told_apart_by_issuer_subject_and_client(issuer: TestIssuer, http: httpx2.AsyncClient) -> None:
    tokens = tokens_of(issuer, http)
    alice = await tokens.principal(issuer.token(URL))
    again = await tokens.principal(issuer.token(URL, scope="more", jti="2"))
    bob = await tokens.principal(issuer.token(URL, sub="bob"))
    other_app = await tokens.principal(issuer.token(URL, client_id="another"))

    assert alice == again
    assert alice.key == again.key
    assert len({alice.key, bob.key, other_app.key}) == 3


@pytest.mark.parametrize("audience", [URL, URL + "/", ["https://other.example", URL]])
async def test_a_token_for_this_server_is_taken(issuer: TestIssuer, http: httpx2.AsyncClient, audience: Any) -> None:
    assert await tokens_of(issuer, http).principal(issuer.token(audience))


async def test_a_cognito_token_names_its_client_instead_of_an_audience(
    issuer: TestIssuer, http: httpx2.AsyncClient
) -> None:
    cognito = [{"issuer": issuer.url, "audience": ["app"], "audience_claim": "client_id"}]
    tokens = tokens_of(issuer, http, issuers=cognito)

    assert await tokens.principal(issuer.token(token_use="access"))
    with pytest.raises(TokenRefusedError, match="id token"):
        await tokens.principal(issuer.token(token_use="id"))
    with pytest.raises(TokenRefusedError, match="client_id"):
        await tokens.principal(issuer.token(client_id="another"))


async def test_scopes_have_the_names_that_clients_ask_for(issuer: TestIssuer, http: httpx2.AsyncClient) -> None:
    """Entra ID has short ones in its tokens, a text for people and a list of roles for programs."""
    entra = [{"issuer": issuer.url, "scope_prefix": f"{URL}/"}]
    tokens = tokens_of(issuer, http, issuers=entra, claims={"scopes": ["scp", "roles"]})

    for claims in ({"scp": "invoke stop"}, {"roles": ["invoke", "stop"]}):
        principal = await tokens.principal(issuer.token(URL, **claims))
        assert principal.scopes == {f"{URL}/invoke", f"{URL}/stop"}


@pytest.mark.parametrize("algorithm", ["RS256", "PS256"])
async def test_a_key_without_an_algorithm_serves_each_that_it_can(
    issuer: TestIssuer, http: httpx2.AsyncClient, algorithm: str
) -> None:
    issuer.keys = [new_key("rsa", algorithm)]

    assert await tokens_of(issuer, http).principal(issuer.token(URL))


def _unsigned(issuer: TestIssuer) -> str:
    return jwt.encode({"iss": issuer.url, "aud": URL, "sub": "alice", "exp": time.time() + 60}, "", "none")


def _signed_with_the_public_key(issuer: TestIssuer) -> str:
    """Key confusion: the public key, which anybody can fetch, as the secret of a symmetric algorithm."""
    secret = json.dumps(issuer.keys[0].jwk()).encode()
    claims = {"iss": issuer.url, "aud": URL, "sub": "alice", "exp": int(time.time()) + 60}
    # By hand: PyJWT refuses to sign so.
    signed = ".".join(map(_part, ({"alg": "HS256", "kid": issuer.keys[0].kid}, claims)))
    return f"{signed}.{_base64(hmac.digest(secret, signed.encode(), 'sha256'))}"


def _names_several_issuers(issuer: TestIssuer) -> str:
    claims = json.dumps({"iss": [issuer.url], "aud": URL, "sub": "alice", "exp": time.time() + 60}).encode()
    return jwt.api_jws.encode(claims, issuer.keys[0].private, "ES256", headers={"kid": "first"})


def _brings_its_own_key(issuer: TestIssuer) -> str:
    mine = new_key("mine")
    return issuer.token(URL, key=mine, headers={"jwk": mine.jwk(), "jku": "http://127.0.0.1:1/jwks", "x5u": "http://x"})


def _altered(issuer: TestIssuer) -> str:
    head, payload, signature = issuer.token(URL).split(".")
    claims = json.loads(base64.urlsafe_b64decode(payload + "=="))
    return f"{head}.{_part(claims | {'sub': 'root'})}.{signature}"


def _part(value: object) -> str:
    return _base64(json.dumps(value).encode())


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


@pytest.mark.parametrize(
    "forge",
    [
        _unsigned,
        _signed_with_the_public_key,
        _brings_its_own_key,
        _altered,
        _names_several_issuers,
        lambda issuer: issuer.token(URL, key=new_key("first")),
        lambda issuer: issuer.token("https://other.example/mcp"),
        lambda issuer: issuer.token(URL + "/other"),
        lambda issuer: issuer.token(None),
        lambda issuer: issuer.token({"https": URL}),
        lambda issuer: issuer.token(URL, iss="https://evil.example"),
        lambda issuer: issuer.token(URL, iss=issuer.url + "/"),
        lambda issuer: issuer.token(URL, exp=int(time.time()) - 31),
        lambda issuer: issuer.token(URL, exp=None),
        lambda issuer: issuer.token(URL, nbf=int(time.time()) + 90),
        lambda issuer: issuer.token(URL, iat=int(time.time()) + 90),
        lambda issuer: issuer.token(URL, sub=None, client_id=None),
        lambda issuer: issuer.token(URL, headers={"crit": ["b64"], "b64": True}),
        lambda issuer: issuer.token(URL, padding="x" * 20_000),
        lambda _: "",
        lambda _: "not.a.token",
        lambda _: "…",
        lambda _: "a.b.c.d.e",
        lambda _: _base64(b'{"alg":' + b"[" * 9_000) + ".e30.x",
    ],
)
async def test_a_token_that_is_not_good_is_refused_without_quoting_it(
    issuer: TestIssuer, http: httpx2.AsyncClient, forge: Callable[[TestIssuer], str]
) -> None:
    token = forge(issuer)

    with pytest.raises(TokenRefusedError) as refused:
        await tokens_of(issuer, http).principal(token)

    assert len(str(refused.value)) < 120
    assert "alice" not in str(refused.value)
    assert "example" not in str(refused.value)


@pytest.mark.parametrize("claims", [{"exp": -20}, {"nbf": 20}])
async def test_clocks_may_differ_by_half_a_minute(
    issuer: TestIssuer, http: httpx2.AsyncClient, claims: dict[str, int]
) -> None:
    around_now: dict[str, Any] = {name: int(time.time()) + offset for name, offset in claims.items()}

    assert await tokens_of(issuer, http).principal(issuer.token(URL, **around_now))


@pytest.mark.parametrize(
    "auth",
    [
        {"issuers": []},
        {"issuers": ["http://login.example.com"]},
        {"issuers": ["https://login.example.com?tenant=1"]},
        {"issuers": ["login.example.com"]},
        {"issuers": ["https://login.example.com"], "algorithms": ["HS256"]},
        {"issuers": ["https://login.example.com"], "algorithms": ["none"]},
        {"issuers": ["https://login.example.com"], "algorithms": []},
        {"issuers": ["https://login.example.com"], "clock_skew": 301},
        {"issuers": [{"issuer": "https://login.example.com", "jwks_url": "http://example.com/keys"}]},
        {"issuers": [{"issuer": "https://login.example.com", "audience": [""]}]},
        {"issuers": ["https://login.example.com", {"issuer": "https://login.example.com", "audience": ["api"]}]},
        {"issuers": ["https://login.example.com:99999"]},
        {"issuers": ["https://login .example.com"]},
        {"issuers": ["https://login.example.com/a\nb"]},
        {"issuers": ["https://login.example.com"], "claims": {"subject": []}},
        {"issuers": ["https://login.example.com"], "claims": {"subject": [""]}},
    ],
)
def test_settings_that_would_not_protect_are_refused(auth: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="validation error"):
        ServerAuth.model_validate(auth)


@pytest.mark.parametrize(
    "claims",
    [
        {"sub": 5},
        {"sub": ["alice"]},
        {"sub": "", "client_id": ["app"]},
        {"nbf": [1]},
        {"nbf": 1e400},
        {"iat": {"now": True}},
        {"exp": "soon"},
        {"exp": float("inf")},
        {"exp": float("nan")},
        {"exp": [9_999_999_999]},
        {"exp": True},
        {"audience": 5},
        {"audience": [5, None, {}]},
        {"token_use": ["access"]},
        {"groups": [f"group-{number}" for number in range(10_000)]},
    ],
)
async def test_odd_claims_of_an_issuer_are_refused_and_no_failure(
    issuer: TestIssuer, http: httpx2.AsyncClient, claims: dict[str, Any]
) -> None:
    # By hand: PyJWT signs no claims that it would refuse.
    given = {"iss": issuer.url, "aud": URL, "sub": "alice", "client_id": "app", "exp": int(time.time()) + 60} | claims
    if "audience" in given:
        given["aud"] = given.pop("audience")
    token = jwt.api_jws.encode(json.dumps(given).encode(), issuer.keys[0].private, "ES256", headers={"kid": "first"})

    with pytest.raises(TokenRefusedError):
        await tokens_of(issuer, http).principal(token)


@pytest.mark.parametrize(
    ("claims", "scopes", "groups"),
    [
        ({}, set(), set()),
        ({"scope": 5, "groups": {"admins": True}}, set(), set()),
        ({"scope": [["a"]], "groups": "admins"}, set(), {"admins"}),
        ({"scp": ["a", 5, None, "b c"], "roles": ["r", ["s"]]}, {"a", "b c"}, {"r"}),
        ({"scope": " a\tb\n", "cognito:groups": ["g"], "roles": ["r"]}, {"a", "b"}, {"g"}),
        ({"groups": [f"g{number}" for number in range(1_000)]}, set(), {f"g{number}" for number in range(1_000)}),
        ({"groups": ["\ud800", ""]}, set(), {"\ud800", ""}),
    ],
)
async def test_scopes_and_groups_are_texts_or_are_not_there(
    issuer: TestIssuer, http: httpx2.AsyncClient, claims: dict[str, Any], scopes: set[str], groups: set[str]
) -> None:
    principal = await tokens_of(issuer, http).principal(issuer.token(URL, **claims))

    assert principal.scopes == scopes
    assert principal.groups == groups


async def test_somebody_whose_name_is_half_a_character_is_somebody(
    issuer: TestIssuer, http: httpx2.AsyncClient
) -> None:
    principal = await tokens_of(issuer, http).principal(issuer.token(URL, sub="\ud800"))

    assert len(principal.key) == 32


async def test_people_who_lack_the_configured_claim_are_not_one_with_all_others_of_their_client(
    issuer: TestIssuer, http: httpx2.AsyncClient
) -> None:
    tokens = tokens_of(issuer, http, claims={"subject": ["email"]})

    assert (await tokens.principal(issuer.token(URL, email="alice@example.com"))).subject == "alice@example.com"
    with pytest.raises(TokenRefusedError, match="none of the claims email"):
        await tokens.principal(issuer.token(URL))
    for sub in (None, "app"):
        assert (await tokens.principal(issuer.token(URL, sub=sub))).subject == "app"


async def test_each_issuer_has_audiences_of_its_own(issuer: TestIssuer, http: httpx2.AsyncClient) -> None:
    with running_issuer() as other:
        issuers = [issuer.url, {"issuer": other.url, "audience": ["api://1", "api://2"], "audience_claim": "aud"}]
        tokens = tokens_of(issuer, http, issuers=issuers)

        assert (await tokens.principal(issuer.token(URL))).issuer == issuer.url
        assert (await tokens.principal(other.token(["api://2"]))).issuer == other.url
        for token in (
            issuer.token("api://1"),
            other.token(URL),
            other.token("api://1", iss=issuer.url),
            other.token("api://1", key=issuer.keys[0]),
        ):
            with pytest.raises(TokenRefusedError):
                await tokens.principal(token)

"""The keys of an issuer: fetched once, kept, rotated, and never because a token says so too often."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest

from agentcore_mcp.config.hosted import Issuer
from agentcore_mcp.server.hosted.keys import AGAIN_S, FRESH_S, STALE_S, IssuerKeys, KeysUnavailableError
from tests.support.issuer import TestIssuer, new_key
from tests.support.servers import Exchange, loopback_server, reply
from tests.support.waiting import WAIT_S

if TYPE_CHECKING:
    import httpx2


class Clock:
    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def keys(issuer: TestIssuer, http: httpx2.AsyncClient, clock: Clock) -> IssuerKeys:
    return IssuerKeys(Issuer(issuer=issuer.url), http, now=clock)


async def test_many_tokens_at_once_cost_one_fetch(issuer: TestIssuer, keys: IssuerKeys) -> None:
    found = await asyncio.gather(*(keys.key("first", "ES256") for _ in range(50)))

    assert all(found)
    assert issuer.fetched == 1


async def test_many_tokens_with_an_unknown_key_cost_one_fetch(
    issuer: TestIssuer, keys: IssuerKeys, clock: Clock
) -> None:
    await keys.key("first", "ES256")
    clock.seconds = AGAIN_S

    assert await asyncio.gather(*(keys.key(f"made-up-{number}", "ES256") for number in range(100))) == [None] * 100
    assert issuer.fetched == 2


async def test_while_an_issuer_takes_its_time_its_old_keys_are_used(http: httpx2.AsyncClient, clock: Clock) -> None:
    answering, going_on = asyncio.Event(), asyncio.Event()
    going_on.set()
    jwks = json.dumps({"keys": [new_key("first").jwk()]}).encode()

    async def answer(exchange: Exchange) -> None:
        answering.set()
        await going_on.wait()
        await exchange.send(reply(body=jwks, content_type="application/json"))

    async with asyncio.timeout(WAIT_S), loopback_server(answer) as server:
        keys = IssuerKeys(Issuer(issuer=server.endpoint_url, jwks_url=server.endpoint_url), http, now=clock)
        await keys.key("first", "ES256")
        clock.seconds = FRESH_S + 1
        answering.clear()
        going_on.clear()
        fetching = asyncio.create_task(keys.key("first", "ES256"))
        await answering.wait()

        assert all(await asyncio.gather(*(keys.key("first", "ES256") for _ in range(100))))
        assert not fetching.done()
        going_on.set()
        assert await fetching
    assert len(server.requests) == 2


async def test_after_days_without_a_call_all_wait_for_the_keys(
    issuer: TestIssuer, keys: IssuerKeys, clock: Clock
) -> None:
    await keys.key("first", "ES256")
    clock.seconds = 3 * STALE_S

    assert all(await asyncio.gather(*(keys.key("first", "ES256") for _ in range(50))))
    assert issuer.fetched == 2


@pytest.mark.parametrize("openid", [False, True])
async def test_metadata_of_either_kind_will_do(issuer: TestIssuer, keys: IssuerKeys, openid: bool) -> None:
    issuer.openid = openid

    assert await keys.key("first", "ES256")
    tried = ["/.well-known/oauth-authorization-server", *(["/.well-known/openid-configuration"] if openid else [])]
    assert issuer.asked == [*tried, "/jwks"]


@pytest.mark.parametrize(
    "place",
    [
        "/.well-known/oauth-authorization-server/tenant/v2.0",
        "/.well-known/openid-configuration/tenant/v2.0",
        "/tenant/v2.0/.well-known/openid-configuration",
    ],
)
async def test_the_metadata_of_an_issuer_with_a_path_are_found_wherever_they_may_be(
    http: httpx2.AsyncClient, place: str
) -> None:
    async def answer(exchange: Exchange) -> None:
        documents = {
            place: {"issuer": issuer, "jwks_uri": f"{server.endpoint_url}/jwks"},
            "/jwks": {"keys": [new_key("first").jwk()]},
        }
        document = documents.get(exchange.request.target)
        status = "404 Not Found" if document is None else "200 OK"
        await exchange.send(reply(status, json.dumps(document).encode(), content_type="application/json"))

    async with asyncio.timeout(WAIT_S), loopback_server(answer) as server:
        issuer = f"{server.endpoint_url}/tenant/v2.0"
        assert await IssuerKeys(Issuer(issuer=issuer), http).key("first", "ES256")


async def test_a_page_in_the_place_of_metadata_is_passed_over(http: httpx2.AsyncClient) -> None:
    """Sites answer any path with their start page."""

    async def site(exchange: Exchange) -> None:
        path = exchange.request.target
        found: dict[str, Any] = {}
        if path.endswith("openid-configuration"):
            found = {"issuer": server.endpoint_url, "jwks_uri": f"{server.endpoint_url}/jwks"}
        elif path == "/jwks":
            found = {"keys": [new_key("first").jwk()]}
        await exchange.send(reply(body=json.dumps(found).encode() if found else b"<!doctype html>"))

    async with loopback_server(site) as server:
        assert await IssuerKeys(Issuer(issuer=server.endpoint_url), http).key("first", "ES256")


async def test_a_new_key_is_found_at_its_first_token(issuer: TestIssuer, keys: IssuerKeys, clock: Clock) -> None:
    await keys.key("first", "ES256")
    issuer.keys.insert(0, new_key("second"))
    clock.seconds = AGAIN_S

    assert await keys.key("second", "ES256")
    assert issuer.fetched == 2


async def test_made_up_key_ids_cost_no_more_than_a_fetch_every_30_s(
    issuer: TestIssuer, keys: IssuerKeys, clock: Clock
) -> None:
    await keys.key("first", "ES256")
    for second in range(61):
        clock.seconds = float(second)
        assert await keys.key(f"made-up-{second}", "ES256") is None

    assert issuer.fetched == 3


async def test_a_withdrawn_key_is_good_until_the_keys_are_fetched_again(
    issuer: TestIssuer, keys: IssuerKeys, clock: Clock
) -> None:
    await keys.key("first", "ES256")
    issuer.keys = [new_key("second")]
    clock.seconds = FRESH_S
    assert await keys.key("first", "ES256")
    clock.seconds = FRESH_S + 1

    assert await keys.key("first", "ES256") is None


@pytest.mark.parametrize("broken", [500, 404, 302])
async def test_while_an_issuer_fails_its_last_keys_are_good_for_a_day(
    issuer: TestIssuer, keys: IssuerKeys, clock: Clock, broken: int
) -> None:
    await keys.key("first", "ES256")
    issuer.broken = broken
    clock.seconds = STALE_S

    assert await keys.key("first", "ES256")
    clock.seconds = STALE_S + AGAIN_S
    with pytest.raises(KeysUnavailableError):
        await keys.key("first", "ES256")
    issuer.broken = None
    clock.seconds += AGAIN_S
    assert await keys.key("first", "ES256")


async def test_an_empty_key_set_is_a_failure_and_no_withdrawal(
    issuer: TestIssuer, keys: IssuerKeys, clock: Clock
) -> None:
    await keys.key("first", "ES256")
    issuer.jwks = {"keys": []}
    clock.seconds = FRESH_S + 1

    assert await keys.key("first", "ES256")
    assert issuer.fetched == 2


async def test_an_issuer_that_never_answered_is_unavailable_and_not_asked_for_every_token(
    issuer: TestIssuer, keys: IssuerKeys
) -> None:
    issuer.broken = 503
    for _ in range(5):
        with pytest.raises(KeysUnavailableError):
            await keys.key("first", "ES256")

    assert issuer.fetched == 1


@pytest.mark.parametrize(
    "metadata",
    [
        {"issuer": "https://another.example"},
        {"jwks_uri": None},
        {"jwks_uri": "http://169.254.169.254/latest/meta-data"},
        {"jwks_uri": "file:///etc/passwd"},
        {"jwks_uri": "http://example.com/jwks"},
    ],
)
async def test_metadata_that_leads_elsewhere_is_not_followed(
    issuer: TestIssuer, keys: IssuerKeys, metadata: dict[str, Any]
) -> None:
    issuer.metadata = metadata

    with pytest.raises(KeysUnavailableError):
        await keys.key("first", "ES256")
    assert issuer.fetched == 0


@pytest.mark.parametrize(
    "jwks",
    [
        [],
        {},
        {"keys": {}},
        {"keys": ["key", None, {"kid": "first"}, {"kid": "first", "kty": "oct", "k": "c2VjcmV0"}]},
        {"keys": [{"kid": "first", "kty": "EC", "crv": "P-256", "x": "!", "y": "?"}]},
        {"keys": "x" * 300_000},
        {"keys": [{"kid": ["first"], "kty": "EC"}, {"kid": {}}, {"kid": 5}]},
    ],
)
async def test_a_key_set_of_rubbish_has_no_key(issuer: TestIssuer, keys: IssuerKeys, jwks: Any) -> None:
    issuer.jwks = jwks
    try:
        found = await keys.key("first", "ES256")
    except KeysUnavailableError:
        found = None

    assert found is None


async def test_a_key_is_not_good_for_another_algorithm(issuer: TestIssuer, keys: IssuerKeys) -> None:
    assert await keys.key("first", "RS256") is None
    assert await keys.key("first", "HS256") is None

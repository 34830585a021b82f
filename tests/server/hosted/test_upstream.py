"""Who an agent is told is calling: over a hosted server, from a caller's token to what reaches a local AgentCore."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import httpx2
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

from agentcore_mcp.config import Agent, Settings
from agentcore_mcp.errors import CredentialsError
from agentcore_mcp.local import LocalAgentCore
from agentcore_mcp.runtime.auth.tokens import Token, read_claims
from agentcore_mcp.server.hosted.principals import Principal
from agentcore_mcp.server.hosted.upstream import KEPT_MAX, CallerAuth, passed_through, user_id_of
from tests.support.aws import ACCESS_KEY_ID, SECRET_ACCESS_KEY
from tests.support.exchange import (
    ACCESS_TOKEN,
    CLIENT_ID,
    CLIENT_SECRET,
    EXCHANGE,
    PROVIDER,
    WORKLOAD,
    Exchange as TokenExchange,
    exchanging,
)
from tests.support.hosted import PUBLIC_URL as URL, SCOPES
from tests.support.mcp_hosts import http_server
from tests.support.principals import ALICE, BOB, calling_as
from tests.support.servers import Exchange, LoopbackServer, loopback_server, reply
from tests.support.tokens import held, jwt_of
from tests.support.waiting import WAIT_S

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path

    from tests.support.issuer import TestIssuer

    Hosted = Callable[..., AbstractAsyncContextManager[str]]

ARN = "arn:aws:bedrock-agentcore:us-east-1:123456789012:runtime/agent-0123456789"
PROBE = "tests.support.agents.probe:app"
# botocore's own setting, such as for a VPC endpoint.
IDENTITY_URL = "AWS_ENDPOINT_URL_BEDROCK_AGENTCORE"
USER = "x-amzn-bedrock-agentcore-runtime-user-id"


@pytest.fixture(scope="module")
def local() -> Iterator[LocalAgentCore]:
    """A runtime whose callers need tokens of its own issuer, and whose agent sees them."""
    with LocalAgentCore(app=PROBE, auth="jwt", allowed_headers=["Authorization"], idle_timeout_s=60) as local:
        yield local


@pytest.fixture
def exchange(issuer: TestIssuer, local: LocalAgentCore) -> Iterator[TokenExchange]:
    with exchanging(issuer, URL, local.token) as exchange:
        yield exchange


@pytest.fixture
def hosted(tmp_path: Path) -> Hosted:
    """Give what runs a server for the people of some issuers, with one agent."""

    @asynccontextmanager
    async def run(issuers: list[Any], identity_url: str = "", **agent: Any) -> AsyncIterator[str]:
        server = {"public_url": URL, "auth": {"issuers": issuers}}
        config = tmp_path / "config.toml"
        config.write_text(f"server = {toml(server)}\nagents.agent = {toml(agent)}\n", "utf-8")
        keys = {"AWS_ACCESS_KEY_ID": ACCESS_KEY_ID, "AWS_SECRET_ACCESS_KEY": SECRET_ACCESS_KEY}
        async with http_server("--config", str(config), env=keys | {IDENTITY_URL: identity_url}) as url:
            yield url

    return run


def toml(value: Any) -> str:
    """Return a value as TOML writes it on one line."""
    match value:
        case dict():
            return f"{{{', '.join(f'{key} = {toml(inner)}' for key, inner in value.items())}}}"
        case list():
            return f"[{', '.join(map(toml, value))}]"
        case _:
            return json.dumps(value)


@asynccontextmanager
async def calling(url: str, token: str) -> AsyncIterator[Client]:
    headers = {"Authorization": f"Bearer {token}"}
    async with (
        httpx2.AsyncClient(headers=headers, timeout=WAIT_S) as http,
        Client(streamable_http_client(url, http_client=http), mode="2026-07-28") as client,
    ):
        yield client


async def ask(url: str, token: str, prompt: str = "echo") -> str:
    async with calling(url, token) as client:
        return text_of(await client.call_tool("invoke_agent", {"prompt": prompt}))


def text_of(result: Any) -> str:
    return "".join(block.text for block in result.content if block.type == "text")


def at(local: LocalAgentCore, **auth: Any) -> dict[str, Any]:
    """Return the settings of an agent that shows the token it was called with."""
    return {
        "arn": local.agent_runtime_arn,
        "endpoint_url": local.endpoint_url,
        "auth": auth,
        "payload": {"do": "{prompt}"},
        "response": "headers.authorization",
    }


def by_rfc_8693(exchange: TokenExchange, **more: Any) -> dict[str, Any]:
    client = {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}
    return {"token_exchange": {"token_url": f"{exchange.url}/token", **client, **more}}


def by_identity(**more: Any) -> dict[str, Any]:
    names = {"workload_name": WORKLOAD, "credential_provider_name": PROVIDER}
    return {"agentcore_identity": {**names, **more}}


def claims_in(text: str) -> dict[str, Any]:
    """Return the claims of the token that the agent has seen."""
    assert text.startswith("Bearer "), text
    return read_claims(text.split()[1])


@asynccontextmanager
async def recorded() -> AsyncIterator[LoopbackServer]:
    async def answer(exchange: Exchange) -> None:
        await exchange.send(reply(body=b'"hello"', content_type="application/json"))

    async with loopback_server(answer) as runtime:
        yield runtime


async def test_the_runtime_is_told_the_user_of_the_callers_token(hosted: Hosted, issuer: TestIssuer) -> None:
    async with (
        recorded() as runtime,
        hosted([issuer.url], arn=ARN, endpoint_url=runtime.endpoint_url, auth={"none": True}) as url,
    ):
        for subject in ("alice", "bob"):
            assert (await ask(url, issuer.token(URL, scope=SCOPES, sub=subject))).startswith("hello")

    assert [one.header(USER) for one in runtime.requests] == [f"{issuer.url}#alice", f"{issuer.url}#bob"]
    assert [one.header("authorization") for one in runtime.requests] == [None, None]


async def test_an_agent_with_a_user_of_its_own_or_none_is_not_told_the_callers(
    hosted: Hosted, issuer: TestIssuer
) -> None:
    for more, told in ({"user_id": "everybody"}, "everybody"), ({"send_user_id": False}, None):
        async with recorded() as runtime:
            there = {"arn": ARN, "endpoint_url": runtime.endpoint_url, "auth": {"none": True}}
            async with hosted([issuer.url], **there, **more) as url:
                await ask(url, issuer.token(URL, scope=SCOPES))

        assert [one.header(USER) for one in runtime.requests] == [told]


def test_no_two_users_have_the_same_id_and_each_fits_the_service() -> None:
    agent = Agent.model_validate({"arn": ARN})
    users = [
        Principal(issuer, subject, "app")
        for issuer in ("https://a.example", "https://b.example", "https://a.example/" + "x" * 120)
        for subject in ("alice", "#alice", "a" * 2_000, "a" * 2_001, "ali ce", "ali\nce", "älice", "alice\ud800")
    ]
    ids = [user_id_of(agent, user) or "" for user in users]

    assert ids[0] == "https://a.example#alice"
    assert len(set(ids)) == len(users)
    assert all(0 < len(one) <= 128 and one.isascii() and one.isprintable() and " " not in one for one in ids)
    assert user_id_of(agent, Principal("https://a.example", "alice", "another")) == ids[0]
    assert user_id_of(agent, Principal("", "", "")) is None
    assert user_id_of(Agent.model_validate({"arn": ARN, "auth": {"token": "x"}}), users[0]) is None


async def test_a_token_is_exchanged_for_one_that_the_runtime_takes(
    hosted: Hosted, issuer: TestIssuer, local: LocalAgentCore, exchange: TokenExchange
) -> None:
    """RFC 8693: once for each token of a caller, whatever is called."""
    wanted = {"audience": "runtime", "scope": "ask", "resource": "https://runtime.example"}
    mine, theirs = (issuer.token(URL, scope=SCOPES, sub=subject) for subject in ("alice", "bob"))
    async with hosted([issuer.url], **at(local, **by_rfc_8693(exchange, **wanted))) as url:
        async with calling(url, mine) as client:
            answers = [
                text_of(one)
                for one in await asyncio.gather(
                    *(client.call_tool("invoke_agent", {"prompt": "echo"}) for _ in range(5)),
                    client.call_tool("run_command", {"command": "echo from-a-command"}),
                )
            ]
        other = await ask(url, theirs)

    assert [claims_in(answer)["sub"] for answer in answers[:5]] == ["alice"] * 5
    assert "from-a-command" in answers[5]
    assert claims_in(other)["sub"] == "bob"
    assert claims_in(other)["iss"] == local.auth["issuer"]
    assert [form.pop("subject_token") for form in exchange.asked] == [mine, theirs]
    kinds = {"grant_type": EXCHANGE, "subject_token_type": ACCESS_TOKEN}
    assert exchange.asked == [wanted | kinds] * 2


async def test_an_exchange_names_its_actor_where_one_is_wanted(
    hosted: Hosted, issuer: TestIssuer, local: LocalAgentCore, exchange: TokenExchange
) -> None:
    async with hosted(
        [issuer.url], **at(local, **by_rfc_8693(exchange, actor=True, scope="ask", audience="runtime"))
    ) as url:
        await ask(url, issuer.token(URL, scope=SCOPES))

    own, exchanged = exchange.asked
    assert own == {"grant_type": "client_credentials"}
    assert exchanged["actor_token"] == "actor-not-a-real-token"
    assert exchanged["actor_token_type"] == ACCESS_TOKEN


async def test_agentcore_identity_exchanges_a_token(
    hosted: Hosted, issuer: TestIssuer, local: LocalAgentCore, exchange: TokenExchange
) -> None:
    token = issuer.token(URL, scope=SCOPES)
    wanted = {"scopes": ["ask", "stop"], "audiences": ["runtime"], "resources": ["https://runtime.example"]}
    async with hosted([issuer.url], identity_url=exchange.url, **at(local, **by_identity(**wanted))) as url:
        answers = [await ask(url, token) for _ in range(2)]

    assert [claims_in(answer)["sub"] for answer in answers] == ["alice"] * 2
    assert [name for name, _ in exchange.asked] == ["GetWorkloadAccessTokenForJWT", "GetResourceOauth2Token"]
    assert exchange.asked[0][1]["userToken"] == token
    assert {name: exchange.asked[1][1][name] for name in wanted} == wanted


@pytest.mark.parametrize(
    ("refusal", "told"),
    [
        (
            (404, {"code": "ResourceNotFoundException", "message": "no such"}),
            "(ResourceNotFoundException) when calling",
        ),
        (
            (403, {"code": "AccessDeniedException", "message": "no {token}"}),
            "GetWorkloadAccessTokenForJWT operation: no ***",
        ),
        (
            (200, {"workloadAccessToken": "w", "authorizationUrl": "https://login.example"}),
            "want them to sign in first",
        ),
        ((200, {"workloadAccessToken": "w"}), "has no token for the caller"),
    ],
)
async def test_what_agentcore_identity_refuses_is_told_without_the_token(
    hosted: Hosted,
    issuer: TestIssuer,
    exchange: TokenExchange,
    refusal: tuple[int, dict[str, Any]],
    told: str,
) -> None:
    token = issuer.token(URL, scope=SCOPES)
    exchange.refusal = refusal[0], json.loads(json.dumps(refusal[1]).replace("{token}", token))
    async with recorded() as runtime:
        there = {"arn": ARN, "endpoint_url": runtime.endpoint_url, "auth": by_identity()}
        async with hosted([issuer.url], identity_url=exchange.url, **there) as url:
            said = await ask(url, token)

    assert told in said
    assert token not in said
    assert runtime.requests == []


async def test_a_refused_exchange_is_told_without_the_token(
    hosted: Hosted, issuer: TestIssuer, exchange: TokenExchange
) -> None:
    token = issuer.token(URL, scope=SCOPES)
    exchange.refusal = 400, {"error": "invalid_target", "error_description": f"{token} is not for it"}
    async with recorded() as runtime:
        auth = by_rfc_8693(exchange)
        async with hosted([issuer.url], arn=ARN, endpoint_url=runtime.endpoint_url, auth=auth) as url:
            said = await ask(url, token)

    assert "invalid_target" in said
    assert "agents.agent.auth" in said or "auth of the agent agent" in said
    assert token not in said
    assert runtime.requests == []


async def test_a_callers_own_token_is_sent_on_if_it_is_for_the_runtime_too(
    hosted: Hosted, local: LocalAgentCore
) -> None:
    issuers = [{"issuer": local.auth["issuer"], "audience": ["local-client"], "audience_claim": "client_id"}]
    named = {"audience": "local-client", "audience_claim": "client_id"}
    token = local.token("alice", scope=SCOPES)
    async with hosted(issuers, **at(local, pass_through=named)) as url:
        said = await ask(url, token)

    assert said.split()[:2] == ["Bearer", token]


@pytest.mark.parametrize("audience", [URL, [URL, "https://other.example"], [URL, ["runtime"]]])
async def test_a_callers_token_for_another_audience_is_sent_nowhere(
    hosted: Hosted, issuer: TestIssuer, audience: Any
) -> None:
    token = issuer.token(audience, scope=SCOPES)
    auth = {"pass_through": {"audience": "runtime"}}
    async with (
        recorded() as runtime,
        hosted([issuer.url], arn=ARN, endpoint_url=runtime.endpoint_url, auth=auth) as url,
        calling(url, token) as client,
    ):
        said = [
            text_of(await client.call_tool(tool, arguments))
            for tool, arguments in (
                ("invoke_agent", {"prompt": "hi"}),
                ("run_command", {"command": "true"}),
            )
        ]

    assert all("is not sent to the runtime, because its claim aud doesn't name 'runtime'" in text for text in said)
    assert token not in "".join(said)
    assert runtime.requests == []


@pytest.mark.parametrize("auth", [{"none": True}, {"token": "not-a-real-token"}])
async def test_without_that_setting_no_callers_token_leaves_the_server(
    hosted: Hosted, issuer: TestIssuer, auth: dict[str, Any]
) -> None:
    token = issuer.token([URL, "runtime"], scope=SCOPES)
    async with (
        recorded() as runtime,
        hosted([issuer.url], arn=ARN, endpoint_url=runtime.endpoint_url, auth=auth) as url,
        calling(url, token) as client,
    ):
        for tool, arguments in (
            ("invoke_agent", {"prompt": "hi", "session_id": "review"}),
            ("run_command", {"command": "true", "session_id": "review"}),
            ("stop_session", {"session_id": "review"}),
        ):
            await client.call_tool(tool, arguments)

    assert len(runtime.requests) == 3
    assert all(token.encode() not in repr(request).encode() for request in runtime.requests)


def request() -> httpx2.Request:
    return httpx2.Request("POST", "https://runtime.example/")


class Numbered:
    """Gives each token a number of its own."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def __call__(self, token: str) -> Token:
        self.asked.append(token)
        return Token(f"for-{token}-{len(self.asked)}")


async def sent(auth: CallerAuth, caller: tuple[Principal, str], *statuses: int) -> list[str]:
    """Return what a caller's request is sent with, answered with these statuses in turn."""
    with calling_as(*caller):
        flow = auth.async_auth_flow(outgoing := request())
        outgoing = await anext(flow)
        found = [outgoing.headers["authorization"]]
        for status in statuses:
            try:
                outgoing = await flow.asend(httpx2.Response(status, request=outgoing))
                found.append(outgoing.headers["authorization"])
            except StopAsyncIteration:
                break
        await flow.aclose()
    return found


async def test_a_token_is_kept_for_the_same_caller_and_token_alone() -> None:
    exchange = Numbered()
    auth = CallerAuth(exchange)
    alice, alice_anew, bob = (ALICE, "a"), (ALICE, "b"), (BOB, "a")
    found = [await sent(auth, one) for one in (alice, alice_anew, bob, alice, alice_anew, bob)]

    assert found == [["Bearer for-a-1"], ["Bearer for-b-2"], ["Bearer for-a-3"]] * 2


async def test_a_token_that_the_runtime_refuses_is_asked_for_once_more() -> None:
    auth = CallerAuth(Numbered())
    alice = (ALICE, "a")

    assert await sent(auth, alice, 401, 401, 401) == ["Bearer for-a-1", "Bearer for-a-2"]
    assert await sent(auth, alice, 200) == ["Bearer for-a-2"]


async def test_the_tokens_of_only_so_many_callers_are_kept() -> None:
    exchange = Numbered()
    auth = CallerAuth(exchange)
    first = (ALICE, "a")
    await sent(auth, first)
    for number in range(KEPT_MAX):
        with calling_as(BOB, f"b{number}"):
            auth.async_auth_flow(request())
    await sent(auth, first)

    assert exchange.asked == ["a", "a"]


@pytest.mark.parametrize("is_passed_on", [False, True])
async def test_a_callers_token_is_held_only_while_their_request_is_on_its_way(is_passed_on: bool) -> None:
    auth = CallerAuth(lambda token: passed_through(token, audience="runtime", audience_claim="aud"))
    token = jwt_of(aud="runtime")
    if not is_passed_on:
        auth = CallerAuth(lambda _: Token("for-the-runtime"))
    with calling_as(ALICE, token):
        flow = auth.async_auth_flow(request())
    outgoing = await anext(flow)
    sent_with, during = outgoing.headers["authorization"], held(auth)
    await flow.aclose()

    assert sent_with == f"Bearer {token if is_passed_on else 'for-the-runtime'}"
    assert token in during
    assert token not in held(auth)


async def test_what_no_caller_asked_for_is_sent_without_anybodys_token() -> None:
    auth = CallerAuth(Numbered())
    await sent(auth, (ALICE, "a"))

    with pytest.raises(CredentialsError, match="no caller asked for this"):
        auth.async_auth_flow(request())


@pytest.mark.parametrize(
    ("agent", "server"),
    [
        ({"auth": {"pass_through": {"audience": "x"}}}, {}),
        ({"auth": {"pass_through": {}}}, {"auth": True}),
        ({"auth": {"pass_through": {"audience": "x"}, "token": "y"}}, {"auth": True}),
        ({"auth": {"pass_through": {"audience": "x"}}, "user_id": "y"}, {"auth": True}),
        ({"auth": {"token_exchange": {"token_url": "https://x.example", "client_id": "x"}}}, {"auth": True}),
    ],
)
def test_settings_that_would_not_say_who_calls_are_refused(agent: dict[str, Any], server: dict[str, Any]) -> None:
    hosting = {"public_url": URL, "auth": {"issuers": ["https://login.example.com"]}} if server else {}
    with pytest.raises(ValueError, match="validation error"):
        Settings.model_validate({"server": hosting, "agents": ({"arn": ARN, **agent},)})

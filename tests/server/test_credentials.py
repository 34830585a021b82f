"""What an agent's requests are sent with, from each kind of ``auth`` that a configuration knows."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import httpx2
import pytest
from mcp import Client
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

from agentcore_mcp.config import Agent, Discovery, Settings
from agentcore_mcp.config.loading import load
from agentcore_mcp.errors import ConfigurationError
from agentcore_mcp.runtime import SigV4Auth
from agentcore_mcp.runtime.auth.sigv4 import REGION_EXTENSION
from agentcore_mcp.server.assembly import create_server
from agentcore_mcp.server.credentials import Credentials
from tests.support.aws import ACCESS_KEY_ID, SECRET_ACCESS_KEY
from tests.support.oauth import CLIENT_ID, CLIENT_SECRET, authorization_server
from tests.support.processes import printed
from tests.support.servers import Exchange, loopback_server, reply
from tests.support.serving import serving
from tests.support.tls import loopback_certificate

if TYPE_CHECKING:
    from pathlib import Path

    from starlette.requests import Request

ARN = "arn:aws:bedrock-agentcore:eu-west-1:123456789012:runtime/agent-0123456789"
OTHER_REGION_ARN = ARN.replace("eu-west-1", "us-east-1")
TOKEN = {"AGENTCORE_BEARER_TOKEN": "not-a-real-token"}
ROLE = {"role_arn": "arn:aws:iam::123456789012:role/x"}


def agent(auth: dict[str, Any], **more: Any) -> Agent:
    return Agent.model_validate({"arn": ARN, "auth": auth, **more})


def authorization(auth: httpx2.Auth, url: str = "https://agents.example.com/") -> str | None:
    """Return what a request is sent with."""
    request = httpx2.Request("POST", url, content=b"", extensions={REGION_EXTENSION: "eu-west-1"})
    sent = next(auth.sync_auth_flow(request))
    return sent.headers.get("authorization")


def test_a_token_of_any_origin_is_sent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "token").write_text("from-a-file\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    printing = [sys.executable, "-c", "print('from-a-command')"]
    sent = [
        authorization(Credentials().auth_for(agent(auth)))
        for auth in (
            {"token": "fixed"},
            {"token_file": str(tmp_path / "token")},
            {"token_file": "~/token"},
            {"token_command": printing},
        )
    ]

    assert sent == [f"Bearer {token}" for token in ("fixed", "from-a-file", "from-a-file", "from-a-command")]


@pytest.mark.parametrize("scheme", ["Bearer ", "bearer  "])
def test_the_name_of_the_scheme_before_a_token_is_left_out(tmp_path: Path, scheme: str) -> None:
    """As a header has it, and so some programs print it."""
    (tmp_path / "token").write_text(f"{scheme}from-a-file\n")
    printing = [sys.executable, "-c", f"print('{scheme}from-a-command')"]
    environ = {"AGENTCORE_RUNTIME_ARN": ARN, "AGENTCORE_BEARER_TOKEN": f" {scheme}from-a-variable"}
    called = [
        load(environ).settings.agent,
        agent({"token": f"{scheme}fixed"}),
        agent({"token_file": str(tmp_path / "token")}),
        agent({"token_command": printing}),
    ]
    sent = [authorization(Credentials().auth_for(each)) for each in called]

    assert sent == [f"Bearer {token}" for token in ("from-a-variable", "fixed", "from-a-file", "from-a-command")]


@pytest.mark.parametrize("token", ["Bearer", "Bearer ", "Bearer two words-not-a-real-one"])
def test_the_name_of_the_scheme_alone_is_no_token(token: str) -> None:
    with pytest.raises(ConfigurationError, match="can't be sent") as raised:
        Credentials().auth_for(agent({"token": token}))

    assert "words" not in str(raised.value)


async def test_the_certificates_that_boto3_would_trust_are_trusted(tmp_path: Path) -> None:
    context, certificate = loopback_certificate(tmp_path)

    async def answer(exchange: Exchange) -> None:
        await exchange.send(reply(body=b'"hello"', content_type="application/json"))

    async with loopback_server(answer, tls=context) as runtime:
        environ = {"AGENTCORE_RUNTIME_ARN": ARN, "AGENTCORE_ENDPOINT_URL": runtime.endpoint_url} | TOKEN
        texts = []
        for trusted in ({}, {"AWS_CA_BUNDLE": str(certificate)}):
            async with Client(create_server(load(environ | trusted).settings), mode="legacy") as client:
                result = await client.call_tool("invoke_agent", {"prompt": "hi"})
                texts.append("".join(block.text for block in result.content if block.type == "text"))

    assert "CERTIFICATE_VERIFY_FAILED" in texts[0]
    assert texts[1].startswith("hello")


async def test_the_certificates_are_read_once_for_all_agents(tmp_path: Path) -> None:
    context, certificate = loopback_certificate(tmp_path)

    async def answer(exchange: Exchange) -> None:
        await exchange.send(reply(body=b'"hello"', content_type="application/json"))

    async with loopback_server(answer, tls=context) as runtime:
        agents = [agent({"token": name}, name=name, endpoint_url=runtime.endpoint_url) for name in ("one", "two")]
        settings = Settings(agents=tuple(agents)).trusting(str(certificate))
        async with Client(create_server(settings), mode="legacy") as client:
            first = await client.call_tool("invoke_agent", {"agent": "one", "prompt": "hi"})
            certificate.unlink()
            second = await client.call_tool("invoke_agent", {"agent": "two", "prompt": "hi"})

    assert not first.is_error
    assert not second.is_error


async def test_certificates_that_cannot_be_read_are_told_with_their_variable(tmp_path: Path) -> None:
    (tmp_path / "empty.pem").touch()
    environ = {"AGENTCORE_RUNTIME_ARN": ARN} | TOKEN
    with pytest.raises(ConfigurationError, match=r"^AWS_CA_BUNDLE: .*none\.pem': No such file"):
        create_server(load(environ | {"AWS_CA_BUNDLE": str(tmp_path / "none.pem")}).settings)
    empty = create_server(load(environ | {"AWS_CA_BUNDLE": str(tmp_path / "empty.pem")}).settings)
    async with Client(empty, mode="legacy") as client:
        result = await client.call_tool("invoke_agent", {"prompt": "hi"})

    assert "AWS_CA_BUNDLE: no certificates can be read from" in str(result.content)


async def test_certificates_do_not_matter_where_there_is_no_tls(tmp_path: Path) -> None:
    async def answer(exchange: Exchange) -> None:
        await exchange.send(reply(body=b'"hello"', content_type="application/json"))

    async with loopback_server(answer) as runtime:
        here = agent({"none": True}, endpoint_url=runtime.endpoint_url)
        settings = Settings(agents=(here,)).trusting(str(tmp_path / "none.pem"))
        async with Client(create_server(settings), mode="legacy") as client:
            result = await client.call_tool("invoke_agent", {"prompt": "hi"})
    on_aws = agent({"token": "not-a-real-token"}, name="on_aws")

    assert not result.is_error
    for more in ({"agents": (here, on_aws)}, {"discovery": Discovery()}):
        with pytest.raises(ConfigurationError, match=r"^AWS_CA_BUNDLE: "):
            create_server(settings.model_copy(update=more))


def test_a_client_gets_its_token_from_the_authorization_server_with_all_it_is_configured_with() -> None:
    with authorization_server() as server:
        client = {
            "token_url": server.token_url,
            "client_id": CLIENT_ID,
            "client_secret": CLIENT_SECRET,
            "scope": "agents/invoke",
            "audience": "agents",
            "resource": "https://agents.example",
            "auth_method": "client_secret_post",
        }
        sent = authorization(Credentials().auth_for(agent({"client_credentials": client})))

    assert (sent or "").startswith("Bearer ey")
    assert server.asked[0]["audience"] == ["agents"]
    assert server.asked[0]["resource"] == ["https://agents.example"]


def test_a_user_signs_in_to_cognito_with_all_that_is_configured() -> None:
    asked: list[dict[str, Any]] = []

    async def sign_in(request: Request) -> JSONResponse:
        asked.append(await request.json())
        return JSONResponse({"AuthenticationResult": {"AccessToken": "from-cognito", "ExpiresIn": 3600}})

    with serving(Starlette(routes=[Route("/", sign_in, methods=["POST"])])) as port:
        user = {
            "region": "eu-west-1",
            "client_id": "app",
            "client_secret": "not-a-real-secret",
            "username": "me",
            "password": "not-a-real-password",
            "endpoint_url": f"http://127.0.0.1:{port}",
        }
        sent = authorization(Credentials().auth_for(agent({"cognito": user})))

    assert sent == "Bearer from-cognito"
    assert asked[0]["ClientId"] == "app"
    parameters = asked[0]["AuthParameters"]
    assert (parameters["USERNAME"], parameters["PASSWORD"]) == ("me", "not-a-real-password")
    assert "SECRET_HASH" in parameters


def test_without_auth_the_credentials_of_the_environment_sign(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", ACCESS_KEY_ID)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET_ACCESS_KEY)

    assert f"Credential={ACCESS_KEY_ID}/" in (authorization(Credentials().auth_for(agent({}))) or "")


def test_a_profile_signs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "config").write_text("[profile dev]\naws_access_key_id = AKIADEV\naws_secret_access_key = not-real\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))

    assert "Credential=AKIADEV/" in (authorization(Credentials().auth_for(agent({"profile": "dev"}))) or "")


def test_an_agent_on_this_machine_may_do_without() -> None:
    auth = Credentials().auth_for(agent({"none": True}, endpoint_url="http://127.0.0.1:8080"))

    assert authorization(auth, "http://127.0.0.1:8080/") is None


@pytest.mark.parametrize(
    ("one", "other", "shared"),
    [
        (agent({}), agent({}, arn=OTHER_REGION_ARN), True),
        (agent({"profile": "a"}), agent({"profile": "a"}, arn=OTHER_REGION_ARN), True),
        (agent({"profile": "a"}), agent({"profile": "b"}), False),
        (agent(ROLE), agent(ROLE), True),
        (agent(ROLE), agent(ROLE, arn=OTHER_REGION_ARN), False),
        (agent({**ROLE, "external_id": "a"}), agent({**ROLE, "external_id": "b"}), False),
        (agent({"token_command": ["x"]}), agent({"token_command": ["x"]}), True),
        (agent({"token": "a"}), agent({"token": "b"}), False),
    ],
)
def test_agents_share_what_is_the_same_for_them(one: Agent, other: Agent, shared: bool) -> None:
    credentials = Credentials()

    assert (credentials.auth_for(one) is credentials.auth_for(other)) is shared


def test_discovery_shares_with_agents_that_say_the_same() -> None:
    credentials = Credentials()
    found = agent({"profile": "a"})

    signing = credentials.signer(found.auth, None)

    assert isinstance(signing, SigV4Auth)
    assert signing is credentials.auth_for(found)


def test_before_the_first_call_nothing_is_loaded_read_run_or_asked(tmp_path: Path) -> None:
    kinds = {
        "aws": "{ profile = 'nobody', role_arn = 'arn:aws:iam::123456789012:role/x' }",
        "token": "{ token = 'x' }",
        "file": "{ token_file = '/nowhere/token' }",
        "command": "{ token_command = ['/nowhere/program'] }",
        "client": "{ client_credentials = { token_url = 'https://x.invalid/', client_id = 'x', client_secret = 'x' } }",
        "user": "{ cognito = { region = 'eu-west-1', client_id = 'x', username = 'x', password = 'x' } }",
    }
    path = tmp_path / "config.toml"
    path.write_text("".join(f'[agents.{name}]\narn = "{ARN}"\nauth = {auth}\n' for name, auth in kinds.items()))
    script = (
        "import sys\n"
        "from agentcore_mcp.config.loading import load\n"
        "from agentcore_mcp.server.credentials import Credentials\n"
        "credentials = Credentials()\n"
        "print(len([credentials.auth_for(agent) for agent in load({}, config=sys.argv[1]).settings.agents]))\n"
        "print('botocore' in sys.modules)\n"
    )

    assert printed(script, str(path)) == (f"{len(kinds)}\nFalse\n", "")

"""What an agent speaks: configured, looked up once at its first use, or recognised from its answer."""

from __future__ import annotations

import json
import socket
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Literal

import anyio
import pytest
from mcp import Client

from agentcore_mcp.config import Settings
from agentcore_mcp.local.agentcore import LocalAgentCore
from agentcore_mcp.runtime import SigV4Auth
from agentcore_mcp.server.assembly import create_server
from agentcore_mcp.server.protocols.detection import REFUSED_S, Detection
from tests.runtime.test_discovery import JWT, ControlPlane, runtime, speaking, summary
from tests.support.servers import Exchange, LoopbackServer, loopback_server, reply
from tests.support.tools import data_of, settings, text_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

    from agentcore_mcp.server.agents import Agents, Target
    from agentcore_mcp.server.assembly import AgentCoreServer

PREFIX = "arn:aws:bedrock-agentcore:eu-central-1:123456789012:runtime"


@asynccontextmanager
async def control_plane(
    plane: Callable[[Exchange], Awaitable[None]], monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[LoopbackServer]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "not-a-real-secret")
    async with loopback_server(plane) as control:
        monkeypatch.setenv("AWS_ENDPOINT_URL_BEDROCK_AGENTCORE_CONTROL", control.endpoint_url)
        yield control


def on_aws(*names: str, **more: Any) -> Settings:
    agents = [{"name": name, "arn": f"{PREFIX}/{name}-0123456789", **more} for name in names]
    return Settings.model_validate({"agents": agents})


async def target_of(agents: Agents, name: str) -> Target:
    return await agents.named(name)


async def test_it_is_looked_up_once_however_many_ask(monkeypatch: pytest.MonkeyPatch) -> None:
    async with control_plane(ControlPlane(clock=speaking("A2A")), monkeypatch) as control:
        agents = create_server(on_aws("clock")).state.agents
        target, found = await target_of(agents, "clock"), []

        async def ask() -> None:
            found.append(await agents.spoken_by(target))

        assert agents.detection.known(target.agent) is None
        async with anyio.create_task_group() as tasks:
            for _ in range(5):
                tasks.start_soon(ask)

    assert {(one.protocol, one.source) for one in found} == {("a2a", "GetAgentRuntime")}
    assert agents.detection.known(target.agent) == found[0]
    assert len(control.requests) == 1


async def test_a_refusal_is_remembered_for_a_while_and_plain_http_assumed(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1_000.0]
    async with control_plane(ControlPlane(), monkeypatch) as control:
        target = await target_of(create_server(on_aws("clock")).state.agents, "clock")
        detection = Detection(now=lambda: now[0])
        signer = target.auth
        assert isinstance(signer, SigV4Auth)
        first = await detection.of(target.agent, signer)
        again = await detection.of(target.agent, signer)
        asked = len(control.requests)
        now[0] += REFUSED_S + 1
        await detection.of(target.agent, signer)

    assert (first.protocol, first.assumed) == ("http", True)
    assert "AccessDeniedException" in first.source
    assert again == first
    assert (asked, len(control.requests)) == (1, 2)


async def test_an_answer_that_makes_no_sense_is_not_the_last_word(monkeypatch: pytest.MonkeyPatch) -> None:
    now, answers = [1_000.0], [b"<html>", json.dumps(runtime("clock", **speaking("A2A"))).encode()]

    async def plane(exchange: Exchange) -> None:
        await exchange.send(reply(body=answers.pop(0), content_type="application/json"))

    async with control_plane(plane, monkeypatch):
        target = await target_of(create_server(on_aws("clock")).state.agents, "clock")
        detection = Detection(now=lambda: now[0])
        assert isinstance(target.auth, SigV4Auth)
        first = await detection.of(target.agent, target.auth)
        now[0] += REFUSED_S + 1
        again = await detection.of(target.agent, target.auth)

    assert (first.protocol, first.assumed) == ("http", True)
    assert (again.protocol, again.source) == ("a2a", "GetAgentRuntime")


async def test_what_is_configured_or_is_not_called_with_aws_credentials_is_not_looked_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with control_plane(ControlPlane(), monkeypatch) as control:
        said = create_server(on_aws("clock", protocol="agui")).state.agents
        token = create_server(on_aws("clock", auth={"token": "not-a-real-token"})).state.agents
        elsewhere = create_server(settings("http://127.0.0.1:9", "clock")).state.agents
        found = [await agents.spoken_by(await target_of(agents, "clock")) for agents in (said, token, elsewhere)]

    assert [(one.protocol, one.assumed) for one in found] == [("agui", False), ("http", True), ("http", True)]
    assert control.requests == []


async def test_discovered_agents_are_listed_with_their_protocol_and_what_is_in_the_way(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    page = [summary(name) for name in ("clock", "mine", "new", "plain")]
    plane = ControlPlane(page, clock=speaking("A2A"), mine=JWT, new=speaking("GRPC"), plain={})
    async with (
        control_plane(plane, monkeypatch),
        Client(
            create_server(Settings.model_validate({"discover": {"region": "eu-central-1"}})), mode="legacy"
        ) as client,
    ):
        listed = await client.call_tool("list_agents", {})
        refused = await client.call_tool("invoke_agent", {"agent": "new", "prompt": "hi"})

    assert [(agent["name"], agent.get("protocol")) for agent in data_of(listed)["agents"]] == [
        ("clock", "a2a"),
        ("mine", "http"),
        ("new", "grpc"),
        ("plain", "http"),
    ]
    assert "mine: A runtime [commands: allow] [http] [can't be called: it takes OAuth tokens" in text_of(listed)
    assert "new can't be called: it speaks grpc" in text_of(refused)


@pytest.fixture(scope="module")
def local() -> Iterator[LocalAgentCore]:
    agents = {
        "a2a": {"app": "tests.support.agents.published_a2a:app", "protocol": "a2a"},
        "agui": {"app": "tests.support.agents.published_agui:app", "protocol": "agui"},
        "http": {"app": "agentcore_mcp.hosting.sample:app"},
    }
    with LocalAgentCore(agents=agents) as local:
        yield local


def server_not_told(local: LocalAgentCore, name: str, asked: str) -> AgentCoreServer:
    """Make a server that takes an agent for an HTTP agent, unless its protocol is configured."""
    configured = settings(local.endpoint_url, agent={"protocol": asked, "arn": local.agents[name]})
    server = create_server(configured)
    server.state.agents.detection.learnt(configured.agent, "http")
    return server


@pytest.mark.parametrize("auth", ["none", "sigv4", "jwt"])
async def test_a_local_agentcore_tells_what_its_agents_speak(
    auth: Literal["none", "sigv4", "jwt"], monkeypatch: pytest.MonkeyPatch
) -> None:
    agents = {name: {"protocol": name} for name in ("a2a", "agui", "mcp", "http")}
    with LocalAgentCore(agents=agents, auth=auth) as local:
        for name, value in local.environ().items():
            monkeypatch.setenv(name, value)
        # What a configured agent needs is what it is called with.
        token = {"token": local.token()} if auth == "jwt" else {}
        need = {"none": True} if auth == "none" else token
        tables = [
            {"name": name, "arn": arn, "endpoint_url": local.endpoint_url, "auth": need}
            for name, arn in local.agents.items()
        ]
        server = create_server(Settings.model_validate({"agents": tables}))
        targets = [await server.state.agents.named(name) for name in agents]
        found = [await server.state.agents.spoken_by(target) for target in targets]
        async with Client(server) as client:
            said = await client.call_tool("invoke_agent", {"agent": "agui", "prompt": "hi"})

    assert [(one.protocol, one.source, one.obstacle) for one in found] == [
        (name, "GetAgentRuntime", "") for name in agents
    ]
    assert "hi" in data_of(said)["text"]


async def test_a_local_agentcore_that_was_not_there_is_asked_again(local: LocalAgentCore) -> None:
    agent, detection = settings(local.endpoint_url, agent={"arn": local.agents["a2a"]}).agent, Detection()
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        before = await detection.of(agent, None, f"http://127.0.0.1:{silent.getsockname()[1]}")

    assert (before.protocol, before.assumed) == ("http", True)
    assert (await detection.of(agent, None, local.endpoint_url)).protocol == "a2a"


@pytest.mark.parametrize("auth", ["none", "sigv4", "jwt"])
async def test_the_agents_of_a_local_agentcore_are_discovered(
    auth: Literal["none", "sigv4", "jwt"], monkeypatch: pytest.MonkeyPatch
) -> None:
    with LocalAgentCore(agents={name: {"protocol": name} for name in ("a2a", "harness", "mcp")}, auth=auth) as local:
        for name, value in local.environ().items():
            monkeypatch.setenv(name, value)
        server = create_server(Settings.model_validate({"discover": {"endpoint_url": local.endpoint_url}}))
        async with Client(server) as client:
            listed = data_of(await client.call_tool("list_agents", {}))["agents"]
            result = await client.call_tool("invoke_agent", {"agent": "a2a", "prompt": "hi"})

    assert [(agent["name"], agent["protocol"]) for agent in listed] == [("a2a", "a2a"), ("mcp", "mcp")]
    assert result.is_error == (auth == "jwt")
    assert ("it takes OAuth tokens" if auth == "jwt" else "hi") in text_of(result)


@pytest.mark.parametrize("endpoint_url", ["http://runtimes.example", "nonsense", "https://me@runtimes.example"])
async def test_runtimes_are_not_listed_where_credentials_may_not_go(endpoint_url: str) -> None:
    server = create_server(Settings.model_validate({"discover": {"endpoint_url": endpoint_url}}))
    async with Client(server) as client:
        result = await client.call_tool("list_agents", {})

    assert result.is_error
    assert "endpoint URL" in text_of(result)


@pytest.mark.parametrize(
    ("asked", "speaks"), [("a2a", "http"), ("agui", "a2a"), ("agui", "http"), ("http", "a2a"), ("auto", "a2a")]
)
async def test_an_agent_of_another_protocol_is_told_from_its_answer(
    local: LocalAgentCore, asked: str, speaks: str
) -> None:
    async with Client(server_not_told(local, speaks, asked)) as client:
        result = await client.call_tool("invoke_agent", {"prompt": "hi"})
        again = await client.call_tool("invoke_agent", {"prompt": "hi"})

    assert result.is_error
    assert f"its answer is {speaks!r}" in text_of(result)
    assert f"Set protocol of the agent solo to {speaks!r}." in text_of(result)
    assert again.is_error == (asked != "auto")


@pytest.mark.parametrize(("asked", "speaks"), [("auto", "agui"), ("a2a", "agui")])
async def test_of_an_agent_that_refuses_with_a_status_alone_the_setting_is_named(
    local: LocalAgentCore, asked: str, speaks: str
) -> None:
    """The service passes on the status of a refusal, and nothing of its body."""
    async with Client(server_not_told(local, speaks, asked)) as client:
        result = await client.call_tool("invoke_agent", {"prompt": "hi"})

    assert result.is_error
    assert "set protocol of the agent solo" in text_of(result)

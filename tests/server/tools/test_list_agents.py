"""Which tools and agents there are, and the sessions that the server opened."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from mcp import Client

from agentcore_mcp.config import Settings
from agentcore_mcp.server.assembly import create_server
from tests.support.servers import Exchange, loopback_server, reply
from tests.support.tools import (
    PREFIX,
    data_of,
    say_hello,
    settings,
    text_of,
)

if TYPE_CHECKING:
    from pathlib import Path


async def test_several_agents_are_an_enumeration_and_a_session_knows_its_agent() -> None:
    async with (
        loopback_server(say_hello) as runtime,
        Client(create_server(settings(runtime.endpoint_url, "alpha", "beta")), mode="legacy") as client,
    ):
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
        unnamed = await client.call_tool("invoke_agent", {"prompt": "hi"})
        unknown = await client.call_tool("invoke_agent", {"prompt": "hi", "agent": "gamma"})
        asked = data_of(await client.call_tool("invoke_agent", {"prompt": "hi", "agent": "beta"}))
        data_of(await client.call_tool("run_command", {"command": "ls", "session_id": asked["session_id"]}))
        data_of(await client.call_tool("invoke_agent", {"prompt": "hi", "agent": "alpha", "session_id": "review"}))
        data_of(await client.call_tool("run_command", {"command": "ls", "session_id": "review"}))
        listed = data_of(await client.call_tool("list_agents", {}))
        stopped = data_of(await client.call_tool("stop_session", {"session_id": "all"}))
        again = data_of(await client.call_tool("stop_session", {"session_id": asked["session_id"]}))
        nothing = await client.call_tool("stop_session", {"session_id": "all"})
        left = data_of(await client.call_tool("list_agents", {}))

    agent = tools["invoke_agent"].input_schema["properties"]["agent"]
    assert agent["enum"] == ["alpha", "beta"]
    assert "beta: knows about beta" in agent["description"]
    assert "alpha, beta" in text_of(unnamed)
    assert "alpha, beta" in text_of(unknown)
    called = [request.target.split("%2F")[1].partition("-")[0] for request in runtime.requests]
    # A session is stopped again at its agent, where it is known whether there still is one.
    assert called[:4] + sorted(called[4:6]) + called[6:] == ["beta", "beta", "alpha", "alpha", "alpha", "beta", "beta"]
    assert again["session_id"] == asked["session_id"]
    assert text_of(nothing).startswith("no session is open")
    assert [agent["name"] for agent in listed["agents"]] == ["alpha", "beta"]
    assert {session["agent"] for session in listed["sessions"]} == {"alpha", "beta"}
    assert len(stopped["stopped"]) == 2
    assert left["sessions"] == []


async def test_each_agent_can_be_a_tool_of_its_own() -> None:
    async with (
        loopback_server(say_hello) as runtime,
        Client(
            create_server(settings(runtime.endpoint_url, "al-pha", "beta", expose="agents")), mode="legacy"
        ) as client,
    ):
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
        data_of(await client.call_tool("ask_al-pha", {"prompt": "hi"}))

    assert list(tools) == ["ask_al-pha", "ask_beta", "run_command", "stop_session", "list_agents", "read_output"]
    assert "agent" not in tools["ask_beta"].input_schema["properties"]
    assert (tools["ask_beta"].description or "").startswith("knows about beta")
    assert "al-pha" in runtime.requests[0].target


@pytest.mark.parametrize(
    ("narrowing", "names"),
    [
        ({"read_only": True}, ["invoke_agent", "list_agents", "read_output"]),
        ({"tools": {"invoke_agent", "stop_session"}}, ["invoke_agent", "stop_session"]),
    ],
)
async def test_what_the_settings_forbid_is_neither_listed_nor_callable(
    narrowing: dict[str, Any], names: list[str]
) -> None:
    async with (
        loopback_server(say_hello) as runtime,
        Client(create_server(settings(runtime.endpoint_url, **narrowing)), mode="legacy") as client,
    ):
        listed = [tool.name for tool in (await client.list_tools()).tools]
        refused = await client.call_tool("run_command", {"command": "ls"})

    assert listed == names
    assert refused.is_error
    assert runtime.requests == []


async def test_agents_of_the_configuration_are_listed_even_if_the_others_cannot_be(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    for name in ("AWS_ACCESS_KEY_ID", "AWS_PROFILE", "AWS_WEB_IDENTITY_TOKEN_FILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    mine = {"name": "mine", "arn": f"{PREFIX}/mine-0123456789", "auth": {"token": "not-a-real-token"}}
    found = Settings.model_validate({"agents": (mine,), "discover": {"region": "us-east-1"}})
    async with Client(create_server(found), mode="legacy") as client:
        listed = await client.call_tool("list_agents", {})
        unknown = await client.call_tool("invoke_agent", {"prompt": "hi", "agent": "other"})

    assert [agent["name"] for agent in data_of(listed)["agents"]] == ["mine"]
    assert "there may be more agents: can't list the runtimes: no AWS credentials found" in text_of(listed)
    assert "can't list the runtimes: no AWS credentials found" in text_of(unknown)


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (
            reply(body=b'{"agentRuntimes": []}', content_type="application/json"),
            "none: no runtime that is ready was found",
        ),
        (reply("403 Forbidden", b'{"message": "not yours"}', content_type="application/json"), "not yours"),
    ],
)
async def test_an_account_without_runtimes_or_one_that_cannot_be_listed_is_told(
    answer: bytes, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def control_plane(exchange: Exchange) -> None:
        await exchange.send(answer)

    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "not-a-real-secret")
    async with loopback_server(control_plane) as control:
        monkeypatch.setenv("AWS_ENDPOINT_URL_BEDROCK_AGENTCORE_CONTROL", control.endpoint_url)
        found = Settings.model_validate({"discover": {"region": "us-east-1"}})
        async with Client(create_server(found), mode="legacy") as client:
            asked = await client.call_tool("invoke_agent", {"prompt": "hi", "agent": "any"})
            listed = await client.call_tool("list_agents", {})
        mine = {"name": "mine", "arn": f"{PREFIX}/mine-0123456789", "auth": {"token": "not-a-real-token"}}
        both = Settings.model_validate({"agents": (mine,), "discover": {"region": "us-east-1"}})
        async with Client(create_server(both), mode="legacy") as client:
            listed_with_mine = await client.call_tool("list_agents", {})

    assert told in text_of(asked)
    assert listed.is_error is (told == "not yours")
    assert [agent["name"] for agent in data_of(listed_with_mine)["agents"]] == ["mine"]
    assert ("there may be more agents" in text_of(listed_with_mine)) is (told == "not yours")


async def test_the_runtimes_of_an_account_are_agents_once_somebody_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    def runtime_of(name: str) -> dict[str, Any]:
        return {
            "agentRuntimeArn": f"{PREFIX}/{name}-0123456789",
            "agentRuntimeId": f"{name}-0123456789",
            "agentRuntimeName": name,
            "agentRuntimeVersion": "1",
            "description": f"knows about {name}",
            "lastUpdatedAt": "2026-01-01T00:00:00Z",
            "status": "READY",
        }

    async def control_plane(exchange: Exchange) -> None:
        body = json.dumps(
            {"agentRuntimes": [runtime_of(name) for name in ("prod_one", "test_two", "prod_three")]}
        ).encode()
        await exchange.send(reply(body=body, content_type="application/json"))

    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "not-a-real-secret")
    async with loopback_server(control_plane) as control:
        monkeypatch.setenv("AWS_ENDPOINT_URL_BEDROCK_AGENTCORE_CONTROL", control.endpoint_url)
        # It has another name here, and stays the one agent that it is.
        mine = {"name": "mine", "arn": f"{PREFIX}/prod_three-0123456789", "auth": {"token": "not-a-real-token"}}
        found = Settings.model_validate({"agents": (mine,), "discover": {"region": "us-east-1", "include": ["prod_*"]}})
        async with Client(create_server(found), mode="legacy") as client:
            tools = {tool.name: tool for tool in (await client.list_tools()).tools}
            asked_at_start = len(control.requests)
            listed = [data_of(await client.call_tool("list_agents", {})) for _ in range(2)]
            unknown = await client.call_tool("invoke_agent", {"prompt": "hi", "agent": "test_two"})

    assert asked_at_start == 0
    assert tools["invoke_agent"].input_schema["properties"]["agent"]["type"] == "string"
    assert [agent["name"] for agent in listed[0]["agents"]] == ["mine", "prod_one"]
    assert listed[0] == listed[1]
    assert "one of mine, prod_one" in text_of(unknown)
    assert len([request for request in control.requests if request.method == "POST"]) == 1

"""What a caller sees of a hosted server: their own agents and tools, and no trace of others'."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from mcp import Client

from agentcore_mcp.config import Settings
from agentcore_mcp.server.assembly import create_server
from tests.support.hosted import PUBLIC_URL, VERSIONS, HostedServer, hosted_server, message
from tests.support.mcp_hosts import MODES
from tests.support.principals import ALICE, calling_as
from tests.support.raw_hosts import INITIALIZE
from tests.support.servers import Exchange, loopback_server, reply
from tests.support.tools import PREFIX, data_of, operations, text_of

if TYPE_CHECKING:
    from pathlib import Path


AGENTS = {
    "open": 'description = "knows the menu"',
    "payroll": 'description = "knows what people earn"\nallow = { groups = ["hr", "board"] }',
    "merger": 'description = "knows the plan"\nallow = { subjects = ["carol"], scopes = ["merger:use"] }',
}
HIDDEN = ("payroll", "earn", "merger", "plan")


async def _told(server: HostedServer, token: str, version: str) -> str:
    """Return all that a server tells of itself to whoever asks politely."""
    told = [await server.request("tools/list", {}, token, version=version)]
    if version == VERSIONS[1]:
        told.append(await server.request("server/discover", {}, token, version=version))
    else:
        told.append(await server.request("initialize", INITIALIZE, token, version=version))
    assert message(told[1])["result"]["instructions"]
    told.append(await server.call("list_agents", {}, token, version=version))
    told += [
        await server.call(tool, {"agent": agent, "session_id": "s"}, token, version=version)
        for tool in ("invoke_agent", "run_command", "stop_session")
        for agent in ("", "nobody", None)
    ]
    return "\n".join(answer.text for answer in told)


async def test_agents_of_others_are_nowhere(tmp_path: Path, subtests: pytest.Subtests) -> None:
    async with hosted_server(tmp_path, agents=AGENTS) as server:
        alice, hr = server.token(), server.token(groups=["staff", "hr"])
        carol = server.token(sub="carol", groups=["board"], scope="agentcore:invoke")
        for version in VERSIONS:
            with subtests.test(version):
                told = await _told(server, alice, version)
                assert [word for word in HIDDEN if word in told] == []
                told = await _told(server, hr, version)
                assert [word for word in HIDDEN if word in told] == ["payroll", "earn"]
                listed = await server.request("tools/list", {}, carol, version=version)
                assert [word for word in HIDDEN if word in listed.text] == list(HIDDEN)
        with subtests.test("by name"):
            await _the_name_of_a_hidden_agent_is_as_unknown_as_any(server, alice)
        # That of the session "s", which is alice's to stop.
        assert set(operations(server.runtime)) == {"stopruntimesession"}
        for mode in MODES:
            with subtests.test(mode):
                async with server.client(hr, mode) as client:
                    asked = {"agent": "payroll", "prompt": "hi"}
                    assert data_of(await client.call_tool("invoke_agent", asked))["text"] == "hello"


async def _the_name_of_a_hidden_agent_is_as_unknown_as_any(server: HostedServer, token: str) -> None:
    for version in VERSIONS:
        for tool, arguments in {
            "invoke_agent": {"prompt": "hi"},
            "run_command": {"command": "true"},
            "stop_session": {"session_id": "all"},
        }.items():
            for agent in ("payroll", "merger"):
                hidden = await server.call(tool, {**arguments, "agent": agent}, token, version=version)
                unknown = await server.call(tool, {**arguments, "agent": "nobody"}, token, version=version)

                assert hidden.text.replace(agent, "nobody") == unknown.text
                assert "there is no argument 'agent'" in hidden.text


async def test_a_tool_none_of_whose_agents_is_a_caller_s_is_an_unknown_tool(tmp_path: Path) -> None:
    async with hosted_server(tmp_path, agents=AGENTS, top='expose = "agents"') as server:
        alice, carol = server.token(), server.token(sub="carol", scope="agentcore:invoke merger:use")
        for version in VERSIONS:
            listed = await server.request("tools/list", {}, alice, version=version)
            names = {tool["name"] for tool in message(listed)["result"]["tools"]}
            assert names == {"ask_open", "run_command", "stop_session", "list_agents", "read_output"}
            hidden = await server.call("ask_merger", {"prompt": "hi"}, alice, version=version)
            unknown = await server.call("ask_nobody", {"prompt": "hi"}, alice, version=version)
            assert hidden.text.replace("merger", "nobody") == unknown.text
            assert "Unknown tool: ask_merger" in hidden.text
            # Without the scope for asking, too: what is asked for does not depend on what there is.
            hidden = await server.call("ask_merger", {"prompt": "hi"}, server.token(scope="x"), version=version)
            unknown = await server.call("ask_nobody", {"prompt": "hi"}, server.token(scope="x"), version=version)
            assert (hidden.status_code, hidden.text) == (unknown.status_code, unknown.text) == (403, unknown.text)
            assert hidden.headers["www-authenticate"] == unknown.headers["www-authenticate"]
        assert operations(server.runtime) == []
        asked = await server.call("ask_merger", {"prompt": "hi"}, carol)
        assert "hello" in message(asked)["result"]["content"][0]["text"]


async def test_who_may_reach_no_agent_sees_no_tool(tmp_path: Path) -> None:
    async with hosted_server(tmp_path, agents={"payroll": AGENTS["payroll"], "merger": AGENTS["merger"]}) as server:
        for version in VERSIONS:
            listed = await server.request("tools/list", {}, server.token(), version=version)
            assert message(listed)["result"]["tools"] == []
            for tool in ("invoke_agent", "run_command", "stop_session", "list_agents", "read_output"):
                answer = await server.call(tool, {"prompt": "hi", "agent": "payroll"}, server.token(), version=version)
                assert message(answer)["result"]["content"][0]["text"] == f"Unknown tool: {tool}"
        assert operations(server.runtime) == []


@pytest.mark.parametrize("mode", ["legacy", "auto"])
async def test_discovered_agents_are_for_whom_the_configuration_says(
    mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    runtime = {
        "agentRuntimeArn": f"{PREFIX}/found-0123456789",
        "agentRuntimeId": "found-0123456789",
        "agentRuntimeName": "found",
        "agentRuntimeVersion": "1",
        "description": "knows about it",
        "lastUpdatedAt": "2026-01-01T00:00:00Z",
        "status": "READY",
    }

    async def control_plane(exchange: Exchange) -> None:
        body = json.dumps({"agentRuntimes": [runtime]}).encode()
        await exchange.send(reply(body=body, content_type="application/json"))

    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "not-a-real-secret")
    async with loopback_server(control_plane) as control:
        monkeypatch.setenv("AWS_ENDPOINT_URL_BEDROCK_AGENTCORE_CONTROL", control.endpoint_url)
        settings = Settings.model_validate(
            {
                "agents": (
                    {"name": "mine", "arn": f"{PREFIX}/mine-0123456789", "auth": {"token": "not-a-real-token"}},
                ),
                "discover": {"region": "us-east-1", "allow": {"groups": ["staff"]}},
                "server": {"public_url": PUBLIC_URL, "auth": {"issuers": ["https://issuer.example"]}},
            }
        )
        server = create_server(settings)
        seen = {}
        for name, principal in {"guest": ALICE, "staff": replace(ALICE, groups=frozenset({"staff"}))}.items():
            with calling_as(principal):
                async with Client(server, mode=mode) as client:
                    told = [
                        str(await client.list_tools()),
                        str(client.instructions),
                        text_of(await client.call_tool("list_agents", {})),
                        text_of(await client.call_tool("invoke_agent", {"prompt": "", "agent": "found"})),
                    ]
                traces = ("in list_agents", "list_agents names more", "- found: knows", "the prompt is empty")
                seen[name] = [trace in text for trace, text in zip(traces, told, strict=True)]

    assert seen == {"guest": [False] * 4, "staff": [True] * 4}

"""The gate: a call that lacks a scope is refused before anything of it runs, however its agent is named."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import anyio
import pytest

from tests.support.hosted import SCOPES, VERSIONS, HostedServer, hosted_server, message
from tests.support.tools import operations, slow_agent
from tests.support.waiting import WAIT_S

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.servers import Exchange

AGENTS = {"open": "", "vault": 'allow = { scopes = ["vault:open", "vault:read"] }'}
OPENED = f"{SCOPES} vault:open vault:read"
CALLS: list[tuple[str, dict[str, Any], str]] = [
    ("invoke_agent", {"prompt": "hi"}, "agentcore:invoke"),
    ("run_command", {"command": "true"}, "agentcore:command"),
    ("stop_session", {"session_id": "review"}, "agentcore:stop"),
]


def _step_up(answer: Any) -> str:
    """Return the scopes that a refusal asks for."""
    assert answer.status_code == 403, answer.text
    assert answer.json()["error"] == "insufficient_scope"
    challenge: str = answer.headers["www-authenticate"]
    assert challenge.startswith('Bearer error="insufficient_scope", error_description="this needs the scope ')
    assert challenge.endswith(', resource_metadata="https://mcp.example.com/.well-known/oauth-protected-resource/mcp"')
    return challenge.partition('scope="')[2].partition('"')[0]


async def test_a_call_that_lacks_a_scope_is_told_which_to_ask_for(tmp_path: Path, subtests: pytest.Subtests) -> None:
    async with hosted_server(tmp_path, agents=AGENTS) as server:
        for version in VERSIONS:
            for tool, arguments, scope in CALLS:
                with subtests.test(f"{tool} {version}"):
                    bare = server.token(scope="openid offline")
                    answer = await server.call(tool, {**arguments, "agent": "open"}, bare, version=version)
                    assert _step_up(answer) == f"{scope} offline openid"
                    answer = await server.call(tool, {**arguments, "agent": "vault"}, bare, version=version)
                    assert _step_up(answer) == f"{scope} offline openid vault:open vault:read"
                    some = server.token(scope=f"vault:read {scope}")
                    answer = await server.call(tool, {**arguments, "agent": "vault"}, some, version=version)
                    assert _step_up(answer) == f"{scope} vault:open vault:read"
                    # What needs no agent and no scope.
                    answer = await server.call("list_agents", {}, bare, version=version)
                    assert message(answer)["result"]["isError"] is False
        assert operations(server.runtime) == []
        for tool, arguments, scope in CALLS:
            token = server.token(scope=f"{scope} vault:open vault:read")
            answer = await server.call(tool, {**arguments, "agent": "vault"}, token)
            assert message(answer)["result"]["isError"] is False
        assert operations(server.runtime) == ["invocations", "commands", "stopruntimesession"]


@pytest.mark.parametrize("version", VERSIONS)
async def test_the_agent_of_a_session_counts_as_if_it_were_named(version: str, tmp_path: Path) -> None:
    async with hosted_server(tmp_path, agents=AGENTS) as server:
        opened = {"prompt": "hi", "agent": "vault", "session_id": "review"}
        answer = await server.call("invoke_agent", opened, server.token(scope=OPENED), version=version)
        session_id = message(answer)["result"]["structuredContent"]["session_id"]
        for tool, arguments, _ in CALLS:
            for called in ("review", session_id, f" {session_id}\n"):
                for agent in ({}, {"agent": "null"}, {"agent": None}, {"agent": "vault"}):
                    given = {**arguments, "session_id": called, **agent}
                    answer = await server.call(tool, given, server.token(), version=version)
                    assert _step_up(answer) == OPENED.replace("invoke agentcore:command", "command agentcore:invoke")
        for everything in ("all", " ALL "):
            answer = await server.call("stop_session", {"session_id": everything}, server.token(), version=version)
            assert _step_up(answer).endswith("vault:read")
        assert operations(server.runtime) == ["invocations"]
        # With the agent named, the session is that agent's of the same name.
        other = {"prompt": "hi", "agent": "open", "session_id": "review"}
        assert (await server.call("invoke_agent", other, server.token(), version=version)).is_success


@pytest.mark.parametrize("version", VERSIONS)
async def test_the_agent_of_a_handle_counts_as_if_it_were_named(version: str, tmp_path: Path) -> None:
    agent = slow_agent()
    async with hosted_server(tmp_path, agents=AGENTS, answer=agent, top="handoff_after = 0.05") as server:
        begun = await server.call(
            "invoke_agent", {"prompt": "hi", "agent": "vault"}, server.token(scope=OPENED), version=version
        )
        handle = message(begun)["result"]["structuredContent"]["handle"]
        for tool in ("invoke_agent", "read_output"):
            answer = await server.call(tool, {"handle": handle}, server.token(), version=version)
            assert _step_up(answer).endswith("vault:open vault:read")
        answer = await server.call("read_output", {"handle": handle}, server.token(scope=OPENED), version=version)
        assert message(answer)["result"]["isError"] is False
        agent.go_on.set()


async def test_a_handle_that_a_tool_does_not_take_hides_no_session(tmp_path: Path) -> None:
    """A host may add arguments of its own to every call, which tools without such an argument ignore."""
    async with hosted_server(tmp_path, agents=AGENTS, top='tools = ["stop_session"]') as server:
        given = {"session_id": "review", "agent": "vault", "handle": "x"}
        assert _step_up(await server.call("stop_session", given, server.token())).endswith("vault:read")
        assert operations(server.runtime) == []


async def test_a_call_whose_agent_cannot_be_found_out_is_refused(tmp_path: Path) -> None:
    """Whether its token lacks scopes isn't known; the tool might find the agent a moment later."""
    top = 'discover = { region = "us-east-1" }'
    async with hosted_server(tmp_path, agents=AGENTS, top=top) as server:
        for arguments in ({"prompt": "hi"}, {"prompt": "hi", "agent": "found"}):
            answer = await server.call("invoke_agent", arguments, server.token())
            assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
            assert message(answer)["error"]["message"].startswith("can't list the runtimes: no AWS credentials found")
        # It needs no list.
        assert (await server.call("invoke_agent", {"prompt": "hi", "agent": "open"}, server.token())).is_success
        assert operations(server.runtime) == ["invocations"]


async def test_the_names_of_tools_scopes_are_the_operator_s(tmp_path: Path) -> None:
    auth = '[server.auth.scopes]\ninvoke = "api://agents/Ask"\nstop = "api://agents/Ask"'
    async with hosted_server(tmp_path, agents=AGENTS, auth=auth) as server:
        metadata = await server.http.get(server.url.removesuffix("/mcp") + "/.well-known/oauth-protected-resource")
        assert metadata.json()["scopes_supported"] == ["agentcore:command", "api://agents/Ask"]
        token = server.token(scope="other")
        ask = {"prompt": "hi", "agent": "open"}
        assert _step_up(await server.call("invoke_agent", ask, token)) == "api://agents/Ask other"
        token = server.token(scope="api://agents/Ask")
        assert (await server.call("invoke_agent", ask, token)).is_success
        assert (await server.call("stop_session", {"session_id": "all"}, token)).is_success


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_client_that_leaves_ends_its_call(version: str, tmp_path: Path) -> None:
    """The gate reads the body, and what comes after it is the SDK's."""
    asked, hung_up = anyio.Event(), anyio.Event()

    async def answer(exchange: Exchange) -> None:
        asked.set()
        await exchange.peer_closed()
        hung_up.set()

    async with hosted_server(tmp_path, agents={"one": ""}, answer=answer) as server:
        url = urlsplit(server.url)
        with anyio.fail_after(WAIT_S):
            async with await anyio.connect_tcp(url.hostname or "", url.port or 0) as connection:
                await connection.send(_raw_call(server, version))
                await asked.wait()
            await hung_up.wait()


def _raw_call(server: HostedServer, version: str) -> bytes:
    meta = {
        "io.modelcontextprotocol/protocolVersion": version,
        "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "0"},
        "io.modelcontextprotocol/clientCapabilities": {},
    }
    params = {"name": "invoke_agent", "arguments": {"prompt": "hi"}, "_meta": meta}
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}).encode()
    lines = {
        "Host": "localhost",
        "Authorization": f"Bearer {server.token()}",
        "Accept": "application/json, text/event-stream",
        "Content-Type": "application/json",
        "Mcp-Protocol-Version": version,
        "Mcp-Method": "tools/call",
        "Mcp-Name": "invoke_agent",
        "Content-Length": str(len(body)),
    }
    return "".join(["POST /mcp HTTP/1.1\r\n", *(f"{k}: {v}\r\n" for k, v in lines.items()), "\r\n"]).encode() + body


@pytest.mark.parametrize("version", VERSIONS)
async def test_calling_and_listing_the_tools_of_an_agent_need_the_scope_of_asking_it(
    version: str, tmp_path: Path
) -> None:
    agents = {"tools": 'protocol = "mcp"', "hidden": 'protocol = "mcp"\nallow = { groups = ["staff"] }'}
    async with hosted_server(tmp_path, agents=agents) as server:
        bare, invoking = server.token(scope="openid offline"), server.token(scope="agentcore:invoke")
        calling = {"tool": "add", "arguments": {"agent": "open"}}
        for tool, arguments in (("call_agent_tool", calling), ("list_agents", {})):
            answer = await server.call(tool, {**arguments, "agent": "tools"}, bare, version=version)
            assert _step_up(answer) == "agentcore:invoke offline openid"
            refusals = []
            for name in ("hidden", "nowhere"):
                answer = await server.call(tool, {**arguments, "agent": name}, invoking, version=version)
                refusals.append(json.dumps(message(answer)["result"]).replace(name, "NAME"))
            assert refusals[0] == refusals[1]
            assert "has to be one of tools" in refusals[0]
        answer = await server.call("list_agents", {}, bare, version=version)
        assert "hidden" not in answer.text
        assert operations(server.runtime) == []

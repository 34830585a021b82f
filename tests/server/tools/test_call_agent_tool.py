"""call_agent_tool: MCP servers behind the local AgentCore, called by the SDK's client through our server."""

from __future__ import annotations

import asyncio
import json
import os
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import anyio
import anyio.lowlevel
import pytest
from mcp import Client
from mcp.types import CallToolRequest, CallToolRequestParams, CallToolResult, ElicitResult, InputRequiredResult
from pydantic import TypeAdapter

from agentcore_mcp.local.agentcore import LocalAgentCore
from agentcore_mcp.server.assembly import create_server
from agentcore_mcp.server.tools.call_agent_tool import SESSION_META
from agentcore_mcp.wire.ids import RuntimeArn
from tests.support.agents.mcp_tools import PIXEL
from tests.support.mcp_hosts import MODES, TRANSPORTS, connected, http_server
from tests.support.redis import redis_server
from tests.support.tools import data_of, settings, text_of
from tests.support.waiting import WAIT_S

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from mcp.client.session import ClientRequestContext
    from mcp.types import ElicitRequestParams

FARS = ("stateful", "stateless", "older", "older_stateless")
ANSWERED: TypeAdapter[CallToolResult | InputRequiredResult] = TypeAdapter(CallToolResult | InputRequiredResult)
MODULE = "tests.support.agents.mcp_tools"


@pytest.fixture(scope="module")
def local() -> Iterator[LocalAgentCore]:
    agents = {far: {"app": f"{MODULE}:{far}", "protocol": "mcp"} for far in FARS}
    with LocalAgentCore(agents={**agents, "talker": {"app": "tests.support.agents.probe:app"}}, auth="sigv4") as local:
        yield local


@pytest.fixture
def file(local: LocalAgentCore, tmp_path: Path) -> Path:
    return written(tmp_path, local)


def written(folder: Path, local: LocalAgentCore, **more: str) -> Path:
    file = folder / "config.toml"
    tables = [
        f'[agents.{name}]\narn = "{arn}"\nendpoint_url = "{local.endpoint_url}"\n'
        f'protocol = "{"http" if name == "talker" else "mcp"}"\n' + more.get(name, "")
        for name, arn in local.agents.items()
    ]
    file.write_text("\n".join([more.get("top", ""), *tables]), encoding="utf-8")
    return file


@asynccontextmanager
async def host(
    transport: str, mode: str, file: Path, local: LocalAgentCore, *args: str, **client: Any
) -> AsyncIterator[Client]:
    env = {**os.environ, **local.environ(), "AGENTCORE_RUNTIME_ARN": ""}
    async with connected(transport, mode, env=env, args=("--config", str(file), *args), **client) as connection:
        yield connection


async def call(client: Client, tool: str, agent: str = "stateful", **arguments: Any) -> CallToolResult:
    given = {"agent": agent, "tool": tool, "arguments": arguments, "session_id": "tests"}
    return await client.call_tool("call_agent_tool", given)


async def said_ada(_: ClientRequestContext, params: ElicitRequestParams) -> ElicitResult:
    assert "What is your name?" in params.message
    return ElicitResult(action="accept", content={"name": "Ada"})


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_tools_are_listed_and_called_in_one_session_of_each_kind_of_server(
    transport: str, mode: str, file: Path, local: LocalAgentCore
) -> None:
    async with host(transport, mode, file, local) as client:
        for far in FARS:
            listed = await client.call_tool("list_agents", {"agent": far})
            assert listed.structured_content is not None
            assert '- add: Add two numbers.\n  arguments: {"' in listed.structured_content["tools"]
            assert listed.structured_content["tools"] in text_of(listed)
            added = await call(client, "add", far, a=1, b=2)
            assert added.structured_content == {"result": 3}
            assert text_of(added).startswith("3[session_id: ")
            pids = {(await call(client, "pid", far)).structured_content["result"] for _ in range(2)}
            assert len(pids) == 1


@pytest.mark.parametrize("mode", MODES)
async def test_a_result_comes_back_as_it_is_with_the_session_after_it(
    mode: str, file: Path, local: LocalAgentCore
) -> None:
    async with host("stdio", mode, file, local) as client:
        result = await call(client, "everything")
        failed = await call(client, "fails")
    kinds = ["text", "image", "resource_link", "resource", "resource"]
    content: list[Any] = [*result.content]
    assert [block.type for block in content] == [*kinds, "text"]
    assert content[1].data == PIXEL
    assert result.structured_content == {"kinds": 5}
    assert not result.is_error
    assert result.meta is not None
    assert result.meta["theirs"]
    assert content[-1].text == f"[session_id: {result.meta[SESSION_META]}]"
    assert failed.is_error
    assert text_of(failed).startswith("Error executing tool fails")


async def test_a_connection_costs_requests_only_once_in_a_session(file: Path, local: LocalAgentCore) -> None:
    async with host("stdio", "legacy", file, local) as client:
        costs: dict[str, list[int]] = {}
        for far in FARS:
            costs[far] = []
            for _ in range(2):
                before = len(local.requests())
                await client.call_tool(
                    "call_agent_tool", {"agent": far, "tool": "pid", "session_id": f"cost-{os.getpid()}"}
                )
                costs[far].append(len(local.requests()) - before)
    # server/discover and tools/call; for older servers besides initialize and its notification.
    assert costs == {"stateful": [2, 1], "stateless": [2, 1], "older": [4, 1], "older_stateless": [4, 1]}


async def test_a_server_that_has_lost_the_mcp_session_is_connected_to_anew(file: Path, local: LocalAgentCore) -> None:
    async with host("stdio", "legacy", file, local) as client:
        first = await call(client, "pid", "older")
        died = await call(client, "dies", "older")
        second = await call(client, "pid", "older")
    assert died.is_error
    assert "check with another call in the same session" in text_of(died)
    assert first.structured_content != second.structured_content
    assert not second.is_error


@pytest.mark.parametrize("far", FARS)
@pytest.mark.parametrize("mode", MODES)
async def test_progress_arrives_while_the_tool_works(
    mode: str, far: str, file: Path, local: LocalAgentCore, tmp_path: Path
) -> None:
    may_end = tmp_path / "may-end"
    told: list[tuple[float, str | None]] = []

    async def on_progress(progress: float, total: float | None, message: str | None) -> None:
        told.append((progress, message))
        if message is not None and "half of it" in message:
            may_end.touch()

    async with host("stdio", mode, file, local) as client:
        given = {"agent": far, "tool": "slowly", "arguments": {"path": str(may_end)}, "session_id": "tests"}
        with anyio.fail_after(WAIT_S):
            result = await client.call_tool("call_agent_tool", given, progress_callback=on_progress)
    assert text_of(result).startswith("done")
    assert (2, "[0.5/1] half of it\n") in told
    assert [progress for progress, _ in told] == sorted({progress for progress, _ in told})


async def test_cancelling_reaches_the_tool_of_a_server_with_sessions(
    file: Path, local: LocalAgentCore, tmp_path: Path
) -> None:
    """As of 2026-07-28 a connection is closed instead, which AgentCore doesn't tell the server."""
    given = {"agent": "older", "tool": "slowly", "arguments": {"path": str(tmp_path / "never")}, "session_id": "tests"}
    async with host("stdio", "legacy", file, local) as client:
        begun = anyio.Event()

        async def on_progress(progress: float, total: float | None, message: str | None) -> None:
            if "half of it" in (message or ""):
                begun.set()

        with anyio.fail_after(WAIT_S):
            async with anyio.create_task_group() as tasks:

                async def until_cancelled() -> None:
                    await client.call_tool("call_agent_tool", given, progress_callback=on_progress)

                tasks.start_soon(until_cancelled)
                await begun.wait()
                tasks.cancel_scope.cancel()
            while str(tmp_path) not in text_of(await call(client, "cancelled", "older")):
                await anyio.lowlevel.checkpoint()


@pytest.mark.parametrize("far", FARS[:3])
@pytest.mark.parametrize(("transport", "mode"), [("stdio", "legacy"), ("stdio", MODES[1]), ("http", MODES[1])])
async def test_the_user_answers_what_the_tool_asks(
    transport: str, mode: str, far: str, file: Path, local: LocalAgentCore
) -> None:
    async with host(transport, mode, file, local, elicitation_callback=said_ada) as client:
        given = {"agent": far, "tool": "greet", "session_id": f"{transport}-{mode}"}
        result = await client.call_tool("call_agent_tool", given)
    assert text_of(result).startswith("hello, Ada"), text_of(result)


async def test_an_answer_that_comes_after_the_call_has_ended_is_told_how_it_ended(
    local: LocalAgentCore, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in local.environ().items():
        monkeypatch.setenv(name, value)
    agent = {"arn": RuntimeArn.parse(local.agents["stateful"]), "protocol": "mcp", "auth": {}}
    server = create_server(settings(local.endpoint_url, agent=agent))

    async def late(context: ClientRequestContext, params: ElicitRequestParams) -> ElicitResult:
        [running] = server.state.calls()
        running.cancel()
        await asyncio.wait([running])
        return await said_ada(context, params)

    async with Client(server, mode=MODES[1], elicitation_callback=late) as client:
        result = await client.call_tool("call_agent_tool", {"agent": "solo", "tool": "greet", "session_id": "late"})
        assert result.is_error
        assert "and was ended" in text_of(result)

        # A request that has no answer yet, and asks again.
        given = {"agent": "solo", "tool": "greet", "session_id": "later"}
        params = CallToolRequestParams(name="call_agent_tool", arguments=given)
        asked = await client.session.send_request(CallToolRequest(params=params), ANSWERED)
        assert isinstance(asked, InputRequiredResult)
        [running] = server.state.calls()
        running.cancel()
        await asyncio.wait([running])
        params = params.model_copy(update={"request_state": asked.request_state})
        again = await client.session.send_request(CallToolRequest(params=params), ANSWERED)
    assert isinstance(again, CallToolResult)
    assert "and was ended" in text_of(again)


@pytest.mark.parametrize("far", FARS)
async def test_what_a_host_can_not_ask_is_an_error(far: str, file: Path, local: LocalAgentCore) -> None:
    async with host("stdio", "legacy", file, local) as client:
        result = await client.call_tool("call_agent_tool", {"agent": far, "tool": "greet", "session_id": "silent"})
    assert result.is_error
    if not far.startswith("older"):
        assert f"{far} asks: What is your name? (this host can't put that to its user)" in text_of(result)


async def test_a_result_that_is_too_large_is_shortened_and_read_by_its_handle(
    file: Path, local: LocalAgentCore
) -> None:
    async with host("stdio", "legacy", file, local) as client:
        result = await call(client, "much", chars=3_000_000)
        shown = result.structured_content
        assert shown is not None
        assert len(json.dumps(shown)) < 40_000
        assert shown["omitted_chars"] > 2_900_000
        rest = await client.call_tool("read_output", {"handle": shown["handle"], "offset": 2_999_000})
    assert rest.structured_content is not None
    assert rest.structured_content["text"] == "x" * 1000
    assert rest.structured_content["total_bytes"] == 3_000_000


async def test_what_a_tool_says_stays_within_its_entry_and_many_small_pictures_within_a_message(
    file: Path, local: LocalAgentCore
) -> None:
    async with host("stdio", "legacy", file, local) as client:
        listed = text_of(await client.call_tool("list_agents", {"agent": "stateful"}))
        result = await call(client, "sings")

    assert "Sing.\n  agents:\n  - admin: Ask it for anything\n  arguments: {" in listed
    assert listed.count("\nagents:\n") == 1
    assert 1_000 < len(result.content) < 20_000
    assert len(result.model_dump_json()) < 1_048_576


async def test_a_long_call_is_handed_over_and_its_own_result_collected(local: LocalAgentCore, tmp_path: Path) -> None:
    may_end = tmp_path / "may-end"
    file = written(tmp_path, local, top="handoff_after = 0.2")
    async with host("stdio", "legacy", file, local) as client:
        first = await call(client, "slowly", path=str(may_end))
        assert first.structured_content is not None
        assert first.structured_content["status"] == "RUNNING"
        handle = first.structured_content["handle"]
        assert f"call call_agent_tool with handle {handle!r}" in text_of(first)
        may_end.touch()
        with anyio.fail_after(WAIT_S):
            while (result := await client.call_tool("call_agent_tool", {"handle": handle})).meta is None:
                assert not result.is_error
    assert result.structured_content == {"result": "done"}


async def test_another_worker_goes_on_in_the_mcp_session_and_collects_a_result(
    local: LocalAgentCore, tmp_path: Path
) -> None:
    may_end = tmp_path / "may-end"
    env = {**os.environ, **local.environ(), "AGENTCORE_RUNTIME_ARN": ""}
    with redis_server(tmp_path) as redis:
        server = f'[server]\nstore = "{redis.url}"\nsecret = "a-secret-of-this-test-0123456789"'
        args = ("--config", str(written(tmp_path, local, top=f"handoff_after = 1\n{server}")))
        async with (
            http_server(*args, env=env) as first_url,
            http_server(*args, env=env) as second_url,
            Client(first_url) as first,
            Client(second_url) as second,
        ):
            pid = await collected(first, await call(first, "pid", "older"))
            before = len(local.requests())
            assert await collected(second, await call(second, "pid", "older")) == pid
            assert len(local.requests()) - before == 1
            begun = await call(first, "slowly", "older", path=str(may_end))
            may_end.touch()
            assert await collected(second, begun) == "done"


async def collected(client: Client, result: CallToolResult) -> Any:
    """Return the result of a tool, if need be by the handle of its call."""
    with anyio.fail_after(WAIT_S):
        while (data := data_of(result)).get("status") == "RUNNING":
            result = await client.call_tool("call_agent_tool", {"handle": data["handle"]})
    return data["result"]


async def test_mistakes_are_answered_with_what_to_do(file: Path, local: LocalAgentCore) -> None:
    async with host("stdio", "legacy", file, local) as client:
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
        assert "talker" not in str(tools["call_agent_tool"].input_schema)
        assert tools["invoke_agent"].input_schema["properties"]["agent"]["enum"] == ["talker"]
        cases: list[tuple[str, dict[str, Any], str]] = [
            ("call_agent_tool", {"agent": "nobody", "tool": "add"}, "agent is 'nobody', and has to be one of"),
            ("call_agent_tool", {"agent": "stateful"}, "tool is missing"),
            ("call_agent_tool", {"agent": "stateful", "tool": "add", "arguments": [1]}, "has to be an object"),
            ("call_agent_tool", {"agent": "stateful", "tool": "add", "arguments": "{"}, "has to be an object"),
            ("call_agent_tool", {"agent": "stateful", "tool": "nope"}, "Unknown tool: nope"),
            ("call_agent_tool", {"agent": "stateful", "tool": "refuses"}, "MCP error -32050: no such drawer"),
            ("invoke_agent", {"agent": "stateful", "prompt": "hello"}, "has to be one of talker"),
        ]
        for tool, arguments, expected in cases:
            result = await client.call_tool(tool, arguments)
            assert result.is_error
            assert expected in text_of(result)
        for numbers in ('{"a": 1, "b": 2}', {"a": 1, "b": 2}):
            given = {"agent": "stateful", "tool": "add", "arguments": numbers, "session_id": "tests"}
            assert text_of(await client.call_tool("call_agent_tool", given)).startswith("3")
        odd = await call(client, "odd.name-with_ünïcode", x={"ü": [1]})
        assert text_of(odd).startswith("{'ü': [1]}")

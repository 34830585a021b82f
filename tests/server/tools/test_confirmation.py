"""What the user is asked before a command is run, and what counts as a yes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from mcp import Client
from mcp.shared.exceptions import MCPError
from mcp.types import CallToolResult, ElicitResult, InputRequiredResult

from agentcore_mcp.server.assembly import create_server
from tests.support.mcp_hosts import MODES
from tests.support.principals import ALICE, OTHERS, calling_as
from tests.support.raw_hosts import raw_host
from tests.support.servers import loopback_server
from tests.support.tools import PREFIX, SESSION, operations, say_hello, settings, text_of

if TYPE_CHECKING:
    from pathlib import Path

    from mcp import ClientSession

    from agentcore_mcp.server.hosted.principals import Principal


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("action", "runs"), [("accept", True), ("decline", False), ("cancel", False)])
async def test_the_user_is_asked_where_the_settings_say_so(mode: str, action: Any, runs: bool) -> None:
    questions: list[str] = []

    async def ask(context: Any, params: Any) -> ElicitResult:
        questions.append(params.message)
        return ElicitResult(action=action, content={"run": True} if action == "accept" else None)

    async with (
        loopback_server(say_hello) as runtime,
        Client(
            create_server(settings(runtime.endpoint_url, agent={"commands": {"mode": "ask"}})),
            mode=mode,
            elicitation_callback=ask,
        ) as client,
    ):
        result = await client.call_tool("run_command", {"command": "make install", "session_id": SESSION})

    assert len(questions) == 1
    assert "make install" in questions[0]
    assert SESSION in questions[0]
    assert result.is_error != runs
    assert operations(runtime) == (["commands"] if runs else [])


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (ElicitResult(action="accept", content={}), "did not allow this command"),
        (ElicitResult(action="accept", content={"run": False}), "did not allow this command"),
        (ElicitResult(action="accept"), "accepted elicitation with no content"),
        (ElicitResult(action="decline"), "did not allow this command"),
        (ElicitResult(action="cancel"), "it was not answered"),
    ],
)
async def test_nothing_but_an_explicit_yes_is_one(mode: str, answer: ElicitResult, told: str) -> None:
    schemas: list[dict[str, Any]] = []

    async def ask(context: Any, params: Any) -> ElicitResult:
        schemas.append(params.requested_schema)
        return answer

    server = create_server(settings("http://127.0.0.1:9", agent={"commands": {"mode": "ask"}}))
    async with Client(server, mode=mode, elicitation_callback=ask) as client:
        refused = await client.call_tool("run_command", {"command": "ls"})

    assert refused.is_error
    assert told in text_of(refused).lower()
    # Codex shows no question whose schema has more at its root.
    assert schemas[0].keys() == {"type", "properties", "required"}
    assert schemas[0]["required"] == ["run"]
    assert "default" not in schemas[0]["properties"]["run"]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    "arguments",
    [
        {"command": " "},
        {"command": "x" * 65_537},
        {"command": "ls", "timeout_seconds": 0},
        {"command": "ls", "timeout_seconds": 3601},
        {"command": "ls", "session_id": "no session"},
        {"command": "curl x"},
        {"command": "ls", "agent": "another"},
        {"command": "", "handle": "no such handle"},
    ],
)
async def test_nobody_is_asked_about_a_command_that_can_not_run(mode: str, arguments: dict[str, Any]) -> None:
    questions: list[str] = []

    async def ask(context: Any, params: Any) -> ElicitResult:
        questions.append(params.message)
        return ElicitResult(action="accept", content={"run": True})

    commands = {"mode": "ask", "deny": ["curl *"]}
    server = create_server(settings("http://127.0.0.1:9", "one", "two", agent={"commands": commands}))
    async with Client(server, mode=mode, elicitation_callback=ask) as client:
        refused = await client.call_tool("run_command", {"agent": "one", **arguments})

    assert refused.is_error
    assert questions == []


async def test_the_question_shows_the_command_first_and_nothing_in_it_can_pass_for_the_question() -> None:
    questions: list[str] = []

    async def ask(context: Any, params: Any) -> ElicitResult:
        questions.append(params.message)
        return ElicitResult(action="decline")

    command = "rm -rf / \x1b[8m\r\u202e\n\nRun this command in a new session of solo?\u200b"
    server = create_server(settings("http://127.0.0.1:9", agent={"commands": {"mode": "ask"}}))
    async with Client(server, mode="legacy", elicitation_callback=ask) as client:
        await client.call_tool("run_command", {"command": command, "session_id": "review"})

    assert questions[0].split("\n") == [
        r"$ rm -rf / \x1b[8m\r\u202e\n",
        r"> \n",
        r"> Run this command in a new session of solo?\u200b",
        "",
        "Run this command in session review of solo?",
    ]


async def test_one_yes_runs_a_command_once(tmp_path: Path) -> None:
    meta = {
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "0"},
        "io.modelcontextprotocol/clientCapabilities": {"elicitation": {"form": {}}},
    }
    call = {"name": "run_command", "arguments": {"command": "make install"}, "_meta": meta}
    async with loopback_server(say_hello) as runtime:
        config = tmp_path / "config.toml"
        config.write_text(
            f'[agents.one]\narn = "{PREFIX}/one-0123456789"\nendpoint_url = "{runtime.endpoint_url}"\n'
            'auth = { none = true }\ncommands = "ask"\n',
            encoding="utf-8",
        )
        async with raw_host({"AGENTCORE_CONFIG": str(config)}) as host:
            asked = (await host.request(1, "tools/call", call))["result"]
            (question,) = asked["inputRequests"]
            yes = {question: {"action": "accept", "content": {"run": True}}}
            answered = {**call, "inputResponses": yes, "requestState": asked["requestState"]}
            first = await host.request(2, "tools/call", answered)
            second = await host.request(3, "tools/call", answered)
            without_state = await host.request(4, "tools/call", {**call, "inputResponses": yes})

    assert first["result"]["structuredContent"]["exit_code"] == 0
    assert "requestState" in second["error"]["message"]
    assert without_state["result"]["resultType"] == "input_required"
    assert operations(runtime) == ["commands"]


COMMAND = {"command": "make install"}


async def asked_about(session: ClientSession) -> InputRequiredResult:
    asked = await session.call_tool("run_command", COMMAND, allow_input_required=True)
    assert isinstance(asked, InputRequiredResult)
    return asked


async def said_yes(session: ClientSession, asked: InputRequiredResult) -> CallToolResult:
    assert asked.input_requests is not None
    yes: Any = {question: ElicitResult(action="accept", content={"run": True}) for question in asked.input_requests}
    return await session.call_tool("run_command", COMMAND, input_responses=yes, request_state=asked.request_state)


@pytest.mark.parametrize("other", OTHERS, ids=["subject", "client", "issuer"])
async def test_a_question_to_one_caller_is_not_for_another_to_answer(other: Principal) -> None:
    async def ask(context: Any, params: Any) -> ElicitResult:
        raise AssertionError("the test answers itself")

    async with loopback_server(say_hello) as runtime:
        server = create_server(settings(runtime.endpoint_url, agent={"commands": {"mode": "ask"}}))
        async with Client(server, mode="2026-07-28", elicitation_callback=ask) as client:
            with calling_as(ALICE):
                asked = await asked_about(client.session)
            with calling_as(other):
                with pytest.raises(MCPError, match="requestState") as theirs:
                    await said_yes(client.session, asked)
                with pytest.raises(MCPError) as made_up:
                    await said_yes(client.session, asked.model_copy(update={"request_state": "made up"}))
            assert operations(runtime) == []
            with calling_as(ALICE):
                await said_yes(client.session, asked)

    assert theirs.value.error == made_up.value.error
    assert operations(runtime) == ["commands"]

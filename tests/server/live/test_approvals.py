"""Commands that a user approves in the live view: only there, once, by whom it was asked, and nothing else is run."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pytest
from mcp.types import ElicitResult

from agentcore_mcp.server.assembly import create_server
from agentcore_mcp.server.live import approvals
from tests.support.apps import app_host
from tests.support.hosted import hosted_server
from tests.support.mcp_hosts import MODES
from tests.support.principals import ALICE, BOB, calling_as
from tests.support.redis import redis_server
from tests.support.servers import loopback_server
from tests.support.tools import data_of, operations, say_hello, settings, text_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from mcp.types import CallToolResult

ASK = {"commands": {"mode": "ask", "deny": ["curl *"]}}


def question(result: CallToolResult) -> dict[str, Any]:
    """Return what the page is given to ask with."""
    assert result.meta is not None
    asked = result.meta[approvals.META]
    assert isinstance(asked, dict)
    return asked


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("names", [("solo",), ("one", "two")])
async def test_an_approved_command_runs_once(mode: str, names: tuple[str, ...]) -> None:
    async with loopback_server(say_hello) as runtime:
        server = create_server(settings(runtime.endpoint_url, *names, agent=ASK))
        async with app_host(server, mode) as client:
            agent = {"agent": names[-1]} if len(names) > 1 else {}
            asked = await client.call_tool("run_command", {"command": "make\u202e\ninstall", **agent})
            before = operations(runtime)
            ran = await client.call_tool("decide_command", {**question(asked)["arguments"], "run": True})
            again = await client.call_tool("decide_command", {**question(asked)["arguments"], "run": True})

    assert before == []
    assert data_of(asked)["status"] == "UNANSWERED"
    assert question(asked)["command"] == "make\\u202e\ninstall"
    assert (data_of(ran)["status"], data_of(ran)["stdout"]) == ("COMPLETED", "done\n")
    assert data_of(ran)["session_id"] == data_of(asked)["session_id"]
    assert again.is_error
    assert operations(runtime) == ["commands"]


async def test_what_approves_a_command_is_in_nothing_that_a_model_reads() -> None:
    server = create_server(settings("http://127.0.0.1:9", agent=ASK))
    async with app_host(server) as client:
        asked = await client.call_tool("run_command", {"command": "ls"})

    token = question(asked)["arguments"]["approval"]
    assert len(token) > 60
    assert token not in text_of(asked)
    assert token not in str(asked.structured_content)


async def test_an_approved_command_that_fails_says_of_which_agent_and_what_to_do() -> None:
    async with app_host(create_server(settings("http://127.0.0.1:9", agent=ASK))) as client:
        arguments = question(await client.call_tool("run_command", {"command": "ls"}))["arguments"]
        failed = await client.call_tool("decide_command", {**arguments, "run": True})

    assert failed.is_error
    assert "agent solo" in text_of(failed)
    assert "Nothing was sent, so it is safe to call again." in text_of(failed)


async def test_a_refused_command_is_not_run_and_can_not_be_approved_later() -> None:
    async with (
        loopback_server(say_hello) as runtime,
        app_host(create_server(settings(runtime.endpoint_url, agent=ASK))) as client,
    ):
        arguments = question(await client.call_tool("run_command", {"command": "ls"}))["arguments"]
        denied = await client.call_tool("decide_command", {**arguments, "run": False})
        late = await client.call_tool("decide_command", {**arguments, "run": True})

    assert data_of(denied)["status"] == "DENIED"
    assert late.is_error
    assert operations(runtime) == []


@pytest.mark.parametrize("token", ["", "yes", "v1.AAAA", "x" * 10_000, "\u202e", "é"])
async def test_a_made_up_approval_runs_nothing(token: str) -> None:
    async with (
        loopback_server(say_hello) as runtime,
        app_host(create_server(settings(runtime.endpoint_url, agent=ASK))) as client,
    ):
        refused = await client.call_tool("decide_command", {"approval": token, "run": True})

    assert refused.is_error
    assert "nothing was run" in text_of(refused)
    assert operations(runtime) == []


async def test_an_approval_is_good_for_whom_it_was_asked_for_its_agent_and_this_server() -> None:
    async with loopback_server(say_hello) as runtime:
        chosen = settings(runtime.endpoint_url, "one", "two", agent=ASK)
        async with app_host(create_server(chosen)) as client, app_host(create_server(chosen)) as elsewhere:
            with calling_as(ALICE):
                asked = await client.call_tool("run_command", {"command": "ls", "agent": "one"})
                arguments = question(asked)["arguments"]
                token = arguments["approval"]
                altered = f"{token[:-2]}{'B' if token[-2] == 'A' else 'A'}{token[-1]}"
                refused = [
                    await client.call_tool("decide_command", {**arguments, "approval": altered, "run": True}),
                    await elsewhere.call_tool("decide_command", {**arguments, "run": True}),
                ]
            with calling_as(BOB):
                refused.append(await client.call_tool("decide_command", {**arguments, "run": True}))
            with calling_as(ALICE):
                asked = await client.call_tool("run_command", {"command": "ls", "agent": "one"})
                refused.append(
                    await client.call_tool(
                        "decide_command", {**question(asked)["arguments"], "agent": "two", "run": True}
                    )
                )

    assert all(result.is_error for result in refused)
    assert operations(runtime) == []


async def test_an_approval_gets_too_old() -> None:
    server = create_server(settings("http://127.0.0.1:9", agent=ASK))
    codec = server.state.confirmations
    async with app_host(server) as client:
        arguments = question(await client.call_tool("run_command", {"command": "ls"}))["arguments"]
        purpose, owner, _, command = json.loads(codec.unseal(arguments["approval"]))
        old = [purpose, owner, time.time() - 1, command]
        arguments["approval"] = codec.seal(json.dumps(old).encode())
        refused = await client.call_tool("decide_command", {**arguments, "run": True})

    assert "too old; nothing was run" in text_of(refused)


@pytest.mark.parametrize(
    "changed", [lambda state: ["", *state[1:]], lambda state: state[1:], lambda state: {"a": state}]
)
async def test_nothing_that_was_sealed_for_another_purpose_approves(changed: Callable[[list[Any]], Any]) -> None:
    server = create_server(settings("http://127.0.0.1:9", agent=ASK))
    codec = server.state.confirmations
    async with app_host(server) as client:
        arguments = question(await client.call_tool("run_command", {"command": "ls"}))["arguments"]
        state = changed(json.loads(codec.unseal(arguments["approval"])))
        refused = await client.call_tool(
            "decide_command", {**arguments, "approval": codec.seal(json.dumps(state).encode()), "run": True}
        )

    assert refused.is_error
    assert "nothing was run" in text_of(refused)


async def test_a_host_that_can_ask_does_so_by_itself() -> None:
    asked = []

    async def ask(context: Any, params: Any) -> ElicitResult:
        asked.append(params.message)
        return ElicitResult(action="decline")

    async with app_host(create_server(settings("http://127.0.0.1:9", agent=ASK)), elicitation_callback=ask) as client:
        result = await client.call_tool("run_command", {"command": "ls"})

    assert len(asked) == 1
    assert result.is_error


async def test_a_command_that_may_not_run_is_asked_about_nowhere() -> None:
    async with app_host(create_server(settings("http://127.0.0.1:9", agent=ASK))) as client:
        refused = await client.call_tool("run_command", {"command": "curl x"})

    assert refused.is_error
    assert not refused.meta


async def test_an_approval_is_good_at_any_worker_and_once_at_all_of_them(tmp_path: Path) -> None:
    with redis_server(tmp_path) as redis:
        async with loopback_server(say_hello) as runtime:
            chosen = settings(runtime.endpoint_url, agent=ASK, server={"store": redis.url})
            async with app_host(create_server(chosen)) as a, app_host(create_server(chosen)) as b:
                arguments = question(await a.call_tool("run_command", {"command": "ls"}))["arguments"]
                ran = await b.call_tool("decide_command", {**arguments, "run": True})
                again = await a.call_tool("decide_command", {**arguments, "run": True})

    assert data_of(ran)["exit_code"] == 0
    assert again.is_error
    assert operations(runtime) == ["commands"]


async def test_approving_needs_the_scope_of_commands(tmp_path: Path) -> None:
    async with hosted_server(tmp_path, agents={"one": 'commands = "ask"'}) as server:
        arguments = {"approval": "x", "run": True, "agent": "one"}
        token = server.token(scope="agentcore:invoke")
        refused = await server.call("decide_command", arguments, token)
        let_in = await server.call("decide_command", arguments, server.token())
        watching = await server.call("watch_call", {"handle": "x" * 12}, token)

    assert refused.status_code == 403
    assert 'scope="agentcore:command agentcore:invoke"' in refused.headers["www-authenticate"]
    assert let_in.status_code == watching.status_code == 200

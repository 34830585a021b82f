"""The official TypeScript SDK as the host: lists the tools, calls each with progress, cancels, on both transports.

The calls are made by ``typescript/client.mjs``; here is what must be true of what it saw.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from asyncio.subprocess import DEVNULL, PIPE
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.mcp_hosts import TRANSPORTS, http_server
from tests.support.node import INSTALL_LIMIT_S, install, require_node
from tests.support.waiting import WAIT_S

if TYPE_CHECKING:
    from agentcore_mcp.local.agentcore import LocalAgentCore

FOLDER = Path(__file__).parent / "typescript"
# Under --timeout's patience, installing counts as part of the first test.
pytestmark = [pytest.mark.timeout(INSTALL_LIMIT_S + 3 * WAIT_S), pytest.mark.usefixtures("sdk")]

SESSION_ID = "typescript-sdk-session-0123456789abcdef"
CANCELLED_ASK = "typescript-sdk-cancelled-ask-0123456789"
CANCELLED_COMMAND = "typescript-sdk-cancelled-command-012345"


@pytest.fixture(scope="module")
def sdk() -> None:
    require_node()
    install(FOLDER)


async def host(transport: str, runtime: LocalAgentCore, *calls: dict[str, Any]) -> dict[str, Any]:
    """Have the TypeScript client make calls to a server for the local AgentCore, and return what it saw."""
    env = {
        "AGENTCORE_RUNTIME_ARN": runtime.agent_runtime_arn,
        "AGENTCORE_ENDPOINT_URL": runtime.endpoint_url,
        "AGENTCORE_BEARER_TOKEN": "obviously-not-a-real-token",
    }
    plan: dict[str, Any] = {"journal": f"{runtime.endpoint_url}/_local/requests", "calls": calls}
    async with AsyncExitStack() as stack:
        if transport == "http":
            plan["url"] = await stack.enter_async_context(http_server(env=env))
        else:
            plan |= {"command": sys.executable, "args": ["-m", "agentcore_mcp"], "env": {**os.environ, **env}}
        node = await asyncio.create_subprocess_exec(
            "node", "client.mjs", json.dumps(plan), cwd=FOLDER, stdin=DEVNULL, stdout=PIPE
        )
        try:
            output, _ = await asyncio.wait_for(node.communicate(), 2 * WAIT_S)
        finally:
            if node.returncode is None:
                node.kill()
                await node.wait()
    assert node.returncode == 0
    saw: dict[str, Any] = json.loads(output)
    return saw


def progress_of(call: dict[str, Any]) -> list[dict[str, Any]]:
    return [event["progress"] for event in call["events"] if "progress" in event]


def result_of(call: dict[str, Any]) -> dict[str, Any]:
    """Return the result, which is the last thing that a client sees of a call."""
    result: dict[str, Any] = call["events"][-1]["result"]
    assert not result.get("isError"), result
    return result


def text_of(result: dict[str, Any]) -> str:
    return "".join(block["text"] for block in result["content"])


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_the_typescript_sdk_uses_every_tool_and_sees_progress_before_each_result(
    transport: str, local_agentcore: LocalAgentCore
) -> None:
    # The command works a while: this SDK drops progress that it reads in one piece with the result that follows it.
    command_line = "echo out; sleep 0.5; echo err >&2; exit 7"
    saw = await host(
        transport,
        local_agentcore,
        {"name": "invoke_agent", "arguments": {"prompt": "count to 9"}},
        {"name": "invoke_agent", "arguments": {"prompt": "slow 2", "session_id": SESSION_ID}},
        {"name": "run_command", "arguments": {"command": command_line, "session_id": SESSION_ID}},
        {"name": "stop_session", "arguments": {"session_id": SESSION_ID}},
    )
    new, ask, command, stop = saw["calls"]

    assert [tool["name"] for tool in saw["tools"]] == [
        "invoke_agent",
        "run_command",
        "stop_session",
        "list_agents",
        "read_output",
    ]
    for call in (new, ask, command):
        values = [progress["progress"] for progress in progress_of(call)]
        assert len(values) >= 2
        assert values == sorted(set(values))
        assert "result" in call["events"][-1]

    counted = result_of(new)["structuredContent"]
    assert counted["text"] == "1 2 3 4 5 6 7 8 9"
    assert counted["session_id"] in progress_of(new)[0]["message"]
    assert counted["session_id"] in text_of(result_of(new))

    assert result_of(ask)["structuredContent"]["session_id"] == SESSION_ID
    assert result_of(ask)["structuredContent"]["text"] == "piece 1 of 2\npiece 2 of 2\n"
    assert "piece 2 of 2" in text_of(result_of(ask))
    assert SESSION_ID in text_of(result_of(ask))

    ran = result_of(command)["structuredContent"]
    assert (ran["stdout"], ran["stderr"], ran["exit_code"]) == ("out\n", "err\n", 7)
    assert ran["session_id"] == SESSION_ID
    assert SESSION_ID in text_of(result_of(command))
    assert "exit code 7" in text_of(result_of(command))

    assert result_of(stop)["structuredContent"] == {
        "session_id": SESSION_ID,
        "status": "stopped",
        "stopped": [SESSION_ID],
        "count": 1,
    }
    assert SESSION_ID in text_of(result_of(stop))


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_a_call_cancelled_midway_closes_its_upstream_connection_and_the_server_goes_on(
    transport: str, local_agentcore: LocalAgentCore
) -> None:
    saw = await host(
        transport,
        local_agentcore,
        {"name": "invoke_agent", "arguments": {"prompt": "slow 60", "session_id": CANCELLED_ASK}, "cancel": "piece 1"},
        {
            "name": "run_command",
            "arguments": {"command": "echo begun; sleep 60", "session_id": CANCELLED_COMMAND},
            "cancel": "begun",
        },
        {"name": "stop_session", "arguments": {"session_id": CANCELLED_ASK}},
        {"name": "stop_session", "arguments": {"session_id": CANCELLED_COMMAND}},
    )
    ask, command, *stops = saw["calls"]

    for call, operation in ((ask, "InvokeAgentRuntime"), (command, "InvokeAgentRuntimeCommand")):
        assert "error" in call["events"][-1]
        assert (call["upstream"]["operation"], call["upstream"]["state"]) == (operation, "client_gone")
    for stop in stops:
        assert result_of(stop)["structuredContent"]["status"] == "stopped"

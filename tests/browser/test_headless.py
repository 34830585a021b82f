"""The page as it is shipped, in a DOM for Node with the official app-bridge, wherever Node is: without a browser."""

from __future__ import annotations

import json
import sys
from asyncio.subprocess import DEVNULL, PIPE, create_subprocess_exec
from typing import TYPE_CHECKING, Any

import anyio
import pytest

from agentcore_mcp.wire.eventstream import ContentDelta
from tests.browser.test_live_view import Agent, config
from tests.support.browser import FOLDER
from tests.support.mcp_hosts import MODES
from tests.support.node import INSTALL_LIMIT_S, install, require_node
from tests.support.servers import loopback_server
from tests.support.waiting import WAIT_S

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

# Under --timeout's patience, installing counts as part of the first test.
pytestmark = [pytest.mark.timeout(INSTALL_LIMIT_S + 3 * WAIT_S), pytest.mark.usefixtures("packages")]


@pytest.fixture(scope="module")
def packages() -> None:
    require_node(20)
    install(FOLDER)


async def seen(
    agent: Agent, folder: Path, mode: str, tool: str, *, click: str = "", late: Sequence[Any] = (), **others: Any
) -> dict[str, Any]:
    """Have the page show a call of a tool, and return what it showed and told."""
    async with loopback_server(agent) as runtime, anyio.create_task_group() as tasks:
        tasks.start_soon(agent.say_late, *late)
        plan = {
            "command": sys.executable,
            "args": ["-m", "agentcore_mcp", "--config", config(folder, runtime, **others)],
            "mode": mode,
            "tool": tool,
            "arguments": {"command": "ls"} if tool == "run_command" else {"prompt": "hi"},
            "click": click,
        }
        with anyio.fail_after(2 * WAIT_S):
            node = await create_subprocess_exec(
                "node", "headless.mjs", json.dumps(plan), cwd=FOLDER, stdin=DEVNULL, stdout=PIPE
            )
            output, _ = await node.communicate()
    assert node.returncode == 0
    return dict(json.loads(output))


@pytest.mark.parametrize("mode", MODES)
async def test_it_goes_on_from_the_handle_and_tells_the_model_the_end(tmp_path: Path, mode: str) -> None:
    agent = Agent()
    answer = "**Hello** <script>1</script>"
    shown = await seen(agent, tmp_path, mode, "invoke_agent", late=[answer, None])

    assert shown["result"]["structuredContent"]["status"] == "RUNNING"
    assert shown["state"] == "Done"
    assert "Hello <script>1</script>" in shown["text"]
    assert "has ended: COMPLETED" in shown["told"][0]
    assert "**Hello**" in shown["told"][0]


async def test_cancelling_and_refusing_act_through_the_tools(tmp_path: Path) -> None:
    cancelled = await seen(Agent(), tmp_path, MODES[0], "invoke_agent", click="Cancel")
    agent = Agent()
    agent.say(ContentDelta("never\n"))
    refused = await seen(agent, tmp_path, MODES[1], "run_command", click="Don't run it", commands="ask")

    assert cancelled["state"] == "Failed"
    assert "the user cancelled this call" in cancelled["told"][0]
    assert refused["state"] == "Not allowed"
    assert "the user did not allow the command" in refused["told"][0]
    assert agent.requests == []

"""The official conformance suite and the Inspector's command line as judges of the server, in both protocol versions.

Of the suite, these are the scenarios that apply to any server; the others call tools, prompts and resources that the
suite's own example has.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
import pytest

from tests.support.mcp_hosts import http_server
from tests.support.node import INSTALL_LIMIT_S, install, require_node
from tests.support.waiting import WAIT_S

if TYPE_CHECKING:
    from agentcore_mcp.local.agentcore import LocalAgentCore

FOLDER = Path(__file__).parent / "conformance"
pytestmark = [pytest.mark.timeout(INSTALL_LIMIT_S + 8 * WAIT_S), pytest.mark.usefixtures("judges")]

SCENARIOS = {
    "2025-11-25": [
        "server-initialize",
        "server-session-lifecycle",
        "ping",
        "tools-list",
        "server-sse-multiple-streams",
        "dns-rebinding-protection",
    ],
    "2026-07-28": [
        "server-stateless",
        "tools-list",
        "server-sse-multiple-streams",
        "dns-rebinding-protection",
        "caching",
        "http-header-validation",
        "input-required-result-unsupported-methods",
        "input-required-result-ignore-extra-params",
    ],
}
# These call `test_missing_capability`, a tool of the suite's own example, and fail where there is none.
NOT_TESTABLE = {
    "server-stateless": {"sep-2575-server-rejects-undeclared-capability", "sep-2575-missing-capability-http-400"}
}
_CHECK = re.compile(r"^.*?\[([\w-]+) *\] (SUCCESS|FAILURE|WARNING)\b", re.MULTILINE)
_COLOUR = re.compile(r"\x1b\[\d+m")


@pytest.fixture(scope="module")
def judges() -> None:
    require_node(22)
    install(FOLDER)


def environment(runtime: LocalAgentCore) -> dict[str, str]:
    return {
        "AGENTCORE_RUNTIME_ARN": runtime.agent_runtime_arn,
        "AGENTCORE_ENDPOINT_URL": runtime.endpoint_url,
        "AGENTCORE_BEARER_TOKEN": "obviously-not-a-real-token",
    }


async def run(program: str, *arguments: str) -> tuple[int, str]:
    with anyio.fail_after(WAIT_S):
        done = await anyio.run_process(
            ["node", f"node_modules/.bin/{program}", *arguments], cwd=FOLDER, check=False, stderr=subprocess.STDOUT
        )
    return done.returncode, _COLOUR.sub("", done.stdout.decode())


@pytest.mark.parametrize("version", SCENARIOS)
async def test_the_server_conforms(version: str, local_agentcore: LocalAgentCore, subtests: pytest.Subtests) -> None:
    async with http_server(env=environment(local_agentcore)) as url:
        for scenario in SCENARIOS[version]:
            with subtests.test(scenario):
                code, said = await run(
                    "conformance", "server", "--url", url, "--scenario", scenario, "--spec-version", version
                )
                checks = _CHECK.findall(said)
                assert any(outcome == "SUCCESS" for _, outcome in checks), said
                failed = {name for name, outcome in checks if outcome == "FAILURE"}
                assert failed == NOT_TESTABLE.get(scenario, set()), said
                assert code == (1 if scenario in NOT_TESTABLE else 0), said


@pytest.mark.parametrize("transport", ["stdio", "http"])
async def test_the_inspector_lists_the_tools_and_calls_one(transport: str, local_agentcore: LocalAgentCore) -> None:
    call = ["--method", "tools/call", "--tool-name", "invoke_agent", "--tool-arg", "prompt=count to 3"]
    env = environment(local_agentcore)

    async def asked(*target: str) -> tuple[dict[str, Any], dict[str, Any]]:
        answers = []
        for what in (["--method", "tools/list", "--strict"], call):
            code, said = await run("mcp-inspector", "--cli", *target, *what)
            assert code == 0, said
            answers.append(json.loads(said))
        return answers[0], answers[1]

    if transport == "http":
        async with http_server(env=env) as url:
            tools, result = await asked(url)
    else:
        variables = [part for name, value in env.items() for part in ("-e", f"{name}={value}")]
        tools, result = await asked(sys.executable, "-m", "agentcore_mcp", *variables)

    names = [tool["name"] for tool in tools["tools"]]
    assert names == ["invoke_agent", "run_command", "stop_session", "list_agents", "read_output"]
    assert result["structuredContent"]["text"] == "1 2 3"

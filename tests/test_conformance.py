"""The official conformance suite and the Inspector's command line as judges of the server, in both protocol eras.

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
from tests.support.node import require_node

if TYPE_CHECKING:
    from agentcore_mcp.local.agentcore import LocalAgentCore

FOLDER = Path(__file__).parent / "conformance"
INSTALL_LIMIT_S = 240
JUDGE_LIMIT_S = 45
pytestmark = pytest.mark.timeout(INSTALL_LIMIT_S + 2 * JUDGE_LIMIT_S)

HANDSHAKE, STATELESS = "2025-11-25", "2026-07-28"
SCENARIOS = [
    ("server-initialize", HANDSHAKE),
    ("server-session-lifecycle", HANDSHAKE),
    ("ping", HANDSHAKE),
    ("tools-list", HANDSHAKE),
    ("server-sse-multiple-streams", HANDSHAKE),
    ("dns-rebinding-protection", HANDSHAKE),
    ("server-stateless", STATELESS),
    ("tools-list", STATELESS),
    ("server-sse-multiple-streams", STATELESS),
    ("dns-rebinding-protection", STATELESS),
    ("caching", STATELESS),
    ("http-header-validation", STATELESS),
    ("input-required-result-unsupported-methods", STATELESS),
    ("input-required-result-ignore-extra-params", STATELESS),
]
# These call `test_missing_capability`, a tool of the suite's own example, and fail where there is none.
NOT_TESTABLE = {
    "server-stateless": {"sep-2575-server-rejects-undeclared-capability", "sep-2575-missing-capability-http-400"}
}
_CHECK = re.compile(r"^.*?\[([\w-]+) *\] (SUCCESS|FAILURE|WARNING)\b", re.MULTILINE)
_COLOUR = re.compile(r"\x1b\[\d+m")


@pytest.fixture(scope="module")
def judges() -> None:
    """Install the judges; a second time, npm only looks whether they are still there."""
    require_node(22)
    npm = subprocess.run(
        ["npm", "install", "--no-package-lock", "--no-audit", "--no-fund"],
        cwd=FOLDER,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=INSTALL_LIMIT_S,
        check=False,
    )
    assert npm.returncode == 0, npm.stderr


def environment(runtime: LocalAgentCore) -> dict[str, str]:
    return {
        "AGENTCORE_RUNTIME_ARN": runtime.agent_runtime_arn,
        "AGENTCORE_ENDPOINT_URL": runtime.endpoint_url,
        "AGENTCORE_BEARER_TOKEN": "obviously-not-a-real-token",
    }


async def run(program: str, *arguments: str) -> tuple[int, str]:
    with anyio.fail_after(JUDGE_LIMIT_S):
        done = await anyio.run_process(
            ["node", f"node_modules/.bin/{program}", *arguments], cwd=FOLDER, check=False, stderr=subprocess.STDOUT
        )
    return done.returncode, _COLOUR.sub("", done.stdout.decode())


@pytest.mark.parametrize(("scenario", "version"), SCENARIOS)
async def test_the_server_conforms(scenario: str, version: str, judges: None, local_agentcore: LocalAgentCore) -> None:
    async with http_server(env=environment(local_agentcore)) as url:
        code, said = await run("conformance", "server", "--url", url, "--scenario", scenario, "--spec-version", version)
    checks = _CHECK.findall(said)
    assert any(outcome == "SUCCESS" for _, outcome in checks), said
    assert {name for name, outcome in checks if outcome == "FAILURE"} == NOT_TESTABLE.get(scenario, set()), said
    assert code == (1 if scenario in NOT_TESTABLE else 0), said


@pytest.mark.parametrize("transport", ["stdio", "http"])
async def test_the_inspector_lists_the_tools_and_calls_one(
    transport: str, judges: None, local_agentcore: LocalAgentCore
) -> None:
    call = ["--method", "tools/call", "--tool-name", "invoke_agent", "--tool-arg", "prompt=count to 3"]
    env = environment(local_agentcore)

    async def asked(*target: str) -> tuple[dict[str, Any], dict[str, Any]]:
        answers = []
        for what in (["--method", "tools/list"], call):
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

"""The snippets of docs/local.md do what the page says."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from agentcore_mcp.local.settings import hosted_agents
from tests.support.waiting import WAIT_S

if TYPE_CHECKING:
    from agentcore_mcp.local import LocalAgentCore

PAGE = Path(__file__).parents[2] / "docs/local.md"
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL)


def _blocks(language: str) -> list[str]:
    return [text for kind, text in BLOCKS if kind == language]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Give a folder with the page's Python files in it, each under the name in its first line."""
    for text in _blocks("python"):
        named = re.match(r"# (\w+\.py)\n", text)
        assert named, f"a snippet without the name of a file: {text}"
        (tmp_path / named[1]).write_text(text, "utf-8")
    return tmp_path


def _run(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments], cwd=cwd, capture_output=True, text=True, timeout=3 * WAIT_S, check=False
    )


def test_the_example_of_a_test_suite_passes(folder: Path) -> None:
    scope = ("-o", "asyncio_default_fixture_loop_scope=function")
    ran = _run("-m", "pytest", "-q", "-W", "error", "-p", "no:cacheprovider", *scope, "test_my_agent.py", cwd=folder)

    assert ran.returncode == 0, ran.stdout
    assert "4 passed" in ran.stdout


def test_the_published_sdks_client_can_be_led_here(folder: Path) -> None:
    code = (
        "from local_client import LocalClient; import boto3\n"
        "client = LocalClient('http://127.0.0.1:1234', region='us-east-1', session=boto3.Session('a', 'b'))\n"
        "arn = 'arn:aws:bedrock-agentcore:us-east-1:123456789012:runtime/local_agent-L0calAgent'\n"
        "print(client._build_shell_url(arn, 's' * 33, 'shell'), client._build_websocket_url(arn))\n"
    )
    ran = _run("-W", "ignore", "-c", code, cwd=folder)

    assert [url.startswith("ws://127.0.0.1:1234/runtimes/arn") for url in ran.stdout.split()] == [True, True], (
        ran.stderr
    )


def test_the_example_of_a_file_names_four_agents_in_three_protocols() -> None:
    (text,) = _blocks("toml")

    assert [(agent.name, agent.protocol) for agent in hosted_agents(tomllib.loads(text))] == [
        ("orders", "http"),
        ("search", "a2a"),
        ("legacy", "http"),
        ("tools", "mcp"),
    ]


@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")
def test_the_lines_for_a_shell_get_their_answers(oauth: LocalAgentCore, local_agentcore: LocalAgentCore) -> None:
    said = []
    for line in _blocks("sh"):
        local = oauth if "oauth" in line else local_agentcore
        environ = {**os.environ, "ENDPOINT_URL": local.endpoint_url, "ARN": local.agent_runtime_arn}
        ran = subprocess.run(
            ["/bin/bash", "-c", line], env=environ, capture_output=True, text=True, timeout=WAIT_S, check=True
        )
        said.append(ran.stdout)

    hello, token, throttled = said
    assert "hello" in hello
    assert "access_token" in token
    assert "ThrottlingException" in throttled

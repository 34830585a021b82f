"""The ``agentcore-mcp`` command as a user meets it."""

from __future__ import annotations

import os
import subprocess
import sys

import httpx2
import pytest

from tests.support.mcp_hosts import http_server
from tests.support.runtimes import ARN

LIMIT_S = 40


def run(*args: str, **env: str) -> subprocess.CompletedProcess[str]:
    """Run the command with an environment that names no agent, and nothing on stdin."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("AGENTCORE_", "AWS_"))}
    return subprocess.run(
        [sys.executable, "-m", "agentcore_mcp", *args],
        env=clean | env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )


@pytest.mark.parametrize("args", [(), ("serve", "--port", "0")])
def test_without_an_agent_it_shows_the_three_ways_to_name_one(args: tuple[str, ...]) -> None:
    result = run(*args)

    assert result.returncode == 1
    assert result.stdout == ""
    for way in ("AGENTCORE_RUNTIME_ARN=", "--runtime-arn", "--local"):
        assert way in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize(
    ("args", "env", "sentence"),
    [
        (("--runtime-arn", "my-agent"), {}, "not the ARN of an agent runtime: 'my-agent'"),
        (("--runtime-arn", ARN, "--endpoint-url", "http://example.com"), {}, "http://example.com"),
        ((), {"AGENTCORE_RUNTIME_ARN": ARN, "AGENTCORE_BEARER_TOKEN": "two words\n"}, "token"),
        (("--local", "--runtime-arn", ARN), {}, "--local brings its own agent"),
        (("--local", "serve"), {}, "put the flags after the command"),
        (("serve", "--runtime-arn", ARN, "--host", "0.0.0.0"), {}, "--allowed-host"),
        (("serve", "--runtime-arn", ARN, "--host", "203.0.113.1", "--allowed-host", "x"), {}, "can't listen on"),
    ],
)
def test_a_setting_that_cannot_work_is_a_sentence_and_not_a_traceback(
    args: tuple[str, ...], env: dict[str, str], sentence: str
) -> None:
    result = run(*args, **env)

    assert result.returncode != 0
    assert sentence in result.stderr
    assert "Traceback" not in result.stderr


def test_the_end_of_stdin_ends_the_server_with_success_and_nothing_on_either_stream() -> None:
    result = run("--runtime-arn", ARN)

    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


def test_local_needs_no_configuration_and_leaves_nothing_behind() -> None:
    result = run("--local")

    assert (result.returncode, result.stdout) == (0, "")


@pytest.mark.parametrize("transport", [(), ("--http",)])
def test_the_demo_succeeds_on_either_transport(transport: tuple[str, ...]) -> None:
    result = run("demo", *transport)

    assert result.returncode == 0, result.stdout + result.stderr
    assert "✗" not in result.stdout
    assert "every step did what it should" in result.stdout


async def test_over_http_a_page_from_elsewhere_is_refused() -> None:
    async with http_server("--runtime-arn", ARN, env={}) as url, httpx2.AsyncClient() as client:
        rebound = await client.post(url, json={}, headers={"Host": "evil.example:8000"})
        cross_site = await client.post(url, json={}, headers={"Origin": "https://evil.example"})

    assert rebound.status_code == 421
    assert cross_site.status_code == 403


async def test_over_http_the_host_that_is_allowed_gets_in() -> None:
    async with (
        http_server("--runtime-arn", ARN, "--allowed-host", "mcp.example.com", env={}) as url,
        httpx2.AsyncClient() as client,
    ):
        answer = await client.post(url, json={}, headers={"Host": "mcp.example.com"})

    assert answer.status_code not in {421, 403}

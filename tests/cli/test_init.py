"""``agentcore-mcp init``: where it finds runtimes, and what it writes."""

from __future__ import annotations

import json
import tomllib
from typing import TYPE_CHECKING, Literal

import pytest
from click.testing import CliRunner

from agentcore_mcp.cli import main
from agentcore_mcp.local.agentcore import LocalAgentCore

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from click.testing import Result

    Run = Callable[..., Result]

ONE = "arn:aws:bedrock-agentcore:us-east-1:123456789012:runtime/one-0123456789"
TWO = "arn:aws:bedrock-agentcore:eu-west-1:123456789012:runtime/two-0123456789"
TOOLKIT = f"""\
default_agent: one
agents:
  one:
    aws: {{region: us-east-1, account: '123456789012'}}
    bedrock_agentcore:
      agent_id: one-0123456789
      agent_arn: {ONE}
"""
AUTHORIZER = """\
    authorizer_configuration:
      customJWTAuthorizer:
        discoveryUrl: https://issuer.example/.well-known/openid-configuration
"""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    return tmp_path


@pytest.fixture
def run(home: Path) -> Run:
    def run(*arguments: str, code: int = 0) -> Result:
        result = CliRunner().invoke(main, ["init", *arguments])
        assert result.exit_code == code, result.output
        return result

    return run


def written(home: Path) -> dict[str, object]:
    return dict(tomllib.loads((home / ".config/agentcore-mcp/config.toml").read_text("utf-8"))["agents"])


def test_named_runtimes_are_written_where_the_server_looks(run: Run, home: Path) -> None:
    said = run("--runtime-arn", ONE, "--runtime-arn", TWO, "--runtime-arn", ONE, "--profile", "work").output

    assert written(home) == {
        "one": {"arn": ONE, "auth": {"profile": "work"}},
        "two": {"arn": TWO, "auth": {"profile": "work"}},
    }
    assert "names one-0123456789, two-0123456789" in said
    assert CliRunner().invoke(main, ["config", "show"]).exit_code == 0


def test_a_project_s_files_name_its_runtimes(run: Run, home: Path) -> None:
    (home / ".bedrock_agentcore.yaml").write_text(TOOLKIT, "utf-8")
    deployed = home / "agentcore/.cli/deployed-state.json"
    deployed.parent.mkdir(parents=True)
    deployed.write_text(json.dumps({"targets": {"x": {"runtimes": {"two": {"runtimeArn": TWO}}}}}), "utf-8")
    run("--all")

    assert written(home) == {"one": {"arn": ONE}, "two": {"arn": TWO}}


def test_a_runtime_with_an_authorizer_takes_a_token(run: Run, home: Path) -> None:
    (home / ".bedrock_agentcore.yaml").write_text(TOOLKIT + AUTHORIZER, "utf-8")
    said = run("--all").output

    assert written(home) == {"one": {"arn": ONE, "auth": {"token": "${AGENTCORE_BEARER_TOKEN}"}}}
    assert "set AGENTCORE_BEARER_TOKEN" in said


def test_a_file_that_is_there_keeps_what_it_says(run: Run, home: Path) -> None:
    path = home / "mine.toml"
    path.write_text(f'# mine\nread_only = true\n\n[agents.one]\narn = "{TWO}"  # taken\n', "utf-8")
    run("--output", str(path), "--runtime-arn", ONE, "--runtime-arn", TWO)
    text = path.read_text("utf-8")

    assert text.startswith(f'# mine\nread_only = true\n\n[agents.one]\narn = "{TWO}"  # taken\n')
    assert list(tomllib.loads(text)["agents"]) == ["one", "one-2"]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--runtime-arn", "nope"], "--runtime-arn: not the ARN of an agent runtime: 'nope'"),
        (["--all"], "no runtime was found; pass --runtime-arn ARN, or --endpoint-url URL of a local AgentCore"),
    ],
)
def test_what_can_t_be_written_is_told(run: Run, home: Path, arguments: list[str], sentence: str) -> None:
    assert sentence in run(*arguments, code=1).output
    assert not (home / ".config").exists()


def test_nobody_is_asked_without_a_terminal(run: Run, home: Path) -> None:
    (home / ".bedrock_agentcore.yaml").write_text(TOOLKIT, "utf-8")

    output = run(code=1).output

    assert "  1  one-0123456789  (.bedrock_agentcore.yaml)" in output
    assert "pass --all or --runtime-arn ARN" in output


def test_an_account_that_can_t_be_asked_is_told_of(run: Run, home: Path) -> None:
    (home / ".bedrock_agentcore.yaml").write_text(TOOLKIT, "utf-8")
    result = run("--all")

    assert "the account's runtimes can't be listed: " in result.stderr
    assert list(written(home)) == ["one"]


@pytest.mark.parametrize("by", ["--endpoint-url", "AGENTCORE_ENDPOINT_URL"])
@pytest.mark.parametrize(
    ("auth", "entry"),
    [
        ("none", {"auth": {"none": True}}),
        ("sigv4", {}),
        ("jwt", {"auth": {"token": "${AGENTCORE_BEARER_TOKEN}"}}),
    ],
)
def test_the_agents_of_a_local_agentcore_can_be_called_as_written(
    run: Run,
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
    auth: Literal["none", "sigv4", "jwt"],
    entry: dict[str, object],
    by: str,
) -> None:
    (home / ".bedrock_agentcore.yaml").write_text(TOOLKIT, "utf-8")
    with LocalAgentCore(agents={"expert": {"protocol": "a2a"}, "plain": {"protocol": "http"}}, auth=auth) as local:
        for name, value in local.environ().items():
            monkeypatch.setenv(name, value)
        monkeypatch.delenv("AGENTCORE_RUNTIME_ARN")
        if by.startswith("--"):
            monkeypatch.delenv("AGENTCORE_ENDPOINT_URL")
            run("--all", by, local.endpoint_url)
        else:
            run("--all")
        asked = CliRunner().invoke(main, ["invoke", "--agent", "expert", "hi"])
        here = {"endpoint_url": local.endpoint_url, "description": "An agent on this machine", **entry}

    assert written(home) == {
        "expert": {"arn": local.agents["expert"], **here, "protocol": "a2a"},
        "plain": {"arn": local.agents["plain"], **here},
    }
    assert (asked.exit_code, "hi" in asked.stdout) == (0, True), asked.output


def test_an_endpoint_where_credentials_may_not_go_is_refused(run: Run, home: Path) -> None:
    for arguments in (["--all"], ["--runtime-arn", ONE]):
        assert "use https" in run(*arguments, "--endpoint-url", "http://runtimes.example", code=1).output
        assert not (home / ".config").exists()


def test_named_runtimes_are_called_at_the_endpoint(run: Run, home: Path) -> None:
    run("--runtime-arn", ONE, "--endpoint-url", "https://vpce.example")

    assert written(home) == {"one": {"arn": ONE, "endpoint_url": "https://vpce.example"}}


def test_an_endpoint_that_a_variable_only_stands_for_is_none(
    run: Run, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As for the other commands: a host that fills nothing in leaves such a text."""
    monkeypatch.setenv("AGENTCORE_ENDPOINT_URL", "${AGENTCORE_ENDPOINT_URL}")
    run("--runtime-arn", ONE)

    assert written(home) == {"one": {"arn": ONE}}


@pytest.mark.parametrize("arn", [ONE, ONE.replace(":runtime/", ":harness/")])
def test_a_second_run_has_nothing_to_add(run: Run, home: Path, arn: str) -> None:
    run("--runtime-arn", arn)

    assert "has every runtime that was found" in run("--runtime-arn", arn, code=1).output
    assert len(written(home)) == 1


def test_a_second_run_for_another_endpoint_says_where_that_is_changed(run: Run, home: Path) -> None:
    """Such as a local AgentCore on a free port: the ARNs of its agents are always the same."""
    run("--runtime-arn", ONE, "--endpoint-url", "http://127.0.0.1:8090")
    refused = run("--runtime-arn", ONE, "--endpoint-url", "http://127.0.0.1:8091", code=1).output

    assert "has every runtime that was found; where they are called is the endpoint_url of each there" in refused

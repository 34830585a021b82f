"""``agentcore-mcp config`` as a user meets it, and the flags that name and narrow agents."""

from __future__ import annotations

import json
import tomllib
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from agentcore_mcp.cli import main
from agentcore_mcp.cli.options import AgentOptions
from agentcore_mcp.config.schema import file_schema
from tests.support.tls import loopback_certificate

if TYPE_CHECKING:
    from pathlib import Path

    from click.testing import Result

ARN = "arn:aws:bedrock-agentcore:us-east-1:123456789012:runtime/agent-0123456789"
SECRET = "not-a-real-secret"
CLIENT = f'client_id = "x", client_secret = "{SECRET}"'
FILE = f"""\
expose = "agents"
handoff_after = 50
discover = true
tools = ["run_command", "invoke_agent"]

[agents.review]
arn = "{ARN}"
description = "Reviews \\"everything\\"\\u007f"
commands = "ask"
auth = {{ token = "${{TOKEN}}" }}
headers = {{ X-Key = "{SECRET}" }}
payload = {{ key = "${{TOKEN}}", in = {{ "a b" = ["${{TOKEN}}", {{ c = "d" }}] }}, on = true, text = "{{prompt}}" }}

[agents.printed]
arn = "{ARN}"
auth = {{ token_command = ["op", "{SECRET}"] }}

[agents.role]
arn = "{ARN}"
auth = {{ role_arn = "arn:aws:iam::123456789012:role/x", external_id = "{SECRET}" }}

[agents.client.auth.client_credentials]
token_url = "https://id.example/token?key={SECRET}"
client_id = "us"
client_secret = "{SECRET}"

[agents.client]
arn = "{ARN}"
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "config.toml"
    path.write_text(FILE, encoding="utf-8")
    return path


def run(*args: str, **environ: str) -> Result:
    names = ("HOME", "XDG_CONFIG_HOME", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_CA_BUNDLE")
    clean = dict.fromkeys((*names, "AGENTCORE_CONFIG", "AGENTCORE_RUNTIME_ARN"))
    return CliRunner(env=clean | environ).invoke(main, args)


def test_what_is_in_effect_is_shown_as_toml_without_secrets(file: Path) -> None:
    result = run("config", "show", "--config", str(file), "--read-only", TOKEN=SECRET)

    assert result.exit_code == 0, result.output
    assert SECRET not in result.output
    shown = tomllib.loads(result.stdout)
    assert list(shown["agents"]) == ["review", "printed", "role", "client"]
    review = shown["agents"]["review"]
    assert review["arn"] == ARN
    assert review["description"] == 'Reviews "everything"\x7f'
    assert review["auth"] == {"token": "***"}
    assert review["headers"] == {"X-Key": "***"}
    assert review["payload"] == {"key": "***", "in": {"a b": "***"}, "on": True, "text": "{prompt}"}
    assert review["commands"]["mode"] == "ask"
    assert shown["agents"]["printed"]["auth"] == {"token_command": ["op", "***"]}
    assert shown["agents"]["role"]["auth"]["external_id"] == "***"
    assert shown["agents"]["client"]["auth"]["client_credentials"]["token_url"] == "https://id.example/token?***"
    assert (shown["expose"], shown["read_only"], shown["tools"]) == ("agents", True, ["invoke_agent", "run_command"])
    assert shown["discover"]["include"] == ["*"]


def test_where_each_value_came_from_is_shown(file: Path) -> None:
    result = run("config", "show", "--config", str(file), "--tools", "run_command, invoke_agent", TOKEN=SECRET)

    origins = {}
    for line in result.stdout.splitlines():
        setting, _, origin = line.rpartition("  # ")
        origins[setting.removeprefix("# ").partition(" ")[0]] = origin
    assert origins["agents.review.auth.token"] == f"{file}, TOKEN"
    assert origins["agents.review.arn"] == str(file)
    assert origins["agents.review.on_cancel"] == "default"
    assert origins["agents.review.qualifier"] == "not set"
    assert origins["tools"] == "--tools"
    assert origins["handoff_after"] == str(file)


def test_a_server_is_shown_by_the_keys_of_a_file_and_without_its_secrets(file: Path) -> None:
    text = """\
[server]
public_url = "https://mcp.example.com/mcp"
secret = "${TOKEN}-and-so-on-up-to-32-characters"
store = "redis://:${TOKEN}@127.0.0.1:6379/0"
drain = 12

[server.auth]
issuers = ["https://login.example.com", { issuer = "https://id.example.com", audience = ["other"] }]
clock_skew = 5

"""
    file.write_text(text + FILE[FILE.index("[agents") :], encoding="utf-8")
    result = run("config", "show", "--config", str(file), TOKEN=SECRET)

    assert result.exit_code == 0, result.output
    assert SECRET not in result.output
    server = tomllib.loads(result.stdout)["server"]
    assert (server["secret"], server["store"], server["drain"]) == ("***", "***", 12)
    assert server["auth"]["clock_skew"] == 5
    assert [one["issuer"] for one in server["auth"]["issuers"]] == [
        "https://login.example.com",
        "https://id.example.com",
    ]
    assert next(line for line in result.stdout.splitlines() if line.startswith("server.drain")).endswith(str(file))


def test_a_flag_says_when_a_call_is_handed_over_whatever_the_file_says(file: Path) -> None:
    shown = run("config", "show", "--config", str(file), "--handoff-after", "7", TOKEN=SECRET).stdout
    refused = run("config", "show", "--config", str(file), "--handoff-after", "0", TOKEN=SECRET)

    line = next(line for line in shown.splitlines() if line.startswith("handoff_after = 7"))
    assert line.endswith("# --handoff-after")
    assert "x>=1" in refused.output


def test_what_is_left_aside_is_shown(file: Path) -> None:
    environ = {"TOKEN": SECRET, "AGENTCORE_CONFIG": str(file), "AGENTCORE_RUNTIME_ARN": ARN}
    by_variable = run("config", "show", **environ)
    by_flag = run("config", "show", "--config", str(file), "--agents", "review,role", **environ)

    assert by_variable.stdout.startswith(f"# {file} is not read, because AGENTCORE_RUNTIME_ARN names the agent\n")
    assert list(tomllib.loads(by_variable.stdout)["agents"]) == ["agent"]
    assert by_flag.stdout.startswith(
        f"# AGENTCORE_RUNTIME_ARN is ignored, because {file} names the agents\n# --agents leaves out printed, client\n"
    )
    assert list(tomllib.loads(by_flag.stdout)["agents"]) == ["review", "role"]


def test_certificates_that_a_variable_names_are_shown_and_checked(file: Path, tmp_path: Path) -> None:
    _, bundle = loopback_certificate(tmp_path)
    shown = run("config", "show", "--config", str(file), TOKEN=SECRET, AWS_CA_BUNDLE=str(bundle))
    missing = run("config", "show", "--config", str(file), TOKEN=SECRET, AWS_CA_BUNDLE=str(tmp_path / "none"))

    assert f"# AWS_CA_BUNDLE: {bundle} has the certificates to trust\n" in shown.stdout
    assert "AWS_CA_BUNDLE: no certificates can be read from" in missing.output
    assert missing.exit_code == 1


def test_the_schema_is_printed() -> None:
    assert json.loads(run("config", "schema").stdout) == file_schema()


@pytest.mark.parametrize(
    ("args", "sentence"),
    [
        (("config", "show"), "no agent is configured"),
        (("config", "show", "--local"), "--local brings its own agent"),
        (("--local", "--config", "x"), "--local brings its own agent"),
        (("--config", "/nowhere"), "can't read the configuration file '/nowhere'"),
        (("--runtime-arn", ARN, "--agents", "agnet"), "--agents: no agent is called 'agnet', did you mean 'agent'?"),
        (("serve", "--config", "{file}", "--tools", "x"), "--tools: unknown tool 'x'"),
        (("--config", "{file}", "--qualifier", "x"), "--config and --qualifier can't be combined"),
        (
            ("--runtime-arn", ARN, "--endpoint-url", "http://x.example"),
            "Error: --endpoint-url: the endpoint URL 'http://x.example' would send",
        ),
        (
            ("--runtime-arn", ARN, "--bearer-token", f"{SECRET} x"),
            "Error: --bearer-token: the bearer token (19 characters) can't be sent",
        ),
    ],
)
def test_what_cannot_work_is_a_sentence(file: Path, args: tuple[str, ...], sentence: str) -> None:
    result = run(*(arg.replace("{file}", str(file)) for arg in args), TOKEN="x")

    assert result.exit_code == 1
    assert sentence in result.output
    assert SECRET not in result.output


@pytest.mark.parametrize(
    ("table", "sentence"),
    [
        ('endpoint_url = "http://x.example"', "agents.a.endpoint_url: the endpoint URL 'http://x.example' would send"),
        (f'auth = {{ token = "{SECRET} x" }}', "agents.a.auth.token: the bearer token (19 characters) can't be sent"),
        ("auth = { none = true }", "agents.a.auth.none: only an agent on this machine can do without credentials"),
        (
            'endpoint_url = "https://x.example"\nauth = { none = true }',
            "agents.a.auth.none: only an agent on this machine can do without credentials",
        ),
        (
            f'auth.client_credentials = {{ {CLIENT}, token_url = "http://x.example/{SECRET}" }}',
            "agents.a.auth.client_credentials: token_url would send secrets to 'x.example' unencrypted",
        ),
        (
            f'auth.cognito = {{ region = "moon", client_id = "x", username = "x", password = "{SECRET}" }}',
            "agents.a.auth.cognito: not an AWS region: 'moon'",
        ),
        ('auth = { token_file = "~nobody-of-this-name/x" }', "agents.a.auth.token_file: '~nobody-of-this-name/x'"),
    ],
)
def test_a_setting_that_cannot_work_is_told_at_start_with_its_place(tmp_path: Path, table: str, sentence: str) -> None:
    path = tmp_path / "config.toml"
    path.write_text(f'[agents.a]\narn = "{ARN}"\n{table}\n')
    result = run("--config", str(path))

    assert result.exit_code == 1
    assert f"Error: {path}: {sentence}" in result.output
    assert SECRET not in result.output


def test_no_token_is_in_the_repr_of_the_options() -> None:
    assert SECRET not in repr(AgentOptions(bearer_token=SECRET))

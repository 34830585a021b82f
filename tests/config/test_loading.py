"""Where settings are taken from: flags, variables, a file; which of them wins, and what is said of the rest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from agentcore_mcp.config import HOW_TO_CONFIGURE
from agentcore_mcp.config.loading import DEFAULT, load
from agentcore_mcp.errors import ConfigurationError

if TYPE_CHECKING:
    from pathlib import Path

ARN = "arn:aws:bedrock-agentcore:eu-west-1:123456789012:runtime/from_variable-0123456789"
FLAG_ARN = "arn:aws:bedrock-agentcore:eu-west-1:123456789012:runtime/from_flag-0123456789"
TOKEN = "not-a-real-token"


def write(path: Path, name: str, more: str = "") -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f'{more}\n[agents.{name}]\narn = "{ARN}"\nauth = {{ token = "${{TOKEN}}" }}\n')
    return str(path)


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """Give the environment of a user who has a file in the configuration folder."""
    write(tmp_path / ".config" / "agentcore-mcp" / "config.toml", "from_home")
    return {"HOME": str(tmp_path), "TOKEN": TOKEN}


@pytest.mark.parametrize(
    ("flags", "variables", "names"),
    [
        ({}, {}, ("from_home",)),
        ({}, {"AGENTCORE_CONFIG": "", "AGENTCORE_RUNTIME_ARN": "${AGENTCORE_RUNTIME_ARN}"}, ("from_home",)),
        ({}, {"AGENTCORE_CONFIG": "{tmp}/variable.toml"}, ("from_variable_file",)),
        ({}, {"AGENTCORE_CONFIG": "~/variable.toml"}, ("from_variable_file",)),
        ({}, {"XDG_CONFIG_HOME": "{tmp}/xdg"}, ("from_xdg",)),
        ({}, {"XDG_CONFIG_HOME": "xdg"}, ("from_home",)),
        ({"config": "{tmp}/flag.toml"}, {"AGENTCORE_CONFIG": "{tmp}/variable.toml"}, ("from_flag_file",)),
        ({"config": "{tmp}/flag.toml"}, {"AGENTCORE_RUNTIME_ARN": ARN}, ("from_flag_file",)),
        ({}, {"AGENTCORE_CONFIG": "{tmp}/variable.toml", "AGENTCORE_RUNTIME_ARN": ARN}, ("from_variable",)),
        ({"runtime_arn": FLAG_ARN}, {"AGENTCORE_CONFIG": "/nowhere", "AGENTCORE_RUNTIME_ARN": ARN}, ("from_flag",)),
    ],
)
def test_flags_win_over_variables_and_an_agent_over_a_file(
    environ: dict[str, str], tmp_path: Path, flags: dict[str, Any], variables: dict[str, str], names: tuple[str, ...]
) -> None:
    write(tmp_path / "flag.toml", "from_flag_file")
    write(tmp_path / "variable.toml", "from_variable_file")
    write(tmp_path / "xdg" / "agentcore-mcp" / "config.toml", "from_xdg")
    flags = {name: value.replace("{tmp}", str(tmp_path)) for name, value in flags.items()}
    variables = {name: value.replace("{tmp}", str(tmp_path)) for name, value in variables.items()}

    assert load(environ | variables, **flags).settings.names == names


UNFILLED = "AGENTCORE_RUNTIME_ARN is '${user_config.arn}' here: a placeholder that the host did not fill in."


@pytest.mark.parametrize(
    ("environ", "remark"),
    [
        ({}, ""),
        ({"HOME": "/nowhere"}, ""),
        ({"AGENTCORE_QUALIFIER": "x"}, ""),
        ({"AGENTCORE_RUNTIME_ARN": "  "}, ""),
        ({"AGENTCORE_RUNTIME_ARN": " ${user_config.arn}"}, f"\n\n{UNFILLED}"),
    ],
)
def test_without_any_the_ways_to_name_an_agent_are_told_and_a_placeholder_that_was_not_filled_in(
    environ: dict[str, str], remark: str
) -> None:
    for qualifier in (None, "x"):
        with pytest.raises(ConfigurationError) as refused:
            load(environ, qualifier=qualifier)
        assert str(refused.value) == HOW_TO_CONFIGURE + remark


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        ({"config": "x.toml", "runtime_arn": ARN}, "--config and --runtime-arn can't be combined"),
        ({"config": "x.toml", "qualifier": "x"}, "--config and --qualifier can't be combined"),
        ({"bearer_token": TOKEN}, "--bearer-token needs --runtime-arn; the agents of "),
        ({"config": "/nowhere/x.toml"}, "can't read the configuration file '/nowhere/x.toml': No such file"),
        ({"agents": ["x"]}, "--agents: no agent is called 'x'"),
    ],
)
def test_flags_that_contradict_each_other_are_refused(
    environ: dict[str, str], flags: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(ConfigurationError) as raised:
        load(environ, **flags)

    assert sentence in str(raised.value)
    assert TOKEN not in str(raised.value)


def test_each_value_of_an_agent_in_variables_and_flags_is_traced(environ: dict[str, str]) -> None:
    variables = {"AGENTCORE_RUNTIME_ARN": ARN, "AGENTCORE_QUALIFIER": "x", "AGENTCORE_BEARER_TOKEN": TOKEN}
    loaded = load(environ | variables, qualifier="y", read_only=True, tools=["invoke_agent"])

    assert {
        key: loaded.origin(("agents", "from_variable", *key.split(".")))
        for key in ("arn", "qualifier", "auth.token", "endpoint_url")
    } == {
        "arn": "AGENTCORE_RUNTIME_ARN",
        "qualifier": "--qualifier",
        "auth.token": "AGENTCORE_BEARER_TOKEN",
        "endpoint_url": DEFAULT,
    }
    assert [loaded.origin((key,)) for key in ("read_only", "tools", "expose")] == ["--read-only", "--tools", DEFAULT]
    assert len(loaded.notes) == 1
    assert loaded.notes[0].endswith("config.toml is not read, because AGENTCORE_RUNTIME_ARN names the agent")


def test_each_value_of_a_file_is_traced(environ: dict[str, str], tmp_path: Path) -> None:
    path = write(tmp_path / "file.toml", "one", 'expose = "agents"\ndiscover = true')
    with (tmp_path / "file.toml").open("a") as file:
        file.write(f'commands = "ask"\npayload.text = "{{prompt}}"\n[agents.two]\narn = "{ARN}"\n')
    variables = {"AGENTCORE_QUALIFIER": "x", "AWS_DEFAULT_REGION": "eu-west-2", "AWS_REGION": "eu-west-1"}
    loaded = load(environ | variables, config=path, agents=["one", "later"])

    assert loaded.settings.discovery is not None
    assert loaded.settings.discovery.region == "eu-west-1"
    assert {
        key: loaded.origin(tuple(key.split(".")))
        for key in (
            "expose",
            "on_exit",
            "discover.region",
            "agents.one.auth.token",
            "agents.one.payload.text",
            "agents.one.commands.mode",
            "agents.one.on_cancel",
        )
    } == {
        "expose": path,
        "on_exit": DEFAULT,
        "discover.region": "AWS_REGION",
        "agents.one.auth.token": f"{path}, TOKEN",
        "agents.one.payload.text": path,
        "agents.one.commands.mode": path,
        "agents.one.on_cancel": DEFAULT,
    }
    assert loaded.notes == (
        f"AGENTCORE_QUALIFIER is ignored, because {path} names the agents",
        "--agents leaves out two",
    )


def test_a_region_in_the_file_wins_over_the_variable(environ: dict[str, str], tmp_path: Path) -> None:
    path = tmp_path / "file.toml"
    path.write_text('discover = { region = "ap-south-1" }')
    discovery = load(environ | {"AWS_REGION": "eu-west-1"}, config=str(path)).settings.discovery

    assert discovery is not None
    assert discovery.region == "ap-south-1"

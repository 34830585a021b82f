"""Settings as a whole: which agents and tools there are, and how flags narrow them."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from agentcore_mcp.config import TOOL_NAMES, Discovery, Settings
from agentcore_mcp.errors import ConfigurationError

ARN = "arn:aws:bedrock-agentcore:eu-west-1:123456789012:runtime/agent-0123456789"


def settings(*names: str, **more: Any) -> Settings:
    return Settings.model_validate({"agents": [{"name": name, "arn": ARN} for name in names], **more})


def allowed(found: Settings) -> set[str]:
    return {tool for tool in TOOL_NAMES if found.allows(tool)}


def test_the_agent_is_the_only_one_there_is() -> None:
    assert settings("review").agent.name == "review"
    for several in (settings("review", "search"), settings("review", discover={}), settings(discover={})):
        with pytest.raises(ConfigurationError, match="there is not one agent but"):
            _ = several.agent


@pytest.mark.parametrize(
    ("table", "sentence"),
    [
        ({"agents": []}, "no agents are named"),
        ({"agents": [{"name": "a", "arn": ARN}] * 2}, "two agents have the same name: a"),
        ({"agents": [{"arn": ARN}], "handoff_after_s": 0}, "greater than 0"),
    ],
)
def test_settings_that_cannot_work_are_refused(table: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValidationError, match=sentence):
        Settings.model_validate(table)


@pytest.mark.parametrize(
    ("before", "flags", "left"),
    [
        # An MCP server's tools are called if there may be an MCP server.
        ({}, {}, set(TOOL_NAMES) - {"call_agent_tool"}),
        ({"discover": {"region": "eu-west-1"}}, {}, set(TOOL_NAMES)),
        ({}, {"read_only": True}, {"invoke_agent", "list_agents", "read_output"}),
        ({"read_only": True}, {}, {"invoke_agent", "list_agents", "read_output"}),
        ({}, {"tools": ["run_command", "stop_session"]}, {"run_command", "stop_session"}),
        ({"tools": ["invoke_agent", "run_command"]}, {"read_only": True}, {"invoke_agent"}),
        ({"tools": ["invoke_agent", "run_command"]}, {"tools": ["run_command", "list_agents"]}, {"run_command"}),
        ({"read_only": True}, {"tools": ["invoke_agent", "run_command"]}, {"invoke_agent"}),
    ],
)
def test_flags_leave_no_tool_that_the_settings_do_not(
    before: dict[str, Any], flags: dict[str, Any], left: set[str]
) -> None:
    assert allowed(settings("review", **before).changed(**flags)) == left


def test_flags_leave_only_the_agents_they_name_in_the_order_of_the_configuration() -> None:
    assert settings("a", "b", "c").changed(agents=["c", "a"]).names == ("a", "c")


@pytest.mark.parametrize(
    ("before", "names", "include"),
    [
        ({}, ["review"], None),
        ({}, ["review", "team_one"], ("team_one",)),
        ({}, ["team_one"], ("team_one",)),
        ({"include": ["team_*"], "exclude": ["*_old"]}, ["team_one"], ("team_one",)),
    ],
)
def test_discovery_finds_only_the_names_that_are_left(
    before: dict[str, Any], names: list[str], include: tuple[str, ...] | None
) -> None:
    discovery = settings("review", discover=before).changed(agents=names).discovery

    assert (discovery and discovery.include) == include


@pytest.mark.parametrize(
    ("more", "flags", "sentence"),
    [
        ({}, {"agents": ["reviw"]}, "--agents: no agent is called 'reviw', did you mean 'review'?; known are review"),
        ({"discover": {"include": ["team_*"]}}, {"agents": ["one"]}, "--agents: no agent is called 'one'"),
        ({}, {"agents": []}, "--agents names no agent"),
        ({}, {"tools": ["run"]}, "--tools: unknown tool 'run'"),
        ({}, {"tools": []}, "no tool is left"),
        ({}, {"tools": ["run_command"], "read_only": True}, "no tool is left"),
        ({"tools": ["run_command"]}, {"tools": ["invoke_agent"]}, "no tool is left"),
    ],
)
def test_flags_that_name_nothing_there_is_are_refused(
    more: dict[str, Any], flags: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(ConfigurationError) as raised:
        settings("review", **more).changed(**flags)

    assert sentence in str(raised.value)


@pytest.mark.parametrize(
    ("discovery", "wanted"),
    [
        (Discovery(), {"team_one", "team_old", "other"}),
        (Discovery(include=("team_*",)), {"team_one", "team_old"}),
        (Discovery(include=("team_*", "other"), exclude=("*_old",)), {"team_one", "other"}),
        (Discovery(include=("Team_*",)), set()),
    ],
)
def test_discovery_wants_what_is_included_and_not_excluded(discovery: Discovery, wanted: set[str]) -> None:
    assert {name for name in ("team_one", "team_old", "other") if discovery.wants(name)} == wanted

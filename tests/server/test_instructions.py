"""The server's instructions: they speak of the agents by what callers call them, and of no tool that isn't there."""

from __future__ import annotations

import pytest

from agentcore_mcp.config import Agent, Settings
from agentcore_mcp.config.discovery import Discovery
from agentcore_mcp.server.assembly import create_server
from agentcore_mcp.wire.ids import RuntimeArn
from tests.support.runtimes import ARN

TWO = tuple(Agent(name=name, arn=RuntimeArn.parse(ARN)) for name in ("good", "bad"))
TOOLS = ("invoke_agent", "run_command", "stop_session", "ask_good", "ask_bad")


def instructions(settings: Settings) -> str:
    text = create_server(settings).instructions
    assert text is not None
    return text


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        (Settings(agents=TWO), {"invoke_agent", "run_command", "stop_session"}),
        (Settings(agents=TWO, read_only=True), set()),
        (Settings(agents=TWO, expose="agents"), {"ask_good", "ask_bad", "run_command", "stop_session"}),
        (Settings(agents=TWO, tools=frozenset({"list_agents", "stop_session"})), {"stop_session"}),
        (Settings(agents=TWO, tools=frozenset({"invoke_agent"})), set()),
    ],
)
def test_they_name_no_tool_that_is_not_offered(settings: Settings, named: set[str]) -> None:
    text = instructions(settings)

    assert {name for name in TOOLS if name in text} == named
    assert "(good, bad)" in text


def test_they_name_the_only_agent_as_it_is_configured() -> None:
    text = instructions(Settings(agents=TWO[:1]))

    assert "(good), and work in the environment they run in." in text


def test_they_say_where_further_agents_are_named() -> None:
    assert "(good, bad, list_agents names more)" in instructions(Settings(agents=TWO, discovery=Discovery()))
    assert "(list_agents names them)" in instructions(Settings(discovery=Discovery()))

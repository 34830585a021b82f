"""The file that names several agents."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from agentcore_mcp.errors import ConfigurationError
from agentcore_mcp.local.agents_file import read_agents
from agentcore_mcp.local.sandbox.targets import AgentApp, AgentCommand, AgentUrl, HostedAgent

if TYPE_CHECKING:
    from pathlib import Path


def test_each_table_is_an_agent_in_the_order_of_the_file(tmp_path: Path) -> None:
    file = tmp_path / "agents.toml"
    file.write_text(
        '[orders]\napp = "orders.agent:app"\n'
        '[search]\ntarget = "http://127.0.0.1:9000/"\n'
        '[legacy]\ncommand = "node server.js"\n'
    )

    assert read_agents(file) == (
        HostedAgent("orders", AgentApp("orders.agent:app", tmp_path)),
        HostedAgent("search", AgentUrl("http://127.0.0.1:9000")),
        HostedAgent("legacy", AgentCommand("node server.js", tmp_path)),
    )


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "names no agent"),
        ("[orders", "is not TOML"),
        ("\udcff", "is not TOML"),
        ("[orders]", "agent 'orders' needs one of app, target, command"),
        ('orders = "orders.agent:app"', "agent 'orders' needs one of"),
        ("[orders]\napp = 5", "agent 'orders' needs one of"),
        ('[orders]\napp = ""', "agent 'orders' needs one of"),
        ('[orders]\nimage = "orders"', "agent 'orders' has no key 'image'; the keys are app, target, command"),
        ('[orders]\napp = "a:b"\nidle_timeout = 5', "agent 'orders' has no key 'idle_timeout'"),
        ('[orders]\napp = "orders"', "agent 'orders': app: not a module and its attribute: 'orders'"),
        ('[orders]\napp = "a:b"\ntarget = "http://localhost"', "agent 'orders' needs one of"),
        ('[[orders]]\napp = "a:b"', "agent 'orders' needs one of"),
        ('[my-orders]\napp = "a:b"', "not the name of an agent: 'my-orders'"),
        ('[orders]\ntarget = "http://example.com"', "agent 'orders': target: not the URL of an agent on this machine"),
    ],
)
def test_anything_else_is_a_configuration_error_that_names_the_file(tmp_path: Path, content: str, message: str) -> None:
    file = tmp_path / "agents.toml"
    file.write_bytes(content.encode(errors="surrogateescape"))
    with pytest.raises(ConfigurationError, match=message) as caught:
        read_agents(file)

    assert "agents.toml" in caught.value.message


def test_a_file_that_is_not_there_is_a_configuration_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"can't read .*agents\.toml.*No such file"):
        read_agents(tmp_path / "agents.toml")

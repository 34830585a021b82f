"""Which agents a local AgentCore hosts: one, several of a file, or those that a test names."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from agentcore_mcp.errors import ConfigurationError
from agentcore_mcp.local.sandbox.targets import SAMPLE_APPS, AgentApp, AgentCommand, AgentUrl, HostedAgent
from agentcore_mcp.local.settings import hosted_agents, need_posix

if TYPE_CHECKING:
    from pathlib import Path


def test_each_table_is_an_agent_in_the_order_of_the_file(tmp_path: Path) -> None:
    file = tmp_path / "agents.toml"
    file.write_text(
        '[orders]\napp = "orders.agent:app"\n'
        '[search]\ntarget = "http://127.0.0.1:9000/"\n'
        '[legacy]\ncommand = "node server.js"\n'
        '[travel]\napp = "travel:app"\nprotocol = "a2a"\n'
        '[tools]\nprotocol = "mcp"\n'
    )

    assert hosted_agents(file) == (
        HostedAgent("orders", AgentApp("orders.agent:app", tmp_path)),
        HostedAgent("search", AgentUrl("http://127.0.0.1:9000")),
        HostedAgent("legacy", AgentCommand("node server.js", tmp_path)),
        HostedAgent("travel", AgentApp("travel:app", tmp_path), "a2a"),
        HostedAgent("tools", AgentApp(SAMPLE_APPS["mcp"], None), "mcp"),
    )


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "no agent is named"),
        ("[orders", "is not TOML"),
        ("\udcff", "is not TOML"),
        ("[orders]", "agent 'orders' needs one of app, target, command"),
        ('orders = "orders.agent:app"', "agent 'orders' needs one of"),
        ("[orders]\napp = 5", "agent 'orders' needs one of"),
        ('[orders]\napp = ""', "agent 'orders' needs one of"),
        (
            '[orders]\nimage = "orders"',
            "agent 'orders' has no key 'image'; the keys are app, target, ",
        ),
        (
            '[orders]\napp = "a:b"\nprotocol = "A2A"',
            "agent 'orders': protocol: 'A2A' is not one of http, a2a",
        ),
        ('[orders]\nprotocol = ["a2a"]', r"agent 'orders': protocol: \['a2a'\] is not one of"),
        ('[orders]\nprotocol = ""', "agent 'orders': protocol: '' is not one of"),
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
        hosted_agents(file)

    assert "agents.toml" in caught.value.message


def test_a_file_that_is_not_there_is_a_configuration_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"can't read .*agents\.toml.*No such file"):
        hosted_agents(tmp_path / "agents.toml")


def test_what_would_be_in_a_file_can_be_given_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    agents = {"orders": {"app": "orders.agent:app"}, "legacy": {"command": "node server.js"}}

    assert hosted_agents(agents) == (
        HostedAgent("orders", AgentApp("orders.agent:app", tmp_path)),
        HostedAgent("legacy", AgentCommand("node server.js", tmp_path)),
    )


def test_a_single_agent_needs_no_name_and_may_have_any_of_the_kinds() -> None:
    for kind, value in (
        ("app", "orders.agent:app"),
        ("target", "http://127.0.0.1:9000"),
        ("command", "node server.js"),
    ):
        assert hosted_agents(None, **{kind: value}) == hosted_agents({"local_agent": {kind: value}})


def test_a_protocol_goes_with_each_of_them_and_alone_it_names_a_sample() -> None:
    hosted = hosted_agents(None, target="http://127.0.0.1:9000", protocol="a2a")

    assert hosted == (HostedAgent("local_agent", AgentUrl("http://127.0.0.1:9000"), "a2a"),)
    assert hosted_agents(None, protocol="agui") == (
        HostedAgent("local_agent", AgentApp(SAMPLE_APPS["agui"], None), "agui"),
    )


def test_without_a_name_it_is_the_sample_agent_imported_from_no_folder() -> None:
    assert hosted_agents(None, app=None) == (HostedAgent("local_agent", AgentApp(SAMPLE_APPS["http"], None)),)


@pytest.mark.parametrize("named", [{"app": "a:b", "target": "http://localhost"}, {"command": "node", "app": "a:b"}])
def test_one_kind_of_agent_excludes_another(named: dict[str, str]) -> None:
    with pytest.raises(ConfigurationError, match="exclude each other"):
        hosted_agents(None, **named)
    with pytest.raises(ConfigurationError, match="exclude each other"):
        hosted_agents({"orders": {"app": "a:b"}}, app="a:b")
    with pytest.raises(ConfigurationError, match="exclude each other"):
        hosted_agents({"orders": {"app": "a:b"}}, protocol="a2a")


@pytest.mark.parametrize("platform", ["linux", "darwin", "freebsd14"])
def test_it_runs_on_posix_systems(platform: str) -> None:
    need_posix(platform)


def test_elsewhere_it_says_what_it_needs() -> None:
    with pytest.raises(ConfigurationError, match="needs a POSIX system: on Windows, run this in WSL"):
        need_posix("win32")

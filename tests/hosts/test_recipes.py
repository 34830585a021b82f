"""The recipes of docs/hosts.md can be followed as they stand there; ``test_hosts`` follows them with the real hosts."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.hosts.hosts import HOSTS, PAGE, Run

SERVER, CONFIG = Path("/somewhere/agentcore-mcp"), Path("/somewhere/agent.toml")


@pytest.mark.parametrize("name", HOSTS)
def test_the_recipe_of_a_host_names_the_command_and_the_agent(name: str, tmp_path: Path) -> None:
    command = HOSTS[name].command(Run(Path("/hosts") / name, tmp_path, "http://127.0.0.1:9", SERVER, CONFIG))

    written = [file.read_text(encoding="utf-8") for file in tmp_path.rglob("*") if file.is_file()]
    followed = next(text for text in [*written, *command] if str(SERVER) in text)
    assert "AGENTCORE_CONFIG" in followed
    assert str(CONFIG) in followed
    if followed.startswith(("import", "from")):
        compile(followed, "recipe", "exec")


@pytest.mark.parametrize(
    ("heading", "servers"),
    [("Claude Desktop", "mcpServers"), ("Cursor", "mcpServers"), ("VS Code", "servers"), ("Kiro", "mcpServers")],
)
def test_the_recipe_of_a_host_that_is_not_run_here_is_complete(heading: str, servers: str, tmp_path: Path) -> None:
    recipe = Run(Path("/hosts"), tmp_path, "", SERVER, CONFIG).recipe(heading, "json")

    server = json.loads(recipe)[servers]["my-agent"]
    assert server["command"] == str(SERVER)
    assert server["env"]["AGENTCORE_CONFIG"] == str(CONFIG)
    assert {"AWS_PROFILE", "AGENTCORE_BEARER_TOKEN"} & server["env"].keys()


def test_the_table_says_which_version_of_each_host_was_run() -> None:
    rows = dict(re.findall(r"^\| \[([^\]]+)\]\(#[^)]+\) \| (\S+) \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE))

    run = {host.heading for host in HOSTS.values()}
    assert {heading for heading, version in rows.items() if re.fullmatch(r"[\d.]+", version)} == run

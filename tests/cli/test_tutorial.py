"""The commands of docs/tutorial.md, run in their order in a shell, print what the page says."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.waiting import WAIT_S

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/tutorial.md").read_text("utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
INSTALL, LOCAL, *STEPS = [(kind, text) for kind, text in BLOCKS if kind in ("sh", "text")]


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """Give the environment of a user who has just activated theirs, with a home of their own."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    return {**os.environ, "PATH": path, "HOME": str(tmp_path), "XDG_STATE_HOME": str(tmp_path / "state")}


@pytest.fixture
def endpoint_url(tmp_path: Path, environ: dict[str, str]) -> Iterator[str]:
    """Run the page's agent in the way it says, on a port that is free."""
    (agent,) = [text for kind, text in BLOCKS if kind == "python"]
    (tmp_path / "my_agent.py").write_text(agent, "utf-8")
    command = LOCAL[1].replace("--port 8090", "--port 0").split()
    with subprocess.Popen(command, cwd=tmp_path, env=environ, stdout=subprocess.PIPE, text=True) as local:
        try:
            assert local.stdout is not None
            yield json.loads(local.stdout.readline())["endpoint_url"]
        finally:
            local.terminate()
            local.wait(WAIT_S)


def test_it_is_installed_as_the_readme_says() -> None:
    assert INSTALL[1].splitlines()[0] in (ROOT / "README.md").read_text("utf-8")


def test_each_command_does_what_the_page_says(tmp_path: Path, environ: dict[str, str], endpoint_url: str) -> None:
    (settings,) = [text for kind, text in BLOCKS if kind == "toml"]
    (tmp_path / "agents.toml").write_text(settings.replace("http://127.0.0.1:8090", endpoint_url), "utf-8")
    environ["AGENTCORE_CONFIG"] = str(tmp_path / "agents.toml")
    said = ""
    for kind, text in STEPS:
        if kind == "sh":
            ran = subprocess.run(
                ["/bin/bash", "-ec", text],
                cwd=tmp_path,
                env=environ,
                capture_output=True,
                text=True,
                timeout=WAIT_S,
                check=False,
            )
            assert ran.returncode == 0, ran.stdout + ran.stderr
            said = ran.stdout
        else:
            wanted = text.replace("http://127.0.0.1:8090", endpoint_url).splitlines()
            assert [line for line in wanted if line not in said.splitlines()] == []

    assert not (tmp_path / ".codex/config.toml").exists()

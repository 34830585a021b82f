"""Commands and snippets of the README and of the pages whose own tests don't run them."""

from __future__ import annotations

import json
import os
import pty
import re
import shlex
import subprocess
import sys
import tomllib
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click
import httpx2
import pytest

from agentcore_mcp.cli import main
from agentcore_mcp.local import LocalAgentCore
from tests.support.waiting import WAIT_S

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"^```(sh|console|python)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
ARN = "arn:aws:bedrock-agentcore:us-east-1:123456789012:runtime/one-0123456789"
PROJECT = f"agents:\n  one:\n    bedrock_agentcore:\n      agent_arn: {ARN}\n"


def blocks(page: Path, kind: str) -> list[str]:
    return [text for found, text in BLOCK.findall(page.read_text("utf-8")) if found == kind]


def commands(page: Path) -> list[list[str]]:
    """Return the words of each command of ours in a page, without what is before and after it in its line."""
    found = []
    for text in blocks(page, "sh") + blocks(page, "console"):
        for line in text.replace("\\\n", " ").split("\n"):
            if called := re.search(r"(?:^|[$|&] |-- |bin/)agentcore-mcp(?= |$)(.*)", line):
                words = shlex.split(called[1], comments=True)
                end = next((at for at, word in enumerate(words) if word in ("|", "&&", ")", ");")), len(words))
                found.append(words[:end])
    return found


def understood(command: click.Command, words: list[str], parent: click.Context | None = None) -> None:
    """Have a command line read, and nothing done.

    Raises:
        click.UsageError: If it has no command of ours, or an option that there is not.
    """
    with command.make_context(command.name, list(words), parent=parent) as context:
        if isinstance(command, click.Group) and context._protected_args:
            name, inner, rest = command.resolve_command(context, [*context._protected_args, *context.args])
            assert inner is not None, name
            understood(inner, rest, context)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_each_command_of_a_page_is_one_that_there_is(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("company.toml", "config.toml", "prompt.txt"):
        (tmp_path / name).write_text("", "utf-8")
    monkeypatch.chdir(tmp_path)
    for words in commands(page):
        understood(main, words)


def environ(folder: Path, more: Mapping[str, str]) -> dict[str, str]:
    """Return the variables of a user who has activated the environment, with a home of their own."""
    return {
        **os.environ,
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        "HOME": str(folder),
        "XDG_CONFIG_HOME": str(folder / ".config"),
        "XDG_STATE_HOME": str(folder / "state"),
        "AWS_EC2_METADATA_DISABLED": "true",
        **more,
    }


def in_shell(script: str, folder: Path, more: Mapping[str, str]) -> str:
    """Run lines of a shell; return what they print."""
    ran = subprocess.run(
        ["/bin/bash", "-c", script],
        cwd=folder,
        env=environ(folder, more),
        capture_output=True,
        text=True,
        timeout=5 * WAIT_S,
        check=False,
    )
    return ran.stdout + ran.stderr


def typed_in_terminal(script: str, folder: Path, typed: str) -> str:
    """Run lines of a shell in a terminal, with somebody who types; return what it shows."""
    ours, its = pty.openpty()  # type: ignore[attr-defined, unused-ignore]
    os.write(ours, typed.encode())
    shown = b""
    command = ["timeout", "--foreground", f"{WAIT_S}", "/bin/bash", "-ec", script]
    with subprocess.Popen(command, cwd=folder, env=environ(folder, {}), stdin=its, stdout=its, stderr=its) as shell:
        os.close(its)
        with suppress(OSError):  # its other side is closed
            while data := os.read(ours, 65_536):
                shown += data
    os.close(ours)
    assert shell.returncode == 0, shown.decode()
    return shown.decode()


def test_the_two_commands_of_the_readme_lead_to_one_s_own_agent_in_a_host(tmp_path: Path) -> None:
    (script,) = [text for text in blocks(ROOT / "README.md", "sh") if "init" in text]
    (tmp_path / ".bedrock_agentcore.yaml").write_text(PROJECT, "utf-8")
    # The runtime that was found, and no host yet.
    typed_in_terminal(script.replace(".venv/bin/", ""), tmp_path, "1\n\n")

    server = tomllib.loads((tmp_path / ".codex/config.toml").read_text("utf-8"))["mcp_servers"]["agentcore"]
    config = tomllib.loads(Path(server["env"]["AGENTCORE_CONFIG"]).read_text("utf-8"))
    assert [agent["arn"] for agent in config["agents"].values()] == [ARN]


def test_the_lines_about_a_terminal_do_what_they_say(tmp_path: Path) -> None:
    """Those about an agent; the ones that set things up are the README's, too."""
    lines = [text for text in blocks(ROOT / "docs/terminal.md", "sh") if re.search(r"-mcp (invoke|run|doctor)", text)]
    (tmp_path / "prompt.txt").write_text("remember the file", "utf-8")
    begin = "git init -q . && git add prompt.txt && echo changed >> prompt.txt\n"
    with LocalAgentCore() as local:
        shown = in_shell(begin + "".join(lines), tmp_path, local.environ())

    assert len(lines) == 4
    assert "What is new?" in shown
    assert "Ada in /tmp" in shown
    assert "I will remember that" in shown
    assert "+remember the filechanged" in shown
    assert "failed" in shown


def test_completion_is_what_the_shell_understands(tmp_path: Path) -> None:
    (line,) = [text for text in blocks(ROOT / "docs/terminal.md", "sh") if "_COMPLETE" in text]
    script = f"{line}\ncomplete -p agentcore-mcp\n"

    assert "agentcore-mcp" in in_shell(script, tmp_path, {})


def test_the_handlers_of_the_page_about_hosting_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (code, *_) = blocks(ROOT / "docs/hosting.md", "python")
    (tmp_path / "handlers.py").write_text(code, "utf-8")
    monkeypatch.chdir(tmp_path)
    with LocalAgentCore(app="handlers:app") as local:
        target = f"/runtimes/{local.agent_runtime_arn.replace('/', '%2F')}/invocations"
        answer = httpx2.post(local.endpoint_url + target, content=json.dumps({"prompt": "hello"}), timeout=WAIT_S)

    assert answer.json()["you said"] == "hello"

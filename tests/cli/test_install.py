"""``agentcore-mcp install`` and ``uninstall``, for every host, with files as users have them."""

from __future__ import annotations

import json
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from agentcore_mcp.cli import main
from agentcore_mcp.cli.hosts.table import HOSTS, Server

if TYPE_CHECKING:
    from collections.abc import Callable

    from click.testing import Result

    Run = Callable[..., Result]

ARN = "arn:aws:bedrock-agentcore:us-east-1:123456789012:runtime/agent-0123456789"
TOKEN = "not-a-real-token"
# With what users have in such files: comments, other servers, no newline at the end.
JSON_BEFORE = (
    '{\n  // mine, and "not" yours\n  "KEY": {\n    "other": { "command": "x", } // tail\n  },\n  "z": [1, 2,],\n}'
)
TOML_BEFORE = '# mine\nmodel = "x"  # tail\n\n[KEY.other]\ncommand = "x"\nargs = [\n  "a", # b\n]\n'


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in (
        "XDG_CONFIG_HOME",
        "XDG_STATE_HOME",
        "LOCALAPPDATA",
        "APPDATA",
        "AWS_PROFILE",
        "AGENTCORE_BEARER_TOKEN",
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    # No host's own command.
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    return tmp_path


@pytest.fixture
def run(home: Path) -> Run:
    def run(*arguments: str, code: int = 0) -> Result:
        result = CliRunner().invoke(main, list(arguments))
        assert result.exit_code == code, result.output
        return result

    return run


def file_of(host: str, scope: str = "user", name: str = "agentcore") -> Path:
    return HOSTS[host].path(scope, Server(name))


def entry_of(host: str, path: Path, name: str = "agentcore") -> Any:
    text = path.read_text("utf-8")
    value: Any = tomllib.loads(text) if path.suffix == ".toml" else json.loads(text)
    for key in HOSTS[host].keys:
        value = value[key]
    return value[name]


def placed(host: str, scope: str = "user") -> tuple[Path, bytes]:
    """Put a file there that the host may have already."""
    path = file_of(host, scope)
    path.parent.mkdir(parents=True, exist_ok=True)
    text = (TOML_BEFORE if path.suffix == ".toml" else JSON_BEFORE).replace("KEY", HOSTS[host].keys[0])
    path.write_text(text, "utf-8")
    path.chmod(0o640)
    return path, path.read_bytes()


EVERYWHERE = [(host, scope) for host, about in HOSTS.items() for scope in about.files]


@pytest.mark.parametrize(("host", "scope"), EVERYWHERE)
def test_a_host_s_file_has_the_server_besides_all_else_and_is_byte_for_byte_as_before_once_it_is_gone(
    run: Run, host: str, scope: str
) -> None:
    path, before = placed(host, scope)
    said = run("install", host, "--scope", scope, "--runtime-arn", ARN).output
    text = path.read_text("utf-8")
    mode = path.stat().st_mode & 0o777
    again = run("install", host, "--scope", scope, "--runtime-arn", ARN).output
    unchanged = path.read_text("utf-8") == text
    run("uninstall", host, "--scope", scope)

    assert str(path) in said
    assert "other" in text
    kept = [line for line in before.decode().splitlines() if line.strip(" {},")]
    # The server before ours has a comma now.
    assert [line for line in kept if line.replace(",", "") not in text.replace(",", "")] == []
    assert "has it already" in again
    assert (unchanged, mode, path.read_bytes()) == (True, 0o640, before)
    assert list(path.parent.glob(f"{path.name}*")) == [path]


@pytest.mark.parametrize(("host", "scope"), EVERYWHERE)
def test_a_file_that_was_not_there_is_made_and_deleted_again(run: Run, host: str, scope: str) -> None:
    run("install", host, "--scope", scope, "--runtime-arn", ARN, "--read-only")
    path = file_of(host, scope)
    entry = entry_of(host, path)
    run("uninstall", host, "--scope", scope)

    command = entry["command"]
    started = [*command, *entry.get("args", [])] if isinstance(command, list) else [command, *entry["args"]]
    assert started[-1] == "--read-only"
    assert entry.get("env", entry.get("environment")) == {"AGENTCORE_RUNTIME_ARN": ARN}
    assert not path.exists()


def test_a_file_that_was_changed_since_loses_the_entry_alone(run: Run) -> None:
    path, before = placed("cursor")
    run("install", "cursor", "--local")
    path.write_text(path.read_text("utf-8").replace("// mine", "// still mine"), "utf-8")
    said = run("uninstall", "cursor").output

    assert path.read_bytes() == before.replace(b"// mine", b"// still mine")
    assert f"as it was before is in {path.name}.before-agentcore-mcp" in said


def test_the_sample_agent_is_installed_in_the_protocol_that_is_named(run: Run) -> None:
    run("install", "cursor", "--local", "--protocol", "a2a", "--read-only")

    assert entry_of("cursor", file_of("cursor"))["args"][-4:] == ["--local", "--protocol", "a2a", "--read-only"]


def test_two_servers_of_ours_may_be_there_under_two_names(run: Run) -> None:
    run("install", "codex", "--name", "one", "--local")
    run("install", "codex", "--name", "two", "--runtime-arn", ARN)
    run("uninstall", "codex", "--name", "one")
    servers = tomllib.loads(file_of("codex").read_text("utf-8"))["mcp_servers"]

    assert list(servers) == ["two"]
    assert servers["two"]["required"] is True


@pytest.mark.parametrize("host", ["cursor", "codex"])
def test_servers_that_go_in_the_reverse_order_leave_the_file_as_it_was(run: Run, host: str) -> None:
    path, before = placed(host)
    for command, name in (("install", "one"), ("install", "two"), ("uninstall", "two"), ("uninstall", "one")):
        run(command, host, "--name", name, *(["--local"] if command == "install" else []))

    assert path.read_bytes() == before


def test_what_a_user_changed_between_two_installations_stays(run: Run) -> None:
    path, before = placed("cursor")
    run("install", "cursor", "--local")
    path.write_bytes(before.replace(b"mine", b"new"))
    run("install", "cursor", "--local")
    run("install", "cursor", "--local", "--read-only")
    run("uninstall", "cursor")

    assert path.read_bytes() == before.replace(b"mine", b"new")


def test_a_copy_that_is_lost_loses_no_more(run: Run) -> None:
    path, before = placed("cursor")
    run("install", "cursor", "--local")
    path.with_name(f"{path.name}.before-agentcore-mcp").unlink()
    run("install", "cursor", "--local", "--read-only")
    run("uninstall", "cursor")

    assert path.read_bytes() == before


@pytest.mark.parametrize("host", HOSTS)
def test_a_token_is_never_written_down(run: Run, host: str, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AGENTCORE_BEARER_TOKEN", TOKEN)
    refers = bool(HOSTS[host].reference)
    said = run("install", host, "--runtime-arn", ARN, code=0 if refers else 1).output

    written = "".join(path.read_text("utf-8") for path in home.rglob("*") if path.is_file())
    assert TOKEN not in said + written
    assert ("AGENTCORE_BEARER_TOKEN" in written) == refers
    assert refers or "secrets are not written into its file" in said


def test_variables_of_a_configuration_file_are_passed_on(run: Run, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REVIEW_TOKEN", TOKEN)
    config = home / "agents.toml"
    config.write_text(f'[agents.review]\narn = "{ARN}"\nauth = {{ token = "${{REVIEW_TOKEN}}" }}\n', "utf-8")
    run("install", "codex", "--config", "agents.toml")
    run("install", "kiro", "--config", "agents.toml")

    entry = entry_of("codex", file_of("codex"))
    assert (entry["env"], entry["env_vars"]) == ({"AGENTCORE_CONFIG": str(config)}, ["REVIEW_TOKEN"])
    assert entry_of("kiro", file_of("kiro"))["env"]["REVIEW_TOKEN"] == "${REVIEW_TOKEN}"


@pytest.mark.parametrize("host", [host for host, about in HOSTS.items() if about.url_key])
def test_a_url_takes_the_place_of_a_command(run: Run, host: str) -> None:
    run("install", host, "--url", "https://agents.example/mcp")
    entry = entry_of(host, file_of(host))

    assert "https://agents.example/mcp" in entry.values()
    assert "command" not in entry


def test_what_would_be_done_is_printed_and_nothing_is_changed(run: Run, home: Path) -> None:
    said = run("install", "vscode", "--runtime-arn", ARN, "--print").output
    comment, _, snippet = said.partition("\n")

    assert comment == f"# {file_of('vscode')}"
    assert json.loads(snippet)["servers"]["agentcore"]["env"] == {"AGENTCORE_RUNTIME_ARN": ARN}
    assert list(home.rglob("*")) == []


def program(home: Path, name: str, script: str) -> Path:
    """Make a host's own command, which notes its arguments."""
    path = home / "bin" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!{sys.executable}\nimport json, pathlib, sys\n{script}\n", "utf-8")
    path.chmod(0o755)
    return path


def test_a_host_s_own_command_is_asked_where_it_is_installed(run: Run, home: Path) -> None:
    seen = home / "seen"
    file = home / ".claude.json"
    program(
        home,
        "claude",
        f"""\
with open({str(seen)!r}, "a") as file: file.write(json.dumps(sys.argv[1:]) + "\\n")
file = pathlib.Path({str(file)!r})
config = json.loads(file.read_text()) if file.exists() else {{"starts": 7}}
config["mcpServers"] = {{"agentcore": {{"type": "stdio", "command": "x"}}}} if sys.argv[2] == "add" else {{}}
file.write_text(json.dumps(config))""",
    )
    run("install", "claude-code", "--runtime-arn", ARN)
    file.write_text(file.read_text("utf-8").replace("7", "8"), "utf-8")
    run("uninstall", "claude-code")

    added, removed = [json.loads(line) for line in seen.read_text("utf-8").splitlines()]
    assert added[:5] == ["mcp", "add", "agentcore", "--scope", "user"]
    assert added[5:8] == ["--env", f"AGENTCORE_RUNTIME_ARN={ARN}", "--"]
    assert removed == ["mcp", "remove", "agentcore", "--scope", "user"]
    assert json.loads(file.read_text("utf-8")) == {"starts": 8, "mcpServers": {}}


def test_what_a_host_s_own_command_complains_of_is_told(run: Run, home: Path) -> None:
    program(home, "gemini", "sys.exit('not in this folder')")

    assert (
        "gemini mcp add failed with exit code 1: not in this folder"
        in run("install", "gemini", "--local", code=1).output
    )


@pytest.mark.parametrize(
    ("host", "text", "sentence"),
    [
        ("cursor", "{\n  nope\n}", "line 2 is not JSON; mend it first, nothing was changed"),
        ("cursor", '{"mcpServers": []}', "mcpServers is not an object"),
        ("codex", "a = \n", "mend it first, nothing was changed"),
        ("codex", "mcp_servers = 1\n", "mcp_servers is not a table"),
    ],
)
def test_a_file_that_can_t_be_edited_is_left_as_it_is(run: Run, host: str, text: str, sentence: str) -> None:
    path = file_of(host)
    path.parent.mkdir(parents=True)
    path.write_text(text, "utf-8")

    assert sentence in run("install", host, "--local", code=1).output
    assert path.read_text("utf-8") == text


def test_a_link_to_a_file_stays_one(run: Run, home: Path) -> None:
    path, before = placed("zed")
    real = home / "dotfiles" / "zed.json"
    real.parent.mkdir()
    path.rename(real)
    path.symlink_to(real)
    run("install", "zed", "--local")
    during = path.is_symlink(), entry_of_text(real)
    run("uninstall", "zed")

    assert during == (True, True)
    assert (path.is_symlink(), real.read_bytes()) == (True, before)


def entry_of_text(path: Path) -> bool:
    return '"agentcore": {' in path.read_text("utf-8")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["install", "claude-desktop", "--url", "https://x.example/mcp"], "takes no URL in its file"),
        (["install", "cursor", "--url", "https://x.example/mcp", "--local"], "leave out the flags that name one"),
        (["install", "cline", "--scope", "project", "--local"], "has no servers by project"),
        (["install", "cursor"], "no agent is configured"),
    ],
)
def test_what_can_t_be_installed_is_told(run: Run, arguments: list[str], sentence: str, home: Path) -> None:
    assert sentence in run(*arguments, code=1).output
    assert list(home.rglob("*")) == []


@pytest.mark.parametrize(
    ("host", "platform", "environ", "path"),
    [
        (
            "claude-desktop",
            "darwin",
            {"HOME": "/Users/x"},
            "/Users/x/Library/Application Support/Claude/claude_desktop_config.json",
        ),
        ("zed", "darwin", {"HOME": "/Users/x"}, "/Users/x/.config/zed/settings.json"),
        ("vscode", "linux", {"HOME": "/home/x", "XDG_CONFIG_HOME": "/cfg"}, "/cfg/Code/User/mcp.json"),
        (
            "claude-desktop",
            "win32",
            {"USERPROFILE": "/u", "APPDATA": "/u/AppData/Roaming"},
            "/u/AppData/Roaming/Claude/claude_desktop_config.json",
        ),
        ("cursor", "win32", {"USERPROFILE": "/u"}, "/u/.cursor/mcp.json"),
    ],
)
def test_each_system_has_its_own_folders(host: str, platform: str, environ: dict[str, str], path: str) -> None:
    assert HOSTS[host].path("user", Server("x"), environ, platform) == Path(path)

"""``agentcore-mcp install`` and ``uninstall`` with the hosts themselves: what their own listing says.

As ``test_hosts``, it needs a folder with hosts.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from agentcore_mcp.cli.hosts.table import HOSTS as TABLE, Server
from tests.hosts.hosts import HOSTS, NODE, installed

FOLDER = Path(os.environ.get("AGENTCORE_MCP_HOSTS") or "hosts that are not there")
if not FOLDER.exists():
    pytest.skip("AGENTCORE_MCP_HOSTS names no folder with hosts", allow_module_level=True)

LIMIT_S = 60
# By the name in tests/hosts/hosts.py: that of `install`, the host's program, and what its listing says of a server that
# works. Codex lists without asking the server.
LISTINGS = {
    "claude": ("claude-code", "claude", r"agentcore: .*Connected"),
    "codex": ("codex", "codex", r"agentcore .*enabled"),
    "gemini": ("gemini", "gemini", r"✓ agentcore: .*Connected"),
    "qwen": ("qwen", "qwen", r"✓ agentcore: .*Connected"),
    "opencode": ("opencode", "opencode", r"✓ agentcore connected"),
}
ESCAPES = re.compile(r"\x1b\[[0-9;]*m")
# What users may have there before.
BEFORE = {
    "codex": '# mine\nmodel = "x"  # tail\n\n[mcp_servers.other]\ncommand = "true"\n',
    "gemini": json.dumps({"security": {"folderTrust": {"enabled": False}}, "mcpServers": {}}, indent=4),
    "qwen": json.dumps({"$version": 4, "security": {"folderTrust": {"enabled": False}}}, indent=2),
    "opencode": """\
{
  "$schema": "https://opencode.ai/config.json",
  // mine
  "share": "disabled", // tail
  "autoupdate": false,
}
""",
}


@pytest.mark.timeout(4 * LIMIT_S)
@pytest.mark.parametrize("name", [name for name in LISTINGS if installed(FOLDER, name)])
def test_a_host_lists_the_server_once_it_is_installed_and_its_file_is_as_before_once_it_is_not(
    name: str, tmp_path: Path
) -> None:
    host, program, connected = LISTINGS[name]
    path = f"{FOLDER / name / 'node_modules/.bin'}:{FOLDER / NODE / 'node_modules/.bin'}:/usr/local/bin:/usr/bin:/bin"
    environ = {"PATH": path, "HOME": str(tmp_path), "TERM": "xterm", "LANG": "C.UTF-8", "NO_COLOR": "1"}
    # An API key, so that no host wants to sign in; nothing is asked of a model.
    environ |= {variable: value.format(model="http://127.0.0.1:9") for variable, value in HOSTS[name].environ.items()}

    def run(*command: str) -> str:
        done = subprocess.run(
            command, cwd=tmp_path, env=environ, capture_output=True, text=True, timeout=LIMIT_S, check=False
        )
        said = ESCAPES.sub("", done.stdout + done.stderr)
        assert done.returncode == 0, said
        return said

    file = TABLE[host].path("user", Server("agentcore"), environ)
    file.parent.mkdir(parents=True, exist_ok=True)
    if host in BEFORE:
        file.write_text(BEFORE[host], "utf-8")
    ours = str(Path(sys.executable).with_name("agentcore-mcp"))
    run(ours, "install", host, "--local")
    listed = run(program, "mcp", "list")
    run(ours, "uninstall", host)
    gone = run(program, "mcp", "list")

    assert re.search(connected, listed), listed
    assert "agentcore:" not in gone
    # Claude Code counts its starts in the same file.
    assert host == "claude-code" or file.read_text("utf-8") == BEFORE[host]

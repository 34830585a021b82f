"""The hosts: each one's file for MCP servers, the format of its entries, and its own command to add one.

Sources are the hosts' documentation and, where docs/hosts.md gives a version, the hosts themselves.
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


@dataclass(frozen=True, slots=True)
class Server:
    """This server, as a host starts or reaches it.

    Attributes:
        name: Its name in the host.
        command: The program.
        args: Its arguments.
        env: Variables with their values.
        passed_on: Variables that the host copies from its own environment: mostly secrets.
        url: Its URL instead, if it is served over HTTP.
    """

    name: str
    command: str = ""
    args: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    passed_on: tuple[str, ...] = ()
    url: str = ""


@dataclass(frozen=True, slots=True)
class Host:
    """A host.

    Attributes:
        title: Its name.
        files: The file with its servers, by scope: below the user's ``{home}``, the settings folder ``{config}``, or
            ``{dotted}``, which is ``.config`` on macOS too. Project files are below the current folder.
        next_step: What the user does after the installation.
        keys: The path of the servers in the file.
        reference: How an entry refers to the variable NAME of the host's environment; "" if it can't.
        stdio: Further members of a stdio entry, besides command, arguments and variables.
        url_key: The key of the URL in an HTTP entry; "" if the host has no such entries.
        remote: Further members of an HTTP entry.
        entry_of: Makes stdio entries, for hosts with a format of their own.
        program: The host's own command-line program, where it can add servers.
        add: Its arguments to add a server; empty in a scope that it doesn't support.
        remove: Its arguments to remove a server.
    """

    title: str
    files: Mapping[str, str]
    next_step: str
    keys: tuple[str, ...] = ("mcpServers",)
    reference: str = ""
    stdio: Mapping[str, Any] = field(default_factory=dict)
    url_key: str = "url"
    remote: Mapping[str, Any] = field(default_factory=dict)
    entry_of: Callable[[Host, Server], dict[str, Any]] | None = None
    program: str = ""
    add: Callable[[Host, Server, str], list[str]] | None = None
    remove: Callable[[Server, str], list[str]] | None = None

    def path(
        self, scope: str, server: Server, environ: Mapping[str, str] = os.environ, platform: str = sys.platform
    ) -> Path:
        """Return the file of a scope."""
        home = environ.get("USERPROFILE" if platform == "win32" else "HOME") or str(Path.home())
        dotted = environ.get("XDG_CONFIG_HOME") or f"{home}/.config"
        if platform == "win32":
            dotted = environ.get("APPDATA") or f"{home}/AppData/Roaming"
        config = f"{home}/Library/Application Support" if platform == "darwin" else dotted
        return Path(self.files[scope].format(home=home, config=config, dotted=dotted, name=server.name)).absolute()

    def entry(self, server: Server) -> dict[str, Any]:
        """Return the entry for a server in the host's file."""
        if server.url:
            return {**self.remote, self.url_key: server.url}
        if self.entry_of is not None:
            return self.entry_of(self, server)
        members = {"command": server.command, "args": list(server.args), "env": self.variables(server)}
        return {**self.stdio, **{key: value for key, value in members.items() if value}}

    def variables(self, server: Server) -> dict[str, str]:
        """Return the variables of a server, those that are passed on as references."""
        return {**server.env, **{name: self.reference.replace("NAME", name) for name in server.passed_on}}


def _opencode(host: Host, server: Server) -> dict[str, Any]:
    env = host.variables(server)
    return {"type": "local", "command": [server.command, *server.args], **({"environment": env} if env else {})}


def _codex(host: Host, server: Server) -> dict[str, Any]:
    members = {"args": list(server.args), "env": dict(server.env), "env_vars": list(server.passed_on)}
    return {"command": server.command, **host.remote, **{key: value for key, value in members.items() if value}}


def _claude_add(host: Host, server: Server, scope: str) -> list[str]:
    if server.url:
        return ["mcp", "add", "--transport", "http", "--scope", scope, server.name, server.url]
    # The name comes before --env, which consumes all words after it.
    return ["mcp", "add", server.name, "--scope", scope, *_env(host, server), "--", server.command, *server.args]


def _gemini_add(host: Host, server: Server, scope: str) -> list[str]:
    started = [*_env(host, server), server.name, server.command, *server.args]
    what = ["--transport", "http", server.name, server.url] if server.url else started
    return ["mcp", "add", "--scope", scope, *what]


def _env(host: Host, server: Server) -> list[str]:
    return [part for name, value in host.variables(server).items() for part in ("--env", f"{name}={value}")]


def _code_add(host: Host, server: Server, scope: str) -> list[str]:
    return ["--add-mcp", json.dumps({"name": server.name, **host.entry(server)})] if scope == "user" else []


def _remove(server: Server, scope: str) -> list[str]:
    return ["mcp", "remove", server.name, "--scope", scope]


def _in_home(file: str) -> dict[str, str]:
    """Return the files of a host that uses the same relative path in the user's home and in a project."""
    return {"user": f"{{home}}/{file}", "project": file}


_LISTS = "`{} mcp list` shows whether it connects"
_STDIO = {"type": "stdio"}
_HTTP = {"type": "http"}
# Google's CLI, and its forks.
_gemini = partial(Host, reference="${NAME}", url_key="httpUrl", add=_gemini_add, remove=_remove)

HOSTS: dict[str, Host] = {
    "claude-desktop": Host(
        "Claude Desktop", {"user": "{config}/Claude/claude_desktop_config.json"}, "restart Claude Desktop", url_key=""
    ),
    "claude-code": Host(
        "Claude Code",
        {"user": "{home}/.claude.json", "project": ".mcp.json"},
        _LISTS.format("claude"),
        reference="${NAME}",
        stdio=_STDIO,
        remote=_HTTP,
        program="claude",
        add=_claude_add,
        remove=_remove,
    ),
    "cursor": Host(
        "Cursor", _in_home(".cursor/mcp.json"), "Cursor's settings list it under MCP", reference="${env:NAME}"
    ),
    "vscode": Host(
        "VS Code",
        {"user": "{config}/Code/User/mcp.json", "project": ".vscode/mcp.json"},
        "the command *MCP: List Servers* starts it",
        keys=("servers",),
        reference="${env:NAME}",
        stdio=_STDIO,
        remote=_HTTP,
        program="code",
        add=_code_add,
    ),
    "kiro": Host(
        "Kiro", _in_home(".kiro/settings/mcp.json"), "Kiro's panel *MCP servers* lists it", reference="${NAME}"
    ),
    "windsurf": Host(
        "Windsurf",
        {"user": "{home}/.codeium/windsurf/mcp_config.json"},
        "refresh the MCP servers in Cascade",
        reference="${env:NAME}",
        url_key="serverUrl",
    ),
    # `codex mcp add` can't set `required`, without which `codex exec` calls the model before it has the tools.
    "codex": Host(
        "Codex",
        _in_home(".codex/config.toml"),
        "`codex mcp list` shows it",
        keys=("mcp_servers",),
        reference="NAME",
        remote={"required": True},
        entry_of=_codex,
    ),
    "gemini": _gemini("Gemini CLI", _in_home(".gemini/settings.json"), _LISTS.format("gemini"), program="gemini"),
    "qwen": _gemini("Qwen Code", _in_home(".qwen/settings.json"), _LISTS.format("qwen"), program="qwen"),
    "opencode": Host(
        "opencode",
        {"user": "{dotted}/opencode/opencode.json", "project": "opencode.json"},
        _LISTS.format("opencode"),
        keys=("mcp",),
        reference="{env:NAME}",
        remote={"type": "remote"},
        entry_of=_opencode,
    ),
    "cline": Host(
        "Cline",
        {"user": "{home}/.cline/data/settings/cline_mcp_settings.json"},
        "Cline's panel *MCP Servers* lists it",
        # Seconds; without it, a server has 3 s to start.
        stdio={"type": "stdio", "timeout": 60},
        remote={"type": "streamableHttp", "timeout": 60},
    ),
    "continue": Host(
        "Continue",
        _in_home(".continue/mcpServers/{name}.json"),
        "Continue's agent mode lists its tools",
        reference="${{ secrets.NAME }}",
        remote=_HTTP,
    ),
    "zed": Host(
        "Zed",
        {"user": "{dotted}/zed/settings.json", "project": ".zed/settings.json"},
        "Zed's Agent Panel lists it",
        keys=("context_servers",),
    ),
}

"""The hosts: how each is installed, told of the server by its recipe in docs/hosts.md, led to the model, and started.

``python -m tests.hosts.hosts FOLDER [NAME…]`` installs them with npm and pip, as they are set up on this machine.
"""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

PAGE = Path(__file__).parents[2] / "docs/hosts.md"
NODE = "node22"
PROMPT = "Ask my agent what is new."
ARN = "arn:aws:bedrock-agentcore:us-east-1:123456789012:runtime/my_agent-0123456789"


@dataclass(frozen=True)
class Run:
    """One run of a host, in a folder of its own, which is its home and its project.

    Attributes:
        root: Where the host is installed.
        folder: The run's folder.
        model: The URL of the model.
        server: The command that the recipe calls ``/path/to/.venv/bin/agentcore-mcp``.
        config: The file that says which agent, in place of the recipe's ARN.
    """

    root: Path
    folder: Path
    model: str
    server: Path
    config: Path

    def recipe(self, heading: str, language: str) -> str:
        """Return the first block in that language below a heading of the page, for this run."""
        section = PAGE.read_text(encoding="utf-8").split(f"\n## {heading}\n")[1].split("\n## ")[0]
        block = section.split(f"\n```{language}\n")[1].split("```")[0]
        for name, value in (
            ("/path/to/.venv/bin/agentcore-mcp", self.server),
            ("AGENTCORE_RUNTIME_ARN", "AGENTCORE_CONFIG"),
            (ARN, self.config),
        ):
            assert name in block, f"the recipe of {heading} does not say {name}"
            block = block.replace(name, str(value))
        return block

    def settings(self, heading: str, **more: Any) -> str:
        """Return the JSON of a recipe together with further settings."""
        return json.dumps(json.loads(self.recipe(heading, "json")) | more)

    def write(self, path: str, text: str) -> None:
        """Write a file in the run's folder."""
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")

    def program(self, name: str) -> str:
        """Return the path of a program that npm has installed."""
        return str(self.root / "node_modules/.bin" / name)


def _codex(run: Run) -> list[str]:
    settings = f"""\
model = "scripted"
model_provider = "scripted"
approval_policy = "never"
sandbox_mode = "danger-full-access"
[model_providers.scripted]
name = "scripted"
base_url = "{run.model}/v1"
wire_api = "responses"
"""
    run.write(".codex/config.toml", settings + run.recipe("Codex", "toml"))
    return [run.program("codex"), "exec", "--skip-git-repo-check", PROMPT]


def _claude_code(run: Run) -> list[str]:
    add = run.recipe("Claude Code", "sh").replace("claude ", f"{shlex.quote(run.program('claude'))} ", 1)
    ask = [run.program("claude"), "-p", PROMPT, "--allowedTools", "mcp__my-agent", "--model", "claude-sonnet-4-5"]
    return ["/bin/sh", "-ec", f"{add}\nexec {shlex.join(ask)}"]


def _gemini(run: Run) -> list[str]:
    security = {"auth": {"selectedType": "gemini-api-key"}, "folderTrust": {"enabled": False}}
    quiet = {"privacy": {"usageStatisticsEnabled": False}, "general": {"enableAutoUpdate": False}}
    model = {"name": "gemini-2.5-flash"}
    run.write(".gemini/settings.json", run.settings("Gemini CLI", security=security, model=model, **quiet))
    return [run.program("gemini"), "--yolo", "-p", PROMPT]


def _qwen(run: Run) -> list[str]:
    security = {"auth": {"selectedType": "openai"}, "folderTrust": {"enabled": False}}
    quiet = {"privacy": {"usageStatisticsEnabled": False}, "general": {"disableAutoUpdate": True}}
    run.write(".qwen/settings.json", run.settings("Qwen Code", security=security, **quiet))
    return [run.program("qwen"), "--yolo", "-p", PROMPT]


def _opencode(run: Run) -> list[str]:
    provider = {
        "npm": "@ai-sdk/openai-compatible",
        "options": {"baseURL": f"{run.model}/v1", "apiKey": "none"},
        "models": {"scripted": {"tool_call": True, "limit": {"context": 200_000, "output": 8_000}}},
    }
    settings = {"model": "scripted/scripted", "small_model": "scripted/scripted", "provider": {"scripted": provider}}
    quiet = {"autoupdate": False, "share": "disabled", "permission": "allow"}
    run.write(".config/opencode/opencode.json", run.settings("opencode", **settings, **quiet))
    return [run.program("opencode"), "run", PROMPT]


def _cline(run: Run) -> list[str]:
    settings = {"provider": "openai-compatible", "apiKey": "none", "model": "scripted", "baseUrl": f"{run.model}/v1"}
    provider = {"settings": settings, "updatedAt": "2026-01-01T00:00:00.000Z", "tokenSource": "manual"}
    providers = {"version": 1, "lastUsedProvider": "openai-compatible", "providers": {"openai-compatible": provider}}
    run.write(".cline/data/settings/providers.json", json.dumps({**providers, "modes": {}}))
    run.write(".cline/data/settings/cline_mcp_settings.json", run.settings("Cline"))
    return [run.program("cline"), "--json", "-P", "openai-compatible", "-m", "scripted", PROMPT]


def _continue(run: Run) -> list[str]:
    model = f"""\
name: scripted
version: 1.0.0
schema: v1
models:
  - name: scripted
    provider: openai
    model: scripted
    apiKey: none
    apiBase: {run.model}/v1
    useResponsesApi: false
    capabilities: [tool_use]
    roles: [chat]
"""
    run.write(".continue/config.yaml", model + run.recipe("Continue", "yaml"))
    return [run.program("cn"), "--config", str(run.folder / ".continue/config.yaml"), "--auto", "-p", PROMPT]


@dataclass(frozen=True)
class Host:
    """A host.

    Attributes:
        heading: Its section in docs/hosts.md.
        packages: What to install; the host itself first.
        protocols: The versions that it speaks; which of several, depends on how fast the server starts.
        start: Writes the files of a run and returns the command; None for a Python library: its recipe is a program.
        kills: It kills the server while that still stops sessions, so some may be left.
        environ: Its own variables; ``{model}`` is the URL of the model.
    """

    heading: str
    packages: tuple[str, ...]
    protocols: tuple[str, ...]
    start: Callable[[Run], list[str]] | None = None
    kills: bool = False
    environ: dict[str, str] = field(default_factory=dict)

    def command(self, run: Run) -> list[str]:
        """Write the files of a run and return the host's command."""
        if self.start:
            return self.start(run)
        program = run.recipe(self.heading, "python")
        assert f'"{PROMPT}"' in program
        run.write("host.py", program)
        return [str(run.root / "bin/python"), "host.py"]


_OPENAI = {"OPENAI_API_KEY": "none", "OPENAI_BASE_URL": "{model}/v1", "OPENAI_API_BASE": "{model}/v1"}
_GEMINI = {"GEMINI_API_KEY": "none", "GOOGLE_API_KEY": "none", "GOOGLE_GEMINI_BASE_URL": "{model}"}
_ANTHROPIC = {
    "ANTHROPIC_BASE_URL": "{model}",
    "ANTHROPIC_API_KEY": "none",
    "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
    "DISABLE_AUTOUPDATER": "1",
    "ENABLE_TOOL_SEARCH": "false",
}
_QUIET_AGENTS = {"OPENAI_AGENTS_DISABLE_TRACING": "1"}

HOSTS = {
    "codex": Host("Codex", ("@openai/codex",), ("2025-06-18",), _codex, kills=True),
    "claude": Host(
        "Claude Code", ("@anthropic-ai/claude-code",), ("2026-07-28", "2025-11-25"), _claude_code, environ=_ANTHROPIC
    ),
    "gemini": Host("Gemini CLI", ("@google/gemini-cli",), ("2025-06-18",), _gemini, environ=_GEMINI),
    "qwen": Host(
        "Qwen Code",
        ("@qwen-code/qwen-code",),
        ("2025-11-25",),
        _qwen,
        environ={**_OPENAI, "OPENAI_MODEL": "scripted"},
    ),
    "opencode": Host("opencode", ("opencode-ai",), ("2025-11-25",), _opencode),
    "cline": Host("Cline", ("cline",), ("2024-11-05",), _cline),
    "continue": Host(
        "Continue", ("@continuedev/cli",), ("2025-11-25",), _continue, environ={"CONTINUE_TELEMETRY_ENABLED": "0"}
    ),
    "langchain": Host(
        "LangChain",
        ("langchain-mcp-adapters", "langchain", "langchain-openai"),
        ("2025-11-25",),
        kills=True,
        environ=_OPENAI,
    ),
    "llamaindex": Host(
        "LlamaIndex",
        ("llama-index-tools-mcp", "llama-index-core", "llama-index-llms-openai"),
        ("2025-11-25",),
        environ=_OPENAI,
    ),
    "openai-agents": Host("OpenAI Agents", ("openai-agents",), ("2026-07-28",), environ=_OPENAI | _QUIET_AGENTS),
    "pydantic-ai": Host("Pydantic AI", ("pydantic-ai-slim[mcp,openai]",), ("2026-07-28",), environ=_OPENAI),
    "strands": Host("Strands", ("strands-agents[openai]",), ("2026-07-28",), environ=_OPENAI),
    "adk": Host("Google ADK", ("google-adk", "mcp"), ("2025-11-25",), environ=_GEMINI),
}


def installed(folder: Path, name: str) -> bool:
    """Tell whether a host is installed in a folder."""
    package = HOSTS[name].packages[0].partition("[")[0]
    if HOSTS[name].start:
        return (folder / name / "node_modules" / package / "package.json").exists()
    return any((folder / name).glob(f"lib/python*/site-packages/{package.replace('-', '_')}-*.dist-info"))


def install(folder: Path, name: str) -> None:
    """Install the newest version of a host into a folder."""
    host, root = HOSTS[name], folder / name
    root.mkdir(parents=True, exist_ok=True)
    if host.start:
        for prefix, package in ((folder / NODE, "node@22"), (root, f"{host.packages[0]}@latest")):
            command = ["npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", str(prefix), package]
            subprocess.run(command, check=True)
    else:
        subprocess.run([sys.executable, "-m", "venv", str(root)], check=True)
        subprocess.run([str(root / "bin/python"), "-m", "pip", "install", "-qU", *host.packages], check=True)


if __name__ == "__main__":
    where = Path(sys.argv[1])
    for wanted in sys.argv[2:] or HOSTS:
        if HOSTS[wanted].start and not shutil.which("npm"):
            sys.exit("npm is missing")
        sys.stdout.write(f"{wanted}\n")
        install(where, wanted)

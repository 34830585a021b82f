"""``agentcore-mcp install HOST`` and ``uninstall HOST``: adding this server to an MCP host, and removing it."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from agentcore_mcp.cli.hosts.table import HOSTS, Host, Server
from agentcore_mcp.cli.options import AgentOptions, agent_options, load_settings
from agentcore_mcp.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable

    from agentcore_mcp.config.loading import Loaded

# Longer than any host's own command takes.
_COMMAND_TIMEOUT_S = 60
# The variables that select agent and credentials; hosts pass few of the shell's variables to a server.
_PLAIN = ("AGENTCORE_RUNTIME_ARN", "AGENTCORE_QUALIFIER", "AGENTCORE_ENDPOINT_URL", "AWS_PROFILE", "AWS_CA_BUNDLE")
_SECRET = "AGENTCORE_BEARER_TOKEN"  # noqa: S105 - the name of a variable


def _place(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options and argument that name a host and an entry."""
    for option in (
        click.option("--scope", type=click.Choice(["user", "project"]), default="user", show_default=True),
        click.option("--name", default="agentcore", show_default=True, help="What the host calls the server."),
        click.argument("host", type=click.Choice(list(HOSTS)), metavar="HOST"),
    ):
        command = option(command)
    return command


@click.command(epilog=f"HOST is one of {', '.join(HOSTS)}.")
@_place
@click.option(
    "--url", metavar="URL", help="A server that is served over HTTP there, instead of one that the host starts."
)
@click.option("--print", "only_print", is_flag=True, help="Print what would be done, and change nothing.")
@agent_options
def install(host: str, name: str, scope: str, url: str | None, *, only_print: bool, agent: AgentOptions) -> None:
    """Add this server to an MCP host, with the agent that the flags and variables name.

    Merges into the host's own file, or calls its own command; a copy of the file as it was stays beside it. A bearer
    token is never written down: the host's file refers to the variable AGENTCORE_BEARER_TOKEN.
    """
    from agentcore_mcp.cli.hosts.files import Installed, document, with_entry, write

    about, server = HOSTS[host], _server(name, url, agent)
    path, keys = _file(about, scope, server), (*about.keys, name)
    if server.passed_on and not about.reference:
        raise ConfigurationError(
            f"{about.title} can't take {', '.join(server.passed_on)} from its environment, and secrets are not written "
            "into its file: use an AWS profile, or auth with token_file or token_command in a configuration file"
        )
    if url is not None and not about.url_key:
        raise ConfigurationError(f"{about.title} takes no URL in its file; add it as a connector in its settings")
    entry, program = about.entry(server), _program(about)
    adding = about.add(about, server, scope) if program is not None and about.add is not None else []
    if only_print:
        snippet = f"# {path}\n{document(path, '').put(keys, entry).rstrip()}"
        click.echo(shlex.join([about.program, *adding]) if adding else snippet)
        return
    there = document(path).get(keys)
    if there == entry:
        click.echo(f"{about.title} has it already: {name!r} in {path}")
        return
    text = with_entry(path, keys, entry)
    with Installed(path, keys, os.environ).changing():
        if program is None or not adding:
            write(path, text)
        else:
            if there is not None and about.remove is not None:
                _run(program, about.remove(server, scope))
            _run(program, adding)
    click.echo(f"{about.title} has {name!r} now, in {path}; {about.next_step}")


@click.command(epilog=f"HOST is one of {', '.join(HOSTS)}.")
@_place
def uninstall(host: str, name: str, scope: str) -> None:
    """Remove this server from an MCP host. A file that nothing else has changed is put back as it was."""
    from agentcore_mcp.cli.hosts.files import Installed, document, write

    about, server = HOSTS[host], Server(name)
    path, keys = _file(about, scope, server), (*about.keys, name)
    if document(path).get(keys) is None:
        click.echo(f"{about.title} has no {name!r} in {path}")
        return
    installed, program = Installed(path, keys, os.environ), _program(about)
    if not installed.put_back():
        if program is not None and about.remove is not None:
            _run(program, about.remove(server, scope))
        else:
            is_only = list(document(path).get(about.keys)) == [name]
            write(path, document(path).remove(about.keys if is_only else keys))
        if installed.copy.exists():
            click.echo(f"{path} has changed since; as it was before is in {installed.copy.name}")
    click.echo(f"{about.title} no longer has {name!r} in {path}")


def _file(about: Host, scope: str, server: Server) -> Path:
    if scope not in about.files:
        raise ConfigurationError(f"{about.title} has no servers by {scope}; leave --scope out")
    return about.path(scope, server)


def _program(about: Host) -> str | None:
    return shutil.which(about.program) if about.program else None


def _run(program: str, arguments: list[str]) -> None:
    done = subprocess.run(
        [program, *arguments], capture_output=True, text=True, timeout=_COMMAND_TIMEOUT_S, check=False
    )
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip()
        raise ConfigurationError(
            f"{shlex.join([program, *arguments[:2]])} failed with exit code {done.returncode}: {said}"
        )


def _server(name: str, url: str | None, agent: AgentOptions) -> Server:
    if url is not None:
        if agent != AgentOptions():
            raise ConfigurationError("--url names a server that has its own agents: leave out the flags that name one")
        return Server(name, url=url)
    command, first = _command()
    if agent.local:
        return Server(name, command, (*first, "--local", *_flags(agent)))
    loaded = load_settings(agent)
    env, passed_on = _variables(loaded, agent)
    return Server(name, command, (*first, *_flags(agent)), env, passed_on)


def _command() -> tuple[str, tuple[str, ...]]:
    """Return the program that a host starts, and its first arguments."""
    here = Path(sys.argv[0]).absolute()
    # Under uvx this is a path in its cache, which it may clean.
    if "archive-v0" in here.parts or "builds-v0" in here.parts:
        return shutil.which("uvx") or "uvx", ("agentcore-mcp",)
    return str(here) if here.name.startswith("agentcore-mcp") else shutil.which("agentcore-mcp") or "agentcore-mcp", ()


def _flags(agent: AgentOptions) -> tuple[str, ...]:
    flags = ["--protocol", agent.protocol] if agent.protocol else []
    flags += ["--read-only"] if agent.read_only else []
    for flag, names in (("--agents", agent.agents), ("--tools", agent.tools)):
        flags += [flag, ",".join(names)] if names else []
    return (*flags, *(["--handoff-after", str(agent.handoff_after_s)] if agent.handoff_after_s else []))


def _variables(loaded: Loaded, agent: AgentOptions) -> tuple[dict[str, str], tuple[str, ...]]:
    """Return the variables that the server needs: those with their values, and the names of secret ones."""
    given = {"AGENTCORE_RUNTIME_ARN": agent.runtime_arn, "AGENTCORE_QUALIFIER": agent.qualifier}
    given["AGENTCORE_ENDPOINT_URL"] = agent.endpoint_url
    if loaded.file is not None:
        used = {name for names in loaded.file.variables.values() for name in names}
        profile = {"AWS_PROFILE": os.environ["AWS_PROFILE"]} if "AWS_PROFILE" in os.environ else {}
        return {"AGENTCORE_CONFIG": str(loaded.file.path.absolute()), **profile}, tuple(sorted(used))
    env = {name: value for name in _PLAIN if (value := given.get(name) or os.environ.get(name))}
    has_token = agent.bearer_token is not None or bool(os.environ.get(_SECRET))
    return env, (_SECRET,) if has_token else ()

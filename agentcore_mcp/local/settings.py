"""The settings of a local AgentCore, shared by the command line and `LocalAgentCore`.

A TOML file names several agents, with a table for each::

    [orders]
    app = "orders.agent:app"

    [search]
    target = "http://127.0.0.1:9000"
    protocol = "a2a"

    [legacy]
    command = "node {folder}/server.js --port {port}"
    allowed_ports = [8000, "8010-8019"]
"""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from agentcore_mcp.errors import ConfigurationError
from agentcore_mcp.local.sandbox.ports import allowed_ports
from agentcore_mcp.local.sandbox.targets import SAMPLE_APPS, AgentApp, AgentCommand, AgentUrl, HostedAgent

if TYPE_CHECKING:
    import os

    from agentcore_mcp.local.callers.gate import AuthSettings
    from agentcore_mcp.local.line.faults import Fault
    from agentcore_mcp.local.sandbox.limits import Limits
    from agentcore_mcp.local.sandbox.targets import Target

    # The content of a TOML file with agents, or its path.
    Agents = Mapping[str, Mapping[str, Any]] | str | os.PathLike[str]

_DEFAULT_NAME: Final = "local_agent"
_KINDS: Final = ("app", "target", "command")
_PORTS: Final = "allowed_ports"
_KEYS: Final = (*_KINDS, "protocol", _PORTS)


@dataclass(frozen=True, slots=True)
class LocalSettings:
    """The hosted agents, their callers' authentication, the limits of sessions, the faults, and the port."""

    agents: tuple[HostedAgent, ...]
    auth: AuthSettings
    limits: Limits
    faults: tuple[Fault, ...]
    port: int

    def announcement(self, endpoint_url: str) -> dict[str, Any]:
        """Return the facts that callers need, once it listens."""
        arns = {agent.name: str(agent.arn) for agent in self.agents}
        announced = {"endpoint_url": endpoint_url, "agent_runtime_arn": next(iter(arns.values())), "agents": arns}
        return {**announced, **self.auth.announcement(endpoint_url)}


def need_posix(platform: str = sys.platform) -> None:
    """Check that sessions can run here: they need POSIX process groups, pipes and terminals.

    Raises:
        ConfigurationError: On Windows.
    """
    if platform == "win32":
        raise ConfigurationError("the local AgentCore needs a POSIX system: on Windows, run this in WSL")


def hosted_agents(
    agents: Agents | None, *, allowed_headers: Iterable[str] = (), **named: str | Sequence[str | int] | None
) -> tuple[HostedAgent, ...]:
    """Return the agents to host; by default the bundled sample agent.

    Args:
        agents: Several agents. The apps of a file are imported from its folder, others from the current one.
        allowed_headers: The request headers that reach them, besides custom ones.
        named: Or the keys of a single agent's table.

    Raises:
        ConfigurationError: If they can't be read, or one is not valid.
    """
    single = {key: value for key, value in named.items() if value not in (None, (), [])}
    if agents is not None and single:
        raise ConfigurationError(f"agents and {', '.join(single)} exclude each other")
    if agents is None:
        agents = {_DEFAULT_NAME: single if single.keys() - {_PORTS} else {"protocol": "http", **single}}
    hosted = _agents_of(agents, Path.cwd()) if isinstance(agents, Mapping) else _agents_in(Path(agents))
    headers = frozenset(name.lower() for name in allowed_headers)
    return tuple(replace(agent, allowed_headers=headers) for agent in hosted)


def _agents_in(file: Path) -> tuple[HostedAgent, ...]:
    try:
        return _agents_of(tomllib.loads(file.read_text("utf-8")), file.resolve().parent)
    except OSError as exc:
        raise ConfigurationError(f"can't read {str(file)!r}: {exc.strerror}") from exc
    except ValueError as exc:
        raise ConfigurationError(f"{str(file)!r} is not TOML: {exc}") from exc
    except ConfigurationError as exc:
        raise ConfigurationError(f"{str(file)!r}: {exc.message}") from None


def _agents_of(tables: Mapping[str, Any], folder: Path) -> tuple[HostedAgent, ...]:
    if not tables:
        raise ConfigurationError("no agent is named")
    return tuple(_agent(name, table, folder) for name, table in tables.items())


def _agent(name: str, table: Any, folder: Path) -> HostedAgent:
    members = dict(table) if isinstance(table, Mapping) else {}
    unknown = [key for key in members if key not in _KEYS]
    if unknown:
        raise ConfigurationError(f"agent {name!r} has no key {unknown[0]!r}; the keys are {', '.join(_KEYS)}")
    protocol, ports = members.pop("protocol", None), members.pop(_PORTS, ())
    if protocol not in (None, *SAMPLE_APPS):
        raise ConfigurationError(f"agent {name!r}: protocol: {protocol!r} is not one of {', '.join(SAMPLE_APPS)}")
    if protocol and not members:
        # Without a folder: the MCP server's current folder may be any open project, and the sample agent must not
        # import anything from it.
        target: Target = AgentApp(SAMPLE_APPS[protocol], None)
    else:
        target = _target(name, list(members.items()), folder)
    try:
        return HostedAgent(name, target, protocol or "http", allowed_ports=allowed_ports(ports))
    except ConfigurationError as exc:
        raise ConfigurationError(f"agent {name!r}: {exc.message}") from None


def _target(name: str, members: list[tuple[str, Any]], folder: Path) -> Target:
    try:
        match members:
            case [("app", str(value))] if value:
                return AgentApp.parse(value, folder)
            case [("target", str(value))] if value:
                return AgentUrl.parse(value)
            case [("command", str(value))] if value:
                return AgentCommand(value, folder)
    except ConfigurationError as exc:
        raise ConfigurationError(f"agent {name!r}: {members[0][0]}: {exc.message}") from None
    raise ConfigurationError(f"agent {name!r} needs one of {', '.join(_KINDS)}, a string; they exclude each other")

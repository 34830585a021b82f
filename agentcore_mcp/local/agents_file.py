"""The file that names several agents for one local AgentCore: TOML, one table for each.

::

    [orders]
    app = "orders.agent:app"

    [search]
    target = "http://127.0.0.1:9000"

    [legacy]
    command = "node {folder}/server.js --port {port}"
"""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING, Any, Final

from agentcore_mcp.errors import ConfigurationError
from agentcore_mcp.local.sandbox.targets import AgentApp, AgentCommand, AgentUrl, HostedAgent, Target

if TYPE_CHECKING:
    from pathlib import Path

_KINDS: Final = ("app", "target", "command")


def read_agents(file: Path) -> tuple[HostedAgent, ...]:
    """Read the agents of a file, in its order. Apps are imported from its folder.

    Raises:
        ConfigurationError: If it can't be read, or says anything else than which agents there are.
    """
    try:
        tables = tomllib.loads(file.read_text("utf-8"))
    except OSError as exc:
        raise ConfigurationError(f"can't read {str(file)!r}: {exc.strerror}") from exc
    except ValueError as exc:
        raise ConfigurationError(f"{str(file)!r} is not TOML: {exc}") from exc
    if not tables:
        raise ConfigurationError(f"{str(file)!r} names no agent")
    try:
        return tuple(HostedAgent(name, _target(name, table, file)) for name, table in tables.items())
    except ConfigurationError as exc:
        raise ConfigurationError(f"{str(file)!r}: {exc.message}") from None


def _target(name: str, table: Any, file: Path) -> Target:
    members = list(table.items()) if isinstance(table, dict) else []
    unknown = [kind for kind, _ in members if kind not in _KINDS]
    if unknown:
        raise ConfigurationError(f"agent {name!r} has no key {unknown[0]!r}; the keys are {', '.join(_KINDS)}")
    match members:
        case [(kind, str(value))] if value:
            return _read(kind, value, name, file)
    raise ConfigurationError(f"agent {name!r} needs one of {', '.join(_KINDS)}, a string")


def _read(kind: str, value: str, name: str, file: Path) -> Target:
    folder = file.resolve().parent
    try:
        match kind:
            case "app":
                return AgentApp.parse(value, folder, named_by=f"{str(file)!r}: agent {name!r}: app")
            case "target":
                return AgentUrl.parse(value)
            case _:
                return AgentCommand(value, folder)
    except ConfigurationError as exc:
        raise ConfigurationError(f"agent {name!r}: {kind}: {exc.message}") from None

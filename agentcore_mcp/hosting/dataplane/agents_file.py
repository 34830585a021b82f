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
from typing import TYPE_CHECKING, Any

from agentcore_mcp.errors import ConfigurationError
from agentcore_mcp.hosting.dataplane.targets import AgentApp, AgentCommand, AgentUrl, HostedAgent, Target

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_KINDS: dict[str, Callable[[str, Path], Target]] = {
    "app": AgentApp,
    "target": lambda url, _: AgentUrl.parse(url),
    "command": AgentCommand,
}


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
    folder = file.resolve().parent
    try:
        return tuple(HostedAgent(name, _target(name, table, folder)) for name, table in tables.items())
    except ConfigurationError as exc:
        raise ConfigurationError(f"{str(file)!r}: {exc.message}") from None


def _target(name: str, table: Any, folder: Path) -> Target:
    match list(table.items()) if isinstance(table, dict) else None:
        case [(kind, str(value))] if kind in _KINDS and value:
            return _KINDS[kind](value, folder)
    raise ConfigurationError(f"agent {name!r} needs one of {', '.join(_KINDS)}, a string")

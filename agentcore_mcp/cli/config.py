"""``agentcore-mcp config``: the configuration in effect, and the schema of configuration files."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from agentcore_mcp.cli.options import AgentOptions, agent_options, load_settings
from agentcore_mcp.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agentcore_mcp.config.file import Key
    from agentcore_mcp.config.loading import Loaded
    from agentcore_mcp.config.model import Table

# Origins stand in a column, unless a value is longer than this.
_COLUMN_MAX = 90


@click.group()
def config() -> None:
    """Show the configuration, or its schema."""


@config.command()
@agent_options
def show(agent: AgentOptions) -> None:
    """Print the configuration in effect as TOML, with the source of each value. Secrets are shown as ***.

    It takes the flags of the server, and reads what the server would read with them.
    """
    if agent.local:
        raise ConfigurationError("--local brings its own agent: there is nothing to show")
    loaded = load_settings(agent)
    for note in loaded.notes:
        click.echo(f"# {note}")
    shown = list(_lines(loaded))
    width = min(_COLUMN_MAX, max(len(setting) for setting, _ in shown))
    for setting, origin in shown:
        click.echo(f"{setting:{width}}  # {origin}")


@config.command()
def schema() -> None:
    """Print the JSON schema of the configuration file, for editors."""
    from agentcore_mcp.config.schema import file_schema

    click.echo(json.dumps(file_schema(), indent=2))


def _lines(loaded: Loaded) -> Iterator[tuple[str, str]]:
    """Yield each setting as a line of TOML, and its source."""
    from agentcore_mcp.config.complaints import dotted
    from agentcore_mcp.config.secrets import shown

    used = () if loaded.file is None else loaded.file.variables
    table = _by_key(loaded.settings, loaded.settings.model_dump())
    agents = {agent.pop("name"): agent for agent in table.pop("agents")}
    for key, value in _leaves({"agents": agents, **table}, ()):
        name = dotted(key)
        if value is None:
            yield f"# {name}", "not set"
        else:
            filled = any(place[: len(key)] == key for place in used)
            yield f"{name} = {_toml(shown(key, value, filled=filled))}", loaded.origin(key)


def _by_key(table: Table, dumped: dict[str, Any]) -> dict[str, Any]:
    """Return a table's dump with the keys that a file uses."""
    from agentcore_mcp.config.model import Table

    found = {}
    for name, field in type(table).model_fields.items():
        inner, value = getattr(table, name), dumped[name]
        found[str(field.validation_alias or name)] = _by_key(inner, value) if isinstance(inner, Table) else value
    return found


def _leaves(table: dict[str, Any], parents: Key) -> Iterator[tuple[Key, Any]]:
    for name, value in table.items():
        key = (*parents, name)
        if isinstance(value, dict):
            yield from _leaves(value, key)
        else:
            yield key, value


def _toml(value: Any) -> str:
    from agentcore_mcp.config.complaints import quoted

    match value:
        case dict():
            pairs = (f"{quoted(key)} = {_toml(inner)}" for key, inner in value.items() if inner is not None)
            return f"{{{', '.join(pairs)}}}"
        case frozenset():
            return _toml(sorted(value))
        case list() | tuple():
            return f"[{', '.join(map(_toml, value))}]"
        case _:
            # JSON and TOML write strings, numbers and booleans alike, except for DEL.
            return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")

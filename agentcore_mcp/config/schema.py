"""The JSON schema of the configuration file, for editors, made from the same models that read it."""

from __future__ import annotations

from typing import Any

from agentcore_mcp.config.agents import NAME_PATTERN
from agentcore_mcp.config.settings import Settings

_DIALECT = "https://json-schema.org/draft/2020-12/schema"


def file_schema() -> dict[str, Any]:
    """Return the schema of a configuration file."""
    schema = Settings.model_json_schema()
    # A file names its agents by the keys of a table, and may ask for discovery without saying anything of it.
    agent = schema["$defs"]["Agent"]
    del agent["properties"]["name"]
    properties = schema["properties"]
    properties["agents"] = {
        "description": "The agents, by name",
        "type": "object",
        "propertyNames": {"pattern": f"^{NAME_PATTERN}$"},
        "additionalProperties": {"$ref": "#/$defs/Agent"},
    }
    discover = properties["discover"]
    discover["anyOf"] = [{"type": "boolean"}, {"$ref": "#/$defs/Discovery"}]
    tidied: dict[str, Any] = _tidied(schema)
    return {"$schema": _DIALECT, **tidied, "title": "Configuration of agentcore-mcp", "description": _ABOUT}


_ABOUT = "TOML. Texts may refer to environment variables as ${NAME}; empty texts count as unset."


def _tidied(value: Any) -> Any:
    """Leave out what TOML has no word for, null, and the titles that say no more than the keys."""
    match value:
        case {"anyOf": [*choices, {"type": "null"}], **others}:
            inner = choices[0] if len(choices) == 1 else {"anyOf": choices}
            return _tidied({**inner, **{key: other for key, other in others.items() if other is not None}})
        case dict():
            # A property may be called title too; then its value is a table.
            return {
                key: _tidied(inner) for key, inner in value.items() if not (key == "title" and isinstance(inner, str))
            }
        case list():
            return [_tidied(inner) for inner in value]
        case _:
            return value

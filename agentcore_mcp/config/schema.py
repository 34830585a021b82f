"""The JSON schema of the configuration file, for editors, generated from the models that validate it."""

from __future__ import annotations

from typing import Any

from agentcore_mcp.config.agents import NAME_PATTERN
from agentcore_mcp.config.settings import Settings

_ABOUT = "TOML. Strings may refer to environment variables as ${NAME}; empty strings count as unset."
_DIALECT = "https://json-schema.org/draft/2020-12/schema"


def file_schema() -> dict[str, Any]:
    """Return the schema of a configuration file."""
    schema = Settings.model_json_schema()
    # In a file, agents are a table by name, and discovery can be just `true`.
    agent = schema["$defs"]["Agent"]
    del agent["properties"]["name"]
    properties = schema["properties"]
    properties["agents"] = {
        "description": "The agents, by name",
        "type": "object",
        "propertyNames": {"pattern": f"^{NAME_PATTERN}$"},
        "additionalProperties": {"$ref": "#/$defs/Agent"},
    }
    properties["discover"]["anyOf"].insert(0, {"type": "boolean"})
    tidied: dict[str, Any] = _tidied(schema)
    return {"$schema": _DIALECT, **tidied, "title": "Configuration of agentcore-mcp", "description": _ABOUT}


def _tidied(value: Any) -> Any:
    """Remove null, which TOML doesn't have, and redundant members: titles, defaults of tables."""
    match value:
        case {"anyOf": [*choices, {"type": "null"}], **others}:
            inner = choices[0] if len(choices) == 1 else {"anyOf": choices}
            return _tidied({**inner, **others})
        case dict():
            return {key: _tidied(inner) for key, inner in value.items() if not _is_noise(key, inner)}
        case list():
            return [_tidied(inner) for inner in value]
        case _:
            return value


def _is_noise(key: str, value: Any) -> bool:
    # A property may also have one of these names; its value is then a schema.
    return (key == "title" and isinstance(value, str)) or (key == "default" and not isinstance(value, str | bool))

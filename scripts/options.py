"""Write the table of all keys of the configuration file from the schema of the code that reads it.

python scripts/options.py            writes docs/options.md
python scripts/options.py --check    fails if the page is not what would be written
"""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING, Any

from generated import ROOT, write_or_check

from agentcore_mcp.config.schema import file_schema

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGE = ROOT / "docs" / "options.md"
_ABOUT = """\
# All options

Every key of the [configuration file](configuration.md), written from the code that reads it by `scripts/options.py`.
`agentcore-mcp config schema` prints the same as a JSON schema, for editors.
"""


def options() -> str:
    """Return the table of all keys of a configuration file."""
    lines = [_ABOUT]
    for title, about in _tables(file_schema()):
        lines += [f"## `{title}`" if title else "## At the top", "", "| key | value |", "| --- | --- |"]
        lines += [
            f"| `{key}` | {_about(value, required=key in about.get('required', ()))} |"
            for key, value in about["properties"].items()
        ]
        lines.append("")
    return "\n".join(lines)


def _tables(schema: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Give each table by the name that a file has for it, in the order in which they are met."""
    definitions = schema["$defs"]
    seen: set[str] = set()

    def walk(name: str, about: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
        yield name, about
        for key, value in about["properties"].items():
            text = str(value)
            below = "agents.NAME" if key == "agents" else ".".join(filter(None, [name, key]))
            for kind in re.findall(r"#/\$defs/(\w+)", text):
                if kind not in seen and "properties" in definitions[kind]:
                    seen.add(kind)
                    yield from walk(below, definitions[kind])

    return walk("", schema)


def _about(value: dict[str, Any], *, required: bool) -> str:
    default = value.get("default")
    shown = str(default).lower() if isinstance(default, bool) else default
    meaning = value.get("description", "").replace("|", "\\|").replace("<", "&lt;").replace("*", "\\*")
    return (
        f"*{_type(value)}{', required' if required else ''}"
        + (f", default* `{shown}`" if default not in (None, "") else "*")
        + f"<br>{meaning}"
    )


def _type(value: dict[str, Any]) -> str:
    if "$ref" in value:
        return "table"
    if "enum" in value:
        return ", ".join(f"`{each}`" for each in value["enum"])
    if "const" in value:
        return f"`{str(value['const']).lower()}`"
    choices = value.get("anyOf")
    if choices:
        return " or ".join(dict.fromkeys(_type(choice) for choice in choices))
    kind = str(value.get("type", ""))
    if kind == "array":
        return f"list of: {_type(value.get('items', {}))}"
    return {"object": "table", "string": "string", "integer": "integer", "boolean": "true or false"}.get(kind, kind)


if __name__ == "__main__":
    sys.exit(write_or_check({PAGE: options()}))

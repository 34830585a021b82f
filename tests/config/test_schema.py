"""The JSON schema of the configuration file, against what the file's reader takes."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import jsonschema  # type: ignore[import-untyped] # comes with mcp
import pytest

from agentcore_mcp.config.file import read_file
from agentcore_mcp.config.schema import file_schema
from agentcore_mcp.errors import ConfigurationError

DOCS = Path(__file__).parents[2] / "docs"
ARN = "arn:aws:bedrock-agentcore:eu-west-1:123456789012:runtime/agent-0123456789"
# Those about the server alone are one with any agent.
EXAMPLES = [
    example if "arn = " in example else f'{example}\n[agents.any]\narn = "{ARN}"'
    for page in ("configuration.md", "hosted.md", "issuers.md", "../README.md")
    for example in re.findall(r"```toml\n(.*?)```", (DOCS / page).read_text("utf-8"), re.DOTALL)
]
ENVIRON = {name: "x" * 32 for example in EXAMPLES for name in re.findall(r"\$\{(\w+)\}", example)}


def accepts(text: str) -> bool:
    validator = jsonschema.Draft202012Validator(file_schema())
    return bool(validator.is_valid(tomllib.loads(text)))


def test_the_schema_in_the_documentation_is_the_one_of_the_code() -> None:
    """Write it anew with: agentcore-mcp config schema > docs/config.schema.json."""
    assert json.loads((DOCS / "config.schema.json").read_text("utf-8")) == file_schema()


def test_the_schema_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(file_schema())


@pytest.mark.parametrize("example", EXAMPLES)
def test_each_example_of_the_documentation_is_read_and_fits_the_schema(example: str, tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text(example, encoding="utf-8")
    read_file(path, ENVIRON)

    assert accepts(example)


@pytest.mark.parametrize(
    "text",
    [
        f'[agents.a]\narn = "{ARN}"\nname = "b"',
        f'[agents."a b"]\narn = "{ARN}"',
        f'[agents.a]\narn = "{ARN}"\nqualifer = "x"',
        f'[agents.a]\narn = "{ARN}"\nauth = {{ token = "x", token_file = "y" }}',
        f'[agents.a]\narn = "{ARN}"\ncommands = "of"',
        "[agents.a]\nqualifier = 'x'",
        'tools = ["invoke"]',
        'discover = "yes"',
        'expose = "both"',
    ],
)
def test_the_schema_refuses_what_the_reader_refuses(text: str, tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigurationError):
        read_file(path, {})

    assert not accepts(text)


def test_every_key_is_described() -> None:
    schema = file_schema()
    tables = {"": schema, **schema["$defs"]}

    assert [
        f"{name}.{key}"
        for name, table in tables.items()
        for key, value in table["properties"].items()
        if "description" not in value
    ] == []

"""What registries read of this repository: ``server.json`` and the project's metadata agree and are well-formed.

The rules are those of the registry's ``server.json`` schema of 2025-12-11 that apply to the fields in use. The schema
itself is not part of this repository, and no package carries it.
"""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from agentcore_mcp.config import TOOL_NAMES, environment

ROOT = Path(__file__).parent.parent
SERVER: dict[str, Any] = json.loads((ROOT / "server.json").read_text(encoding="utf-8"))
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_server_json_names_its_schema_and_has_what_the_schema_requires() -> None:
    assert SERVER["$schema"] == "https://static.modelcontextprotocol.io/schemas/2025-12-11/server.schema.json"
    assert re.fullmatch(r"[a-zA-Z0-9.-]+/[a-zA-Z0-9._-]+", SERVER["name"])
    assert 3 <= len(SERVER["name"]) <= 200
    assert 1 <= len(SERVER["description"]) <= 100
    assert 1 <= len(SERVER["title"]) <= 100


def test_the_package_is_this_one_in_this_version() -> None:
    (package,) = SERVER["packages"]

    assert (package["registryType"], package["identifier"]) == ("pypi", PROJECT["name"])
    assert SERVER["version"] == package["version"] == PROJECT["version"]
    assert package["transport"] == {"type": "stdio"}


def test_no_package_registry_is_named_by_its_address() -> None:
    assert "registryBaseUrl" not in SERVER["packages"][0]


def test_the_readme_proves_that_the_package_and_the_server_belong_together() -> None:
    """The registry looks for this in the description that the package was published with."""
    assert f"mcp-name: {SERVER['name']}" in README


def test_every_setting_is_offered_and_only_the_secret_ones_are_marked() -> None:
    variables = {variable["name"]: variable for variable in SERVER["packages"][0]["environmentVariables"]}

    assert set(variables) == {
        environment.RUNTIME_ARN,
        environment.CONFIG,
        environment.QUALIFIER,
        environment.BEARER_TOKEN,
        environment.ENDPOINT_URL,
        "AWS_PROFILE",
        "AWS_REGION",
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
    }
    assert {name for name, variable in variables.items() if variable.get("isSecret")} == {
        environment.BEARER_TOKEN,
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
    }


@pytest.mark.parametrize(
    "variable", SERVER["packages"][0]["environmentVariables"], ids=lambda variable: variable["name"]
)
def test_a_variable_uses_only_fields_that_the_schema_knows(variable: dict[str, Any]) -> None:
    kinds = {name: type(value) for name, value in variable.items()}

    assert kinds.pop("name") is str
    assert kinds.pop("description") is str
    assert kinds.items() <= {"placeholder": str, "format": str, "isSecret": bool}.items()


def test_the_license_the_metadata_name_is_the_one_in_the_repository() -> None:
    assert PROJECT["license"] == "Apache-2.0"
    assert "Apache License" in (ROOT / "LICENSE").read_text(encoding="utf-8")


def test_a_hosted_server_is_reached_by_the_host_that_a_user_fills_in() -> None:
    (remote,) = SERVER["remotes"]

    assert remote["type"] == "streamable-http"
    assert re.findall(r"{(\w+)}", remote["url"]) == list(remote["variables"])
    assert remote["url"].startswith("https://")


BUNDLE = ROOT / "packaging" / "mcpb"
MANIFEST: dict[str, Any] = json.loads((BUNDLE / "manifest.json").read_text(encoding="utf-8"))


def test_the_bundle_installs_this_version_and_its_settings_are_variables_of_the_server() -> None:
    """``.ci/run`` has it validated and packed by its own tool, and starts what comes out."""
    project = tomllib.loads((BUNDLE / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    config = MANIFEST["server"]["mcp_config"]

    assert project["dependencies"] == [f"{PROJECT['name']}=={PROJECT['version']}"]
    assert MANIFEST["version"] == project["version"] == PROJECT["version"]
    assert set(config["env"].values()) == {f"${{user_config.{name}}}" for name in MANIFEST["user_config"]}
    variables = {variable["name"] for variable in SERVER["packages"][0]["environmentVariables"]}
    assert set(config["env"]) <= variables
    secret = {name for name, about in MANIFEST["user_config"].items() if about.get("sensitive")}
    assert secret == {"bearer_token"}


def test_the_bundle_names_the_tools_that_there_are() -> None:
    assert [tool["name"] for tool in MANIFEST["tools"]] == list(TOOL_NAMES)

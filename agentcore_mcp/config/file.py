"""The configuration file: TOML, with references to environment variables in its strings.

::

    [agents.review]
    arn = "arn:aws:bedrock-agentcore:us-east-1:123456789012:runtime/review-0123456789"
    description = "Reviews pull requests"
    auth = { token = "${REVIEW_TOKEN}" }

Its keys are the fields of ``Settings``, except that ``agents`` is a table of tables by name.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from agentcore_mcp.config.agents import Place
from agentcore_mcp.config.auth import TOKEN_KEYS
from agentcore_mcp.config.complaints import configuration_error, dotted
from agentcore_mcp.config.environment import is_unset
from agentcore_mcp.config.settings import Settings
from agentcore_mcp.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

# "$${NAME}" escapes "${NAME}". Anything else in braces than a variable's name is left alone, as it may be for a shell.
_REFERENCE = re.compile(r"\$(\$?)\{([A-Za-z_][A-Za-z0-9_]*)\}")

Key = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ConfigurationFile:
    """A parsed file.

    Attributes:
        path: The file.
        settings: Its settings.
        variables: The variables put into strings, by the path of the key.
        keys: The paths of all keys whose value is not a table.
    """

    path: Path
    settings: Settings
    keys: frozenset[Key]
    variables: Mapping[Key, tuple[str, ...]]


def read_file(path: Path, environ: Mapping[str, str]) -> ConfigurationFile:
    """Read a configuration file.

    Texts that are empty or an unexpanded ``${…}`` count as unset, as in the environment.

    Raises:
        ConfigurationError: If it can't be read, is not TOML, refers to a variable that is not set, or has an invalid
            setting. The message names file, key, allowed values, and the value unless it may be a secret.
    """
    try:
        # -sig skips the byte order mark that some Windows editors write.
        table = tomllib.loads(path.read_text("utf-8-sig"))
    except OSError as error:
        raise ConfigurationError(f"can't read the configuration file {str(path)!r}: {error.strerror}") from error
    except ValueError as error:
        raise ConfigurationError(f"{path} is not TOML: {error}") from None
    reading = _Reading(path, environ)
    table = reading.expand(table, ())
    agents = table.get("agents", {})
    if not isinstance(agents, dict):
        raise ConfigurationError(f"{path}: agents are tables by name, such as [agents.review]")
    table["agents"] = [reading.agent(name, agent) for name, agent in agents.items()]
    match table.get("discover"):
        case True:
            table["discover"] = {}
        case False:
            del table["discover"]
    names = tuple(agents)

    def name_of(location: tuple[str | int, ...]) -> str:
        match location:
            case ("agents", int(index), "name"):
                location = ("agents", names[index])
            case ("agents", int(index), *rest):
                location = ("agents", names[index], *rest)
        return f"{path}: {dotted(location)}" if location else str(path)

    server = table.get("server")
    hosted = isinstance(server, dict) and "auth" in server
    try:
        settings = Settings.model_validate(table, context=Place(file=str(path), hosted=hosted))
    except ValidationError as error:
        raise configuration_error(error, name_of) from None
    return ConfigurationFile(path, settings, frozenset(reading.keys), reading.variables)


@dataclass(frozen=True, slots=True)
class _Reading:
    """One reading of one file."""

    path: Path
    environ: Mapping[str, str]
    keys: set[Key] = field(default_factory=set)
    variables: dict[Key, tuple[str, ...]] = field(default_factory=dict)

    def agent(self, name: str, table: Any) -> Any:
        if not isinstance(table, dict):
            raise ConfigurationError(f"{self.path}: agents.{name} has to be a table, such as [agents.{name}]")
        if "name" in table:
            raise ConfigurationError(f"{self.path}: agents.{name}: unknown key 'name'; {name!r} is the agent's name")
        return {**table, "name": name}

    def expand(self, value: Any, key: Key) -> Any:
        """Return a value with its references replaced and unset keys removed."""
        match value:
            case str():
                return self._text(value, key)
            case dict():
                expanded = {name: self.expand(inner, (*key, name)) for name, inner in value.items()}
                # An empty string in a payload is sent to the agent.
                keep_all = key[:1] == ("agents",) and key[2:3] == ("payload",)
                kept = {
                    name: inner
                    for name, inner in expanded.items()
                    if keep_all or not (isinstance(inner, str) and is_unset(inner))
                }
                if key[:1] == ("agents",) and key[2:] == ("auth",) and not kept:
                    self._refuse_no_token(value, key)
                self.keys.update((*key, name) for name, inner in kept.items() if not isinstance(inner, dict))
                return kept
            case list():
                return [self.expand(inner, key) for inner in value]
            case _:
                return value

    def _refuse_no_token(self, auth: dict[str, Any], key: Key) -> None:
        """Refuse an empty token: without one, requests would be signed with AWS credentials."""
        for name in auth:
            if name in TOKEN_KEYS:
                used = "".join(f", as {variable} is" for variable in self.variables.get((*key, name), ()))
                raise ConfigurationError(
                    f"{self.path}: {dotted((*key, name))} is empty{used}; set it, or leave auth out to sign with AWS "
                    "credentials"
                )

    def _text(self, text: str, key: Key) -> str:
        used = []

        def put_in(reference: re.Match[str]) -> str:
            escaped, name = reference.groups()
            if escaped:
                return reference[0][1:]
            if name not in self.environ:
                raise ConfigurationError(f"{self.path}: {dotted(key)} refers to the variable {name}, which is not set")
            used.append(name)
            return self.environ[name]

        expanded = _REFERENCE.sub(put_in, text)
        if used:
            self.variables[key] = (*self.variables.get(key, ()), *used)
        return expanded

"""Loads settings from flags, else variables, else the configuration file, and records the source of each value.

If ``--runtime-arn`` or AGENTCORE_RUNTIME_ARN names an agent, it is the only one, and no file is read. ``--config``
takes precedence over the variable. Without any of these, the file is the one that AGENTCORE_CONFIG names, or else
``agentcore-mcp/config.toml`` in the user's configuration folder, if it exists.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agentcore_mcp.config.agents import Place, name_of
from agentcore_mcp.config.environment import AGENT_VARIABLES, CA_BUNDLE, CONFIG, agent_settings, unfilled, value_of
from agentcore_mcp.config.settings import HOW_TO_CONFIGURE, Settings
from agentcore_mcp.errors import ConfigurationError, InvalidRequestError
from agentcore_mcp.wire.ids import RuntimeArn

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from agentcore_mcp.config.file import ConfigurationFile, Key

DEFAULT = "default"
# AWS's command-line tools read both in this order; botocore reads only the second.
_REGION_VARIABLES = ("AWS_REGION", "AWS_DEFAULT_REGION")


@dataclass(frozen=True, slots=True)
class Loaded:
    """The settings in effect.

    Attributes:
        settings: All of them.
        file: The file that was read, if one was.
        notes: Sentences on ignored variables and files, and on other variables in effect.
        origins: The source of values by the path of their key in a file; values without one are from the file or
            defaults.
    """

    settings: Settings
    file: ConfigurationFile | None = None
    notes: tuple[str, ...] = ()
    origins: Mapping[Key, str] = field(default_factory=dict)

    def origin(self, key: Key) -> str:
        """Return the source of a value in the user's terms."""
        for end in range(len(key), 0, -1):
            part = key[:end]
            if part in self.origins:
                return self.origins[part]
            if self.file is not None and part in self.file.keys:
                used = "".join(f", {name}" for name in dict.fromkeys(self.file.variables.get(part, ())))
                return f"{self.file.path}{used}"
        return DEFAULT


def load(
    environ: Mapping[str, str],
    *,
    config: str | None = None,
    runtime_arn: str | None = None,
    qualifier: str | None = None,
    bearer_token: str | None = None,
    endpoint_url: str | None = None,
    read_only: bool = False,
    agents: Collection[str] | None = None,
    tools: Collection[str] | None = None,
    handoff_after_s: float | None = None,
) -> Loaded:
    """Read the settings.

    Args:
        environ: The environment.
        config: The configuration file.
        runtime_arn: The one agent's ARN.
        qualifier: Its endpoint.
        bearer_token: Its token.
        endpoint_url: Where its requests go.
        read_only: As for ``Settings.changed``, like the next three.
        agents: Only these.
        tools: Only these.
        handoff_after_s: Overrides the file's value.

    Raises:
        ConfigurationError: If no agent is named, or a value is not valid.
    """
    arguments = {"arn": runtime_arn, "qualifier": qualifier, "auth.token": bearer_token, "endpoint_url": endpoint_url}
    found = agent_settings(environ, arguments)
    given = [by for _, by in found.values() if by.startswith("--")]
    if config is not None and given:
        raise ConfigurationError(f"--config and {given[0]} can't be combined: agents are named by a file or by flags")
    if config is None and "arn" in found:
        loaded = _of_one(environ, found)
    else:
        loaded = _from_file(environ, config, given, [by for _, by in found.values()])
    settings = loaded.settings.changed(read_only=read_only, agents=agents, tools=tools, handoff_after_s=handoff_after_s)
    settings = settings.trusting(value_of(environ, CA_BUNDLE))
    origins = dict(loaded.origins)
    if read_only:
        origins["read_only",] = "--read-only"
    if tools is not None:
        origins["tools",] = "--tools"
    if handoff_after_s is not None:
        origins["handoff_after",] = "--handoff-after"
    left_out = [name for name in loaded.settings.names if name not in settings.names]
    trusted = [f"{CA_BUNDLE}: {settings.ca_bundle} has the certificates to trust"] if settings.ca_bundle else []
    notes = [*loaded.notes, *trusted, *([f"--agents leaves out {', '.join(left_out)}"] if left_out else [])]
    return Loaded(settings, loaded.file, tuple(notes), origins)


def _of_one(environ: Mapping[str, str], found: Mapping[str, tuple[str, str]]) -> Loaded:
    """Return the settings of the single agent that ``agent_settings`` found."""
    table: dict[str, Any] = {key: value for key, (value, _) in found.items()}
    if "auth.token" in table:
        table["auth"] = {"token": table.pop("auth.token")}
    places = {key: f"{variable} (or {flag})" for key, (variable, flag) in AGENT_VARIABLES.items()}
    places |= {key: by for key, (_, by) in found.items()}
    places["auth"] = places["auth.token"]
    try:
        table["name"] = name_of(RuntimeArn.parse(table["arn"]))
        settings = Settings.model_validate({"agents": (table,)}, context=Place(variables=places))
    except InvalidRequestError as error:
        raise ConfigurationError(f"{places['arn']}: {error}") from error
    origins = {("agents", settings.agent.name, *key.split(".")): by for key, (_, by) in found.items()}
    path = _file_of(environ)
    notes = () if path is None else (f"{path} is not read, because {found['arn'][1]} names the agent",)
    return Loaded(settings, notes=notes, origins=origins)


def _from_file(environ: Mapping[str, str], config: str | None, given: list[str], ignored: list[str]) -> Loaded:
    path = _file_of(environ) if config is None else Path(config)
    if path is None:
        raise ConfigurationError(HOW_TO_CONFIGURE + unfilled(environ))
    if given:
        raise ConfigurationError(f"{given[0]} needs --runtime-arn; the agents of {path} have settings of their own")
    # Imported here, because an agent named by variables needs no TOML.
    from agentcore_mcp.config.file import read_file

    file = read_file(path, environ)
    notes = tuple(f"{variable} is ignored, because {path} names the agents" for variable in ignored)
    settings = file.settings
    origins: dict[Key, str] = {}
    discovery = settings.discovery
    if discovery is not None and discovery.region is None:
        for variable in _REGION_VARIABLES[::-1]:
            if (region := value_of(environ, variable)) is not None:
                found = discovery.model_copy(update={"region": region})
                settings = settings.model_copy(update={"discovery": found})
                origins["discover", "region"] = variable
    return Loaded(settings, file, notes, origins)


def _file_of(environ: Mapping[str, str]) -> Path | None:
    """Return the file to read if no flag names one."""
    named = value_of(environ, CONFIG)
    home = environ.get("HOME", "")
    if named is not None:
        # In an MCP host's settings, no shell expands the ~.
        return Path(home, named[2:]) if named.startswith("~/") else Path(named)
    return user_file(environ)


def user_file(environ: Mapping[str, str], *, must_exist: bool = True) -> Path | None:
    """Return the user's own configuration file; None if its folder is unknown, or if it ``must_exist`` and doesn't."""
    home = environ.get("HOME", "")
    # https://specifications.freedesktop.org/basedir-spec/latest/: relative paths have to be ignored.
    folder = Path(environ.get("XDG_CONFIG_HOME", ""))
    if not folder.is_absolute():
        if not home:
            return None
        folder = Path(home, ".config")
    path = folder / "agentcore-mcp" / "config.toml"
    return path if path.is_file() or not must_exist else None

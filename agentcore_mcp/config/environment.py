"""The environment: the names of the variables, which values count as unset, and one agent described by variables."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, MutableMapping

CONFIG = "AGENTCORE_CONFIG"
RUNTIME_ARN = "AGENTCORE_RUNTIME_ARN"
QUALIFIER = "AGENTCORE_QUALIFIER"
BEARER_TOKEN = "AGENTCORE_BEARER_TOKEN"  # noqa: S105 - the variable's name
ENDPOINT_URL = "AGENTCORE_ENDPOINT_URL"
# Where boto3's users name the certificates of a proxy that looks into what passes.
CA_BUNDLE = "AWS_CA_BUNDLE"

# By the key that each stands for: the variable, and the flag that wins over it.
AGENT_VARIABLES = {
    "arn": (RUNTIME_ARN, "--runtime-arn"),
    "qualifier": (QUALIFIER, "--qualifier"),
    "auth.token": (BEARER_TOKEN, "--bearer-token"),
    "endpoint_url": (ENDPOINT_URL, "--endpoint-url"),
}

# What hosts pass for a setting that the user left empty: nothing, blanks, or their own placeholder, unexpanded.
_UNSET = re.compile(r"\s*(\$\{[^}]*\})?\s*")


def is_unset(value: str) -> bool:
    """Tell whether a value stands for a setting that nobody filled in."""
    return _UNSET.fullmatch(value) is not None


def value_of(argument: str | None, environ: Mapping[str, str], name: str) -> str | None:
    """Return a setting: the argument, else the variable, else None."""
    for value in (argument, environ.get(name)):
        if value is not None and not is_unset(value):
            return value.strip()
    return None


def setting_of(key: str, argument: str | None, environ: Mapping[str, str]) -> str:
    """Return what the user calls a setting of the one agent: the flag or the variable that it is set by, or either."""
    variable, flag = AGENT_VARIABLES[key]
    if value_of(argument, {}, "") is not None:
        return flag
    return variable if value_of(None, environ, variable) is not None else f"{variable} (or {flag})"


def unfilled(environ: Mapping[str, str]) -> str:
    """Return a remark on a placeholder that stands where the ARN should, "" if none does."""
    value = environ.get(RUNTIME_ARN, "").strip()
    remark = f"\n\n{RUNTIME_ARN} is {value!r} here: a placeholder that the host did not fill in."
    return remark if value and is_unset(value) else ""


def drop_unset(environ: MutableMapping[str, str]) -> None:
    """Remove ``AWS_*`` variables that a host passed empty or unexpanded, before botocore takes them at their word."""
    for name in [name for name, value in environ.items() if name.startswith("AWS_") and is_unset(value)]:
        del environ[name]


def agent_table(environ: Mapping[str, str], arguments: Mapping[str, str | None]) -> dict[str, Any]:
    """Return the agent's table as a file would have it; empty if no runtime is named.

    Args:
        environ: The environment.
        arguments: By key, what was given instead of the variables.
    """
    values = {key: value_of(arguments.get(key), environ, variable) for key, (variable, _) in AGENT_VARIABLES.items()}
    if values["arn"] is None:
        return {}
    token = values.pop("auth.token")
    table: dict[str, Any] = {key: value for key, value in values.items() if value is not None}
    return table if token is None else {**table, "auth": {"token": token}}

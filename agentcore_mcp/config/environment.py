"""Environment variables: their names, which values count as unset, and the settings of a single agent in them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, MutableMapping

CONFIG = "AGENTCORE_CONFIG"
RUNTIME_ARN = "AGENTCORE_RUNTIME_ARN"
QUALIFIER = "AGENTCORE_QUALIFIER"
BEARER_TOKEN = "AGENTCORE_BEARER_TOKEN"  # noqa: S105 - the variable's name
ENDPOINT_URL = "AGENTCORE_ENDPOINT_URL"
# boto3's variable for the certificates of a TLS-inspecting proxy.
CA_BUNDLE = "AWS_CA_BUNDLE"

# By configuration key: the variable, and the flag that takes precedence over it.
AGENT_VARIABLES = {
    "arn": (RUNTIME_ARN, "--runtime-arn"),
    "qualifier": (QUALIFIER, "--qualifier"),
    "auth.token": (BEARER_TOKEN, "--bearer-token"),
    "endpoint_url": (ENDPOINT_URL, "--endpoint-url"),
}

# Values that hosts pass for a setting left empty: nothing, blanks, or the host's own placeholder, unexpanded.
_UNSET = re.compile(r"\s*(\$\{[^}]*\})?\s*")


def is_unset(value: str) -> bool:
    """Return whether a value counts as unset: empty, blank or an unexpanded placeholder."""
    return _UNSET.fullmatch(value) is not None


def value_of(environ: Mapping[str, str], name: str) -> str | None:
    """Return a variable, or None if it is unset."""
    value = environ.get(name, "")
    return None if is_unset(value) else value.strip()


def agent_settings(environ: Mapping[str, str], arguments: Mapping[str, str | None]) -> dict[str, tuple[str, str]]:
    """Return the settings of the single agent: by key, the value and the flag or variable that sets it.

    Args:
        environ: The environment.
        arguments: The values of flags, by key.
    """
    found = {}
    for key, (variable, flag) in AGENT_VARIABLES.items():
        if (value := value_of(environ, variable)) is not None:
            found[key] = (value, variable)
        if (value := value_of({flag: arguments[key] or ""}, flag)) is not None:
            found[key] = value, flag
    return found


def unfilled(environ: Mapping[str, str]) -> str:
    """Return a remark if the ARN's variable holds an unexpanded placeholder, otherwise ""."""
    value = environ.get(RUNTIME_ARN, "").strip()
    remark = f"\n\n{RUNTIME_ARN} is {value!r} here: a placeholder that the host did not fill in."
    return remark if value and is_unset(value) else ""


def drop_unset(environ: MutableMapping[str, str]) -> None:
    """Remove ``AWS_*`` variables that a host passed empty or unexpanded, as botocore would use them literally."""
    for name in [name for name, value in environ.items() if name.startswith("AWS_") and is_unset(value)]:
        del environ[name]

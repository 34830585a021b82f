"""Which agent may be called and how: the only place that reads the environment.

The agent is fixed here, when the server starts. A caller of the tools can't name another one: text that a model
read somewhere must not choose which account is called.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydantic import SecretStr

from agentcore_mcp.errors import ConfigurationError, InvalidRequestError
from agentcore_mcp.wire.operations import RuntimeArn

if TYPE_CHECKING:
    from collections.abc import Mapping, MutableMapping

RUNTIME_ARN = "AGENTCORE_RUNTIME_ARN"
QUALIFIER = "AGENTCORE_QUALIFIER"
BEARER_TOKEN = "AGENTCORE_BEARER_TOKEN"  # noqa: S105 - the variable's name
ENDPOINT_URL = "AGENTCORE_ENDPOINT_URL"

# What hosts pass for a setting that the user left empty: nothing, blanks, or their own placeholder, unexpanded.
_UNSET = re.compile(r"\s*(\$\{[^}]*\})?\s*")

HOW_TO_CONFIGURE = """\
no agent is configured. Name one in one of three ways:

  1. an environment variable, the usual way in an MCP host's configuration:
       AGENTCORE_RUNTIME_ARN=arn:aws:bedrock-agentcore:REGION:ACCOUNT:runtime/NAME-ID
     with AWS credentials from the usual places (AWS_PROFILE, AWS_ACCESS_KEY_ID, ...),
     or AGENTCORE_BEARER_TOKEN for a runtime that expects OAuth

  2. a flag:
       agentcore-mcp --runtime-arn arn:aws:bedrock-agentcore:REGION:ACCOUNT:runtime/NAME-ID

  3. the bundled sample agent on this machine, with no account and no network:
       agentcore-mcp --local"""


@dataclass(frozen=True, slots=True)
class Agent:
    """One agent runtime, and how to reach it.

    Attributes:
        arn: The runtime; region and host follow from it.
        qualifier: The endpoint's name; None leaves the choice to the service (DEFAULT).
        endpoint_url: Where to send requests instead of AWS: https, or http to loopback.
        bearer_token: An OAuth access token; without one, requests are signed with AWS credentials.
        anonymous: Send no credentials at all, which only the local AgentCore accepts.
    """

    arn: RuntimeArn
    qualifier: str | None = None
    endpoint_url: str | None = None
    bearer_token: SecretStr | None = None
    anonymous: bool = False


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything the server needs to know before it starts."""

    agent: Agent

    @classmethod
    def from_env(
        cls,
        environ: Mapping[str, str],
        *,
        runtime_arn: str | None = None,
        qualifier: str | None = None,
        bearer_token: str | None = None,
        endpoint_url: str | None = None,
    ) -> Settings:
        """Read the settings; an argument wins over its environment variable.

        Empty values and unexpanded ``${...}`` placeholders count as unset, because that is what MCP hosts pass for
        a setting that the user did not fill in.

        Raises:
            ConfigurationError: If no agent is named, or a value can't be one.
        """
        arn = _value(runtime_arn, environ, RUNTIME_ARN)
        if arn is None:
            raise ConfigurationError(HOW_TO_CONFIGURE)
        token = _value(bearer_token, environ, BEARER_TOKEN)
        try:
            parsed = RuntimeArn.parse(arn)
        except InvalidRequestError as error:
            raise ConfigurationError(f"{RUNTIME_ARN} (or --runtime-arn): {error}") from error
        return cls(
            Agent(
                parsed,
                qualifier=_value(qualifier, environ, QUALIFIER),
                endpoint_url=_value(endpoint_url, environ, ENDPOINT_URL),
                bearer_token=None if token is None else SecretStr(token),
            )
        )


def drop_unset(environ: MutableMapping[str, str]) -> None:
    """Remove ``AWS_*`` variables that a host passed empty or unexpanded, before botocore takes them at their word."""
    for name in [name for name, value in environ.items() if name.startswith("AWS_") and _UNSET.fullmatch(value)]:
        del environ[name]


def _value(argument: str | None, environ: Mapping[str, str], name: str) -> str | None:
    for value in (argument, environ.get(name)):
        if value is not None and not _UNSET.fullmatch(value):
            return value.strip()
    return None

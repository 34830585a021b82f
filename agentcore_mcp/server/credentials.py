"""An agent's configured ``auth`` → what signs its requests or fetches its tokens; its ``endpoint_url``, checked.

All of it is made at start and does something at the first call: nothing here connects, reads a file or loads botocore.
"""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import httpx2

from agentcore_mcp.config import (
    AwsAuth,
    ClientCredentialsAuth,
    CognitoAuth,
    NoAuth,
    TokenAuth,
    TokenCommandAuth,
    TokenFileAuth,
)
from agentcore_mcp.errors import ConfigurationError
from agentcore_mcp.runtime import auth as runtime_auth
from agentcore_mcp.runtime.cognito import CognitoPassword
from agentcore_mcp.runtime.endpoints import check_endpoint_url, is_loopback
from agentcore_mcp.runtime.oauth import ClientCredentials
from agentcore_mcp.runtime.roles import ConfiguredSession
from agentcore_mcp.runtime.token_command import TokenCommand
from agentcore_mcp.runtime.tokens import TokenFile

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agentcore_mcp.config import Agent, Cognito
    from agentcore_mcp.config import ClientCredentials as ConfiguredClient
    from agentcore_mcp.config.auth import Auth


class Credentials:
    """What proves who a server's requests are from. Agents with the same ``auth`` share it, and so sign in once."""

    def __init__(self) -> None:
        self._made: dict[tuple[Auth, str], httpx2.Auth] = {}

    def auth_for(self, agent: Agent) -> httpx2.Auth:
        """Return what an agent's requests are sent with.

        Raises:
            ConfigurationError: If it can't work. The message begins with what the user calls the setting.
        """
        # A role is asked for in the agent's own region, whose partition it is in; nothing else depends on it.
        has_role = isinstance(agent.auth, AwsAuth) and agent.auth.role_arn is not None
        region = agent.arn.region if has_role else ""
        key = (agent.auth, region)
        if key not in self._made:
            self._made[key] = _auth(agent, region)
        return self._made[key]


def endpoint_of(agent: Agent) -> str | None:
    """Return the endpoint URL that an agent's requests are sent to instead of AWS, if there is one.

    Raises:
        ConfigurationError: If credentials may not be sent there. The message begins with what the user calls the
            setting.
    """
    if agent.endpoint_url is None:
        return None
    with _told_as(agent, "endpoint_url"):
        return check_endpoint_url(agent.endpoint_url)


def _auth(agent: Agent, region: str) -> httpx2.Auth:
    match agent.auth:
        case AwsAuth(profile=None, role_arn=None):
            return runtime_auth.SigV4Auth()
        case AwsAuth() as aws:
            external_id = None if aws.external_id is None else aws.external_id.get_secret_value()
            return runtime_auth.SigV4Auth(
                ConfiguredSession(
                    profile=aws.profile, role_arn=aws.role_arn, external_id=external_id, region=region or None
                )
            )
        case TokenAuth(token=token):
            with _told_as(agent, "auth.token"):
                return runtime_auth.BearerAuth(token.get_secret_value())
        case TokenFileAuth(token_file=path):
            return runtime_auth.BearerAuth(TokenFile(_expanded(agent, path)))
        case TokenCommandAuth(token_command=argv):
            return runtime_auth.BearerAuth(TokenCommand(argv))
        case ClientCredentialsAuth(client_credentials=client):
            with _told_as(agent, "auth.client_credentials"):
                return runtime_auth.BearerAuth(_client(client))
        case CognitoAuth(cognito=user):
            with _told_as(agent, "auth.cognito"):
                return runtime_auth.BearerAuth(_user(user))
        case NoAuth():
            url = endpoint_of(agent)
            if url is None or not is_loopback(httpx2.URL(url).host):
                raise ConfigurationError(
                    f"{agent.setting('auth.none')}: only an agent on this machine can do without credentials; set "
                    "endpoint_url to its address"
                )
            return runtime_auth.NoAuth()


def _expanded(agent: Agent, path: str) -> Path:
    try:
        return Path(path).expanduser()
    except RuntimeError as error:
        raise ConfigurationError(f"{agent.setting('auth.token_file')}: {str(error).lower()}") from error


def _client(client: ConfiguredClient) -> ClientCredentials:
    extra = {"audience": client.audience, "resource": client.resource}
    return ClientCredentials(
        client.token_url,
        client.client_id,
        client.client_secret.get_secret_value(),
        scope=client.scope,
        extra={name: value for name, value in extra.items() if value is not None},
        auth_method=client.auth_method,
    )


def _user(user: Cognito) -> CognitoPassword:
    return CognitoPassword(
        user.region,
        user.client_id,
        user.username,
        user.password.get_secret_value(),
        client_secret=None if user.client_secret is None else user.client_secret.get_secret_value(),
        endpoint_url=user.endpoint_url,
    )


@contextmanager
def _told_as(agent: Agent, key: str) -> Iterator[None]:
    try:
        yield
    except ConfigurationError as error:
        raise ConfigurationError(f"{agent.setting(key)}: {error.message}") from error

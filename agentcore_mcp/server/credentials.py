"""An agent's configured ``auth`` → what signs its requests or fetches its tokens; its ``endpoint_url``, checked.

All of it is made at start and does something at the first call: nothing here connects, reads a file or loads botocore.
The certificates to trust are checked alike: at start that they are there, at the first call what they are.
"""

from __future__ import annotations

import ssl
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import httpx2

from agentcore_mcp import config as configured
from agentcore_mcp.config import (
    AwsAuth,
    ClientCredentialsAuth,
    CognitoAuth,
    TokenAuth,
    TokenCommandAuth,
    TokenFileAuth,
)
from agentcore_mcp.errors import ConfigurationError
from agentcore_mcp.runtime.auth.flows import BearerAuth, NoAuth, SigV4Auth
from agentcore_mcp.runtime.auth.roles import ConfiguredSession
from agentcore_mcp.runtime.auth.token_command import TokenCommand
from agentcore_mcp.runtime.auth.tokens import TokenFile
from agentcore_mcp.runtime.endpoints import check_endpoint_url, is_loopback
from agentcore_mcp.runtime.environment import tls_context

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agentcore_mcp.config import Agent
    from agentcore_mcp.runtime.auth.cognito import CognitoPassword
    from agentcore_mcp.runtime.auth.oauth import ClientCredentials

    _TokenAuths = TokenAuth | TokenFileAuth | TokenCommandAuth | ClientCredentialsAuth | CognitoAuth


class Credentials:
    """What proves who a server's requests are from. Agents with the same ``auth`` share it, and so sign in once."""

    def __init__(self) -> None:
        self._of_aws: dict[tuple[AwsAuth, str | None], SigV4Auth] = {}
        self._bearers: dict[_TokenAuths, BearerAuth] = {}

    def of_aws(self, aws: AwsAuth, region: str | None) -> SigV4Auth:
        """Return what signs requests with AWS credentials.

        Args:
            aws: Whose.
            region: Where a role of theirs is asked for.
        """
        # In the agent's own region, a role is in the right partition. Nothing else depends on it.
        key = (aws, region if aws.role_arn is not None else None)
        if key not in self._of_aws:
            self._of_aws[key] = _signing(*key)
        return self._of_aws[key]

    def auth_for(self, agent: Agent) -> httpx2.Auth:
        """Return what an agent's requests are sent with.

        Raises:
            ConfigurationError: If it can't work. The message begins with what the user calls the setting.
        """
        auth = agent.auth
        if isinstance(auth, AwsAuth):
            return self.of_aws(auth, agent.arn.region)
        if isinstance(auth, configured.NoAuth):
            return _nothing(agent)
        if auth not in self._bearers:
            self._bearers[auth] = _bearer(agent, auth)
        return self._bearers[auth]


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


def uses_tls(endpoint_url: str | None) -> bool:
    """Tell whether what is called at an endpoint has to show a certificate; None is AWS."""
    return endpoint_url is None or httpx2.URL(endpoint_url).scheme == "https"


def check_certificates(ca_bundle: str | None) -> None:
    """Check that a file of certificates to trust is there, without the time that it takes to read it as such.

    Raises:
        ConfigurationError: If it can't be read.
    """
    if ca_bundle is not None:
        with _certificates_of(ca_bundle), Path(ca_bundle).open("rb"):
            pass


def trusted_certificates(ca_bundle: str | None) -> ssl.SSLContext:
    """Return what trusts the certificates of a file, without one those of the system.

    Raises:
        ConfigurationError: If they can't be read.
    """
    if ca_bundle is None:
        return tls_context()
    with _certificates_of(ca_bundle):
        return ssl.create_default_context(cafile=ca_bundle)


@contextmanager
def _certificates_of(ca_bundle: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ConfigurationError(
            f"AWS_CA_BUNDLE: no certificates can be read from {ca_bundle!r}: {error.strerror}"
        ) from error


def _signing(aws: AwsAuth, region: str | None) -> SigV4Auth:
    if aws.profile is None and aws.role_arn is None:
        return SigV4Auth()
    external_id = None if aws.external_id is None else aws.external_id.get_secret_value()
    return SigV4Auth(
        ConfiguredSession(profile=aws.profile, role_arn=aws.role_arn, external_id=external_id, region=region)
    )


def _nothing(agent: Agent) -> NoAuth:
    url = endpoint_of(agent)
    if url is None or not is_loopback(httpx2.URL(url).host):
        raise ConfigurationError(
            f"{agent.setting('auth.none')}: only an agent on this machine can do without credentials; set "
            "endpoint_url to its address"
        )
    return NoAuth()


def _bearer(agent: Agent, auth: _TokenAuths) -> BearerAuth:
    match auth:
        case TokenAuth(token=token):
            with _told_as(agent, "auth.token"):
                return BearerAuth(token.get_secret_value())
        case TokenFileAuth(token_file=path):
            return BearerAuth(TokenFile(_expanded(agent, path)))
        case TokenCommandAuth(token_command=argv):
            return BearerAuth(TokenCommand(argv))
        case ClientCredentialsAuth(client_credentials=client):
            with _told_as(agent, "auth.client_credentials"):
                return BearerAuth(_client(client))
        case CognitoAuth(cognito=user):
            with _told_as(agent, "auth.cognito"):
                return BearerAuth(_user(user))


def _expanded(agent: Agent, path: str) -> Path:
    try:
        return Path(path).expanduser()
    except RuntimeError as error:
        raise ConfigurationError(f"{agent.setting('auth.token_file')}: {path!r}: {error}") from error


def _client(client: configured.ClientCredentials) -> ClientCredentials:
    extra = {"audience": client.audience, "resource": client.resource}
    from agentcore_mcp.runtime.auth.oauth import ClientCredentials

    return ClientCredentials(
        client.token_url,
        client.client_id,
        client.client_secret.get_secret_value(),
        scope=client.scope,
        extra={name: value for name, value in extra.items() if value is not None},
        auth_method=client.auth_method,
    )


def _user(user: configured.Cognito) -> CognitoPassword:
    from agentcore_mcp.runtime.auth.cognito import CognitoPassword

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

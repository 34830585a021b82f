"""Turns an agent's configured ``auth`` into the auth flow of its requests, and checks its ``endpoint_url``.

Auth flows are created at start and used from the first call on: nothing here connects, reads a file or loads botocore.
Likewise, the CA bundle is only checked to be readable at start, and parsed at the first call.
"""

from __future__ import annotations

import ssl
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import httpx2
from pydantic import SecretStr

from agentcore_mcp import config
from agentcore_mcp.config import Auth
from agentcore_mcp.errors import ConfigurationError, ServiceError
from agentcore_mcp.runtime import BearerAuth, NoAuth, SigV4Auth
from agentcore_mcp.runtime.auth.roles import ConfiguredSession
from agentcore_mcp.runtime.auth.token_command import TokenCommand
from agentcore_mcp.runtime.auth.tokens import TokenCache, TokenFile
from agentcore_mcp.runtime.endpoints import check_endpoint_url
from agentcore_mcp.runtime.environment import tls_context
from agentcore_mcp.wire.ids import LOCAL_REGION
from agentcore_mcp.wire.loopback import is_loopback

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from agentcore_mcp.config import Agent
    from agentcore_mcp.runtime.auth.cognito import CognitoPassword
    from agentcore_mcp.runtime.auth.oauth import ClientCredentials
    from agentcore_mcp.runtime.auth.tokens import Token, TokenSource
    from agentcore_mcp.runtime.discovery import DiscoveredRuntime


class Credentials:
    """The auth flows of a server's requests. Agents with the same ``auth`` share one, and so sign in once."""

    def __init__(self) -> None:
        self._signers: dict[tuple[Auth, str | None], SigV4Auth] = {}
        self._bearers: dict[Auth, BearerAuth] = {}

    def signer(self, auth: Auth, region: str | None) -> SigV4Auth:
        """Return the signer of requests with AWS credentials.

        Args:
            auth: The configured credentials.
            region: The region in which to assume their role, if they have one.
        """
        # The agent's own region is in the role's partition. Nothing else depends on the region.
        key = (auth, region if auth.role_arn is not None else None)
        if key not in self._signers:
            whose = auth.arguments()
            self._signers[key] = SigV4Auth(ConfiguredSession(**whose, region=key[1]) if whose else None)
        return self._signers[key]

    async def runtimes(
        self, auth: Auth, region: str | None, endpoint_url: str | None
    ) -> tuple[Auth, Sequence[DiscoveredRuntime]]:
        """List an account's runtimes, or those of a local AgentCore, if the endpoint is on this machine.

        Returns:
            The credentials to call the runtimes with (none if a local AgentCore lets everyone in), and the runtimes.

        Raises:
            AgentCoreError: As ``list_runtimes``.
        """
        from agentcore_mcp.runtime.discovery import list_runtimes

        where = None if endpoint_url is None else check_endpoint_url(endpoint_url)
        local = None if uses_tls(where) else where
        if local and auth.profile is None:
            with suppress(ServiceError):  # it requires a signature
                return Auth(none=True), await list_runtimes(None, region=LOCAL_REGION, endpoint_url=local)
        signer = self.signer(auth, region)
        return auth, await list_runtimes(signer, region=region, profile=auth.profile, endpoint_url=local)

    def auth_for(self, agent: Agent) -> httpx2.Auth:
        """Return the auth flow of an agent's requests.

        Raises:
            ConfigurationError: If it can't work. The message begins with the user's name for the setting.
        """
        auth = agent.auth
        if auth.signs:
            return self.signer(auth, agent.arn.region)
        if auth.none:
            return _nothing(agent)
        if auth.of_caller:
            # Imported here: it loads the SDK, and only a server for several people needs it.
            from agentcore_mcp.server.hosted.upstream import CallerAuth

            with _told_as(agent, f"auth.{auth.kind[0]}"):
                return CallerAuth(_exchange(agent))
        if auth not in self._bearers:
            (key,) = auth.kind
            with _told_as(agent, f"auth.{key}"):
                self._bearers[auth] = BearerAuth(_TOKENS[key](getattr(auth, key)))
        return self._bearers[auth]


def endpoint_of(agent: Agent) -> str | None:
    """Return the endpoint URL that an agent's requests are sent to instead of AWS, if there is one.

    Raises:
        ConfigurationError: If credentials may not be sent there. The message begins with the user's name for
            the setting.
    """
    if agent.endpoint_url is None:
        return None
    with _told_as(agent, "endpoint_url"):
        return check_endpoint_url(agent.endpoint_url)


def uses_tls(endpoint_url: str | None) -> bool:
    """Tell whether calls to an endpoint use TLS; None is AWS."""
    return endpoint_url is None or httpx2.URL(endpoint_url).scheme == "https"


def check_certificates(ca_bundle: str | None) -> None:
    """Check that a CA bundle can be read, without spending the time to parse it.

    Raises:
        ConfigurationError: If it can't be read.
    """
    if ca_bundle is not None:
        with _certificates_of(ca_bundle), Path(ca_bundle).open("rb"):
            pass


def trusted_certificates(ca_bundle: str | None) -> ssl.SSLContext:
    """Return an SSL context that trusts the certificates of a CA bundle, or by default those of the system.

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


def _nothing(agent: Agent) -> NoAuth:
    url = endpoint_of(agent)
    if url is None or not is_loopback(httpx2.URL(url).host):
        raise ConfigurationError(
            f"{agent.setting('auth.none')}: only an agent on this machine can do without credentials; set "
            "endpoint_url to its address"
        )
    return NoAuth()


def _file(path: str) -> TokenFile:
    try:
        return TokenFile(Path(path).expanduser())
    except RuntimeError as error:
        raise ConfigurationError(f"{path!r}: {error}") from error


def _exchange(agent: Agent) -> Callable[[str], Token]:
    """Return the function that exchanges a caller's token for one for the agent."""
    from agentcore_mcp.runtime.auth.agentcore_identity import AgentCoreIdentity
    from agentcore_mcp.server.hosted.upstream import passed_through

    match settings := getattr(agent.auth, agent.auth.kind[0]):
        case config.TokenExchange():
            client = _client(settings)
            # The actor token is for the authorization server itself, so without the agent's scope and audience.
            actor = TokenCache(replace(client, scope=None, extra={})).get if settings.actor else None
            return partial(client.exchange, actor=actor)
        case config.AgentCoreIdentity():
            return AgentCoreIdentity(agent.arn.region, **settings.arguments()).exchange
        case _:
            return partial(passed_through, **settings.arguments())


def _client(client: config.ClientCredentials) -> ClientCredentials:
    from agentcore_mcp.runtime.auth.oauth import ClientCredentials

    given = client.arguments()
    given.pop("actor", None)
    extra: dict[str, str] = {name: given.pop(name) for name in ("audience", "resource") if name in given}
    return ClientCredentials(**given, extra=extra)


def _user(user: config.Cognito) -> CognitoPassword:
    from agentcore_mcp.runtime.auth.cognito import CognitoPassword

    return CognitoPassword(**user.arguments())


# For each key of an ``auth``, the function that turns its value into a token or a source of tokens.
_TOKENS: Mapping[str, Callable[..., str | TokenSource]] = {
    "token": SecretStr.get_secret_value,
    "token_file": _file,
    "token_command": TokenCommand,
    "client_credentials": _client,
    "cognito": _user,
}


@contextmanager
def _told_as(agent: Agent, key: str) -> Iterator[None]:
    try:
        yield
    except ConfigurationError as error:
        raise ConfigurationError(f"{agent.setting(key)}: {error.message}") from error

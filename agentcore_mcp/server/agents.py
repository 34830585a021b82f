"""The agents that a server offers, and the connections to them."""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import anyio

from agentcore_mcp import runtime
from agentcore_mcp.config import Agent, Auth
from agentcore_mcp.errors import CredentialsError, InvalidRequestError
from agentcore_mcp.runtime.auth.sigv4 import SigV4Auth
from agentcore_mcp.runtime.environment import Certificates
from agentcore_mcp.runtime.retries import DEFAULT_RETRIES, Retries
from agentcore_mcp.server.credentials import (
    Credentials,
    check_certificates,
    endpoint_of,
    trusted_certificates,
    uses_tls,
)
from agentcore_mcp.server.protocols.detection import Detection
from agentcore_mcp.wire.headers import TRACE_HEADERS
from agentcore_mcp.wire.ids import RuntimeArn

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import httpx2

    from agentcore_mcp.config import Settings
    from agentcore_mcp.runtime import RuntimeClient
    from agentcore_mcp.server.protocols.detection import Spoken


@dataclass(frozen=True, slots=True)
class Target:
    """An agent, and how to reach it.

    Attributes:
        agent: The agent.
        auth: The auth flow of its requests.
        endpoint_url: The endpoint to call instead of AWS, already checked; None for AWS.
    """

    agent: Agent
    auth: httpx2.Auth
    endpoint_url: str | None

    @property
    def command_headers(self) -> Mapping[str, str]:
        """The configured headers to send with a command.

        They are meant for the agent, which a command doesn't reach, so AWS gets only those that its service model has
        for a command. A custom endpoint, such as a gateway, may require all of them on every request.
        """
        if self.agent.endpoint_url is not None:
            return self.agent.headers
        return {name: value for name, value in self.agent.headers.items() if name.lower() in TRACE_HEADERS}

    @property
    def stop_headers(self) -> Mapping[str, str]:
        """The configured headers to send with a stop, for which the service model has none."""
        return {} if self.agent.endpoint_url is None else self.agent.headers


class Agents:
    """Finds the agent that a call means. Nothing is connected, resolved, signed or listed before the first call.

    Args:
        settings: Which agents there are.
        retries: How often to retry a call that can't have reached an agent.
        transport: Carries the requests to AgentCore instead of the network; for tests.

    Raises:
        ConfigurationError: If an agent's endpoint or credentials, or the CA bundle, can't be used.

    Attributes:
        detection: Detects the agents' protocols.
    """

    def __init__(
        self, settings: Settings, retries: Retries = DEFAULT_RETRIES, transport: httpx2.AsyncBaseTransport | None = None
    ) -> None:
        self._retries = retries
        self._transport = transport
        self._credentials = Credentials()
        self.detection = Detection()
        self._clients: dict[tuple[str, RuntimeArn], RuntimeClient] = {}
        self._certificates = Certificates(partial(trusted_certificates, settings.ca_bundle))
        self._targets = {agent.name: self._target(agent) for agent in settings.agents}
        self._discovery = settings.discovery
        self._discovered = anyio.Event()
        self._shown: Callable[[Agent], bool] = lambda _: True
        # Discovered agents are on AWS.
        if settings.discovery is not None or any(uses_tls(agent.endpoint_url) for agent in settings.agents):
            check_certificates(settings.ca_bundle)
        self._discovering = anyio.Lock()

    def filtered(self, shown: Callable[[Agent], bool]) -> Agents:
        """Return a copy that finds only the agents accepted by ``shown``, and names no others in errors."""
        filtered = copy(self)
        filtered._shown = shown  # noqa: SLF001 - one of its own kind
        return filtered

    async def named(self, name: str) -> Target:
        """Return an agent by its name; without a name, the only agent.

        Raises:
            InvalidRequestError: If no agent has that name, or no name is given and there are several.
            AgentCoreError: If the agents have to be listed for it, and can't be.
        """
        if (target := self._targets.get(name)) is not None and self._shown(target.agent):
            return target
        targets = await self.all()
        found = [one for one in targets if name in ("", one.agent.name)]
        if len(found) == 1:
            return found[0]
        known = ", ".join(one.agent.name for one in targets) or "none: no runtime that is ready was found"
        if not name:
            raise InvalidRequestError(f"no agent is named; pass agent, one of {known}")
        raise InvalidRequestError(f"agent is {name!r}, and has to be one of {known}")

    async def known(self, name: str, arn: str) -> Target:
        """Return the agent that a session was opened with, made from its ARN if it is no longer there.

        A caller who has lost access to an agent can still stop their sessions with it.

        Raises:
            AgentCoreError: If the agents have to be listed for it, and can't be.
        """
        if name not in self._targets:
            await self._discover()
        target = self._targets.get(name)
        if target is not None and str(target.agent.arn) == arn:
            return target
        return self._target(Agent(name=name, arn=RuntimeArn.parse(arn)))

    async def all(self) -> list[Target]:
        """Return all agents: the configured ones in their order, then the discovered ones.

        Raises:
            AgentCoreError: If they have to be listed for it, and can't be.
        """
        await self._discover()
        return self.known_so_far()

    def known_so_far(self) -> list[Target]:
        """Return the agents that are known without another listing."""
        return [target for target in self._targets.values() if self._shown(target.agent)]

    def client_of(self, target: Target) -> RuntimeClient:
        """Return the client for an agent, created on first use and not yet connected."""
        # The same name may have belonged to another agent before.
        key = target.agent.name, target.agent.arn
        if key not in self._clients:
            self._clients[key] = runtime.RuntimeClient(
                auth=target.auth,
                endpoint_url=target.endpoint_url,
                retries=self._retries,
                tls=self._certificates.read,
                transport=self._transport,
            )
        return self._clients[key]

    async def spoken_by(self, target: Target) -> Spoken:
        """Return the protocol of an agent, looked up on first use if the configuration doesn't name it."""
        signer = target.auth if isinstance(target.auth, SigV4Auth) else None
        return await self.detection.of(target.agent, signer, target.endpoint_url)

    async def aclose(self) -> None:
        """Close every connection; a later call makes new ones."""
        clients = list(self._clients.values())
        self._clients.clear()
        for client in clients:
            await client.aclose()

    async def _discover(self) -> None:
        """List the runtimes of the account, once; agents that the configuration has, by name or ARN, stay unchanged."""
        async with self._discovering:
            if (discovery := self._discovery) is None or self._discovered.is_set():
                return
            configured = {target.agent.arn for target in self._targets.values()}
            try:
                auth, runtimes = await self._credentials.runtimes(
                    Auth(profile=discovery.profile), discovery.region, discovery.endpoint_url
                )
            except CredentialsError as error:
                raise CredentialsError(f"can't list the runtimes: {error.message}") from error
            for runtime in runtimes:
                named = runtime.name in self._targets or runtime.arn in configured
                if discovery.wants(runtime.name) and not named:
                    found = Agent(
                        name=runtime.name,
                        arn=runtime.arn,
                        description=runtime.description,
                        endpoint_url=discovery.endpoint_url,
                        auth=auth,
                        send_user_id=discovery.send_user_id,
                        commands=discovery.commands,
                        allow=discovery.allow,
                    )
                    self._targets[found.name] = self._target(found)
                    if runtime.facts is not None:
                        self.detection.looked_up(found, runtime.facts)
            self._discovered.set()

    def _target(self, agent: Agent) -> Target:
        return Target(agent, self._credentials.auth_for(agent), endpoint_of(agent))

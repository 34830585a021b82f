"""The agents that a server offers, and the connections to them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from agentcore_mcp.errors import InvalidRequestError
from agentcore_mcp.runtime.client import RuntimeClient
from agentcore_mcp.server.credentials import Credentials, endpoint_of

if TYPE_CHECKING:
    import httpx2

    from agentcore_mcp.config import Agent, Settings


@dataclass(frozen=True, slots=True)
class Target:
    """An agent, and what calls it."""

    agent: Agent
    client: RuntimeClient


class Agents:
    """Finds the agent that a call means. Nothing is connected, resolved or signed before the first call.

    Args:
        settings: Which agents there are.
        transport: Carries the requests to AgentCore instead of the network; for tests.

    Raises:
        ConfigurationError: If an agent's endpoint or credentials can't be used.
    """

    def __init__(self, settings: Settings, transport: httpx2.AsyncBaseTransport | None) -> None:
        self._transport = transport
        self._credentials = Credentials()
        self._clients: dict[tuple[int, str | None], RuntimeClient] = {}
        self._targets = {agent.name: Target(agent, self._client_for(agent)) for agent in settings.agents}

    def named(self, name: str) -> Target:
        """Return the agent of a name; without a name, the only one.

        Raises:
            InvalidRequestError: If there is none of that name, or several to choose from.
        """
        if not name and len(self._targets) == 1:
            return next(iter(self._targets.values()))
        if name not in self._targets:
            raise InvalidRequestError(f"agent is {name!r}, and has to be one of {', '.join(self._targets)}")
        return self._targets[name]

    def all(self) -> list[Target]:
        """Return all agents, as they are ordered in the configuration."""
        return list(self._targets.values())

    async def aclose(self) -> None:
        """Close every connection."""
        for client in self._clients.values():
            await client.aclose()

    def _client_for(self, agent: Agent) -> RuntimeClient:
        auth, endpoint_url = self._credentials.auth_for(agent), endpoint_of(agent)
        key = (id(auth), endpoint_url)
        if key not in self._clients:
            self._clients[key] = RuntimeClient(auth=auth, endpoint_url=endpoint_url, transport=self._transport)
        return self._clients[key]

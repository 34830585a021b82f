"""The agents that the configuration doesn't name one by one: runtimes of an account, listed at the first use."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agentcore_mcp.runtime.discovery import list_runtimes

if TYPE_CHECKING:
    from agentcore_mcp.config import Agent, Settings
    from agentcore_mcp.server.credentials import Credentials


async def discovered_agents(settings: Settings, credentials: Credentials) -> tuple[Agent, ...]:
    """List the agents that are not configured but asked for by ``discover``, without those that are.

    Raises:
        ConfigurationError: If no region is known.
        CredentialsError, TransportError, ServiceError: As for a call.
    """
    discovery = settings.discovery
    if discovery is None:
        return ()
    auth = credentials.of_aws(discovery.auth, discovery.region)
    found = await list_runtimes(auth, region=discovery.region, profile=discovery.profile)
    arns = {agent.arn for agent in settings.agents}
    return tuple(
        discovery.agent(runtime.name, runtime.arn, runtime.description)
        for runtime in found
        if discovery.wants(runtime.name) and runtime.arn not in arns and runtime.name not in settings.names
    )

"""The MCP server, put together: settings in, a server with its tools out."""

from __future__ import annotations

from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from mcp.server.mcpserver import MCPServer

from agentcore_mcp.runtime.auth import BearerAuth, NoAuth
from agentcore_mcp.runtime.client import RuntimeClient
from agentcore_mcp.server.arguments import ArgumentCheck
from agentcore_mcp.server.sessions import SessionNames
from agentcore_mcp.server.tools import Resources, display_name, register_tools

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import httpx2

    from agentcore_mcp.config import Agent, Settings

INSTRUCTIONS = """\
Talk to {agent}, an AI agent on Amazon Bedrock AgentCore, and work in the environment it runs in.

Every call happens in a session: an isolated environment with its own memory and files. Leave session_id out to start \
a new one; pass the session_id of a result to go on in it. invoke_agent and run_command with the same session_id see \
the same files. Sessions cost money while they live: call stop_session when you are done with one."""


def create_server(settings: Settings, *, transport: httpx2.AsyncBaseTransport | None = None) -> MCPServer[Resources]:
    """Make the MCP server for the configured agent.

    Nothing is connected, resolved or signed before the first call of a tool.

    Args:
        settings: Which agent, and how to reach it.
        transport: Carries the requests to AgentCore instead of the network; for tests.

    Raises:
        ConfigurationError: If the endpoint or the token can't be used.
    """
    agent = settings.agent
    # Made once now, so that what can't work is told before a host waits for it, and anew for each run.
    _runtime_client(agent, transport)

    @asynccontextmanager
    async def lifespan(_: MCPServer[Resources]) -> AsyncIterator[Resources]:
        async with _runtime_client(agent, transport) as client:
            yield Resources(agent=agent, client=client, sessions=SessionNames())

    check = ArgumentCheck()
    server: MCPServer[Resources] = MCPServer(
        "agentcore-mcp",
        title="Amazon Bedrock AgentCore",
        instructions=INSTRUCTIONS.format(agent=display_name(agent)),
        version=version("agentcore-mcp"),
        lifespan=lifespan,
        log_level="WARNING",
        subscriptions=False,
        middleware=[check],
    )
    register_tools(server, agent)
    check.learn(server)
    return server


def _runtime_client(agent: Agent, transport: httpx2.AsyncBaseTransport | None) -> RuntimeClient:
    auth: Any = None
    if agent.anonymous:
        auth = NoAuth()
    elif agent.bearer_token is not None:
        auth = BearerAuth(agent.bearer_token.get_secret_value())
    return RuntimeClient(auth=auth, endpoint_url=agent.endpoint_url, transport=transport)

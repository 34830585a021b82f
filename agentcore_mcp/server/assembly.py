"""The MCP server, put together: settings in, a server with its tools out."""

from __future__ import annotations

from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import TYPE_CHECKING

from mcp.server.mcpserver import MCPServer

from agentcore_mcp.runtime.retries import DEFAULT_RETRIES
from agentcore_mcp.server.agents import Agents
from agentcore_mcp.server.arguments import ArgumentCheck
from agentcore_mcp.server.calls import Calls
from agentcore_mcp.server.instructions import instructions_for
from agentcore_mcp.server.ledger import Ledger
from agentcore_mcp.server.resources import Resources
from agentcore_mcp.server.sessions import SessionNames
from agentcore_mcp.server.stops import Stops
from agentcore_mcp.server.tools import build_tools

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import httpx2

    from agentcore_mcp.config import Settings
    from agentcore_mcp.runtime.retries import Retries


def create_server(
    settings: Settings, *, retries: Retries = DEFAULT_RETRIES, transport: httpx2.AsyncBaseTransport | None = None
) -> MCPServer[Resources]:
    """Make the MCP server for the configured agent.

    Nothing is connected, resolved or signed before the first call of a tool.

    Args:
        settings: Which agents there are, and how to reach them.
        retries: How often a call is sent again that can't have reached an agent, and after what pauses.
        transport: Carries the requests to AgentCore instead of the network; for tests.

    Raises:
        ConfigurationError: If the endpoint or the token can't be used.
    """
    # Made once now, so that what can't work is told before a host waits for it, and anew for each run.
    Agents(settings, retries, transport)

    @asynccontextmanager
    async def lifespan(_: MCPServer[Resources]) -> AsyncIterator[Resources]:
        agents, ledger, calls = Agents(settings, retries, transport), Ledger(), Calls()
        stops = Stops(agents, ledger)
        try:
            async with calls.running():
                yield Resources(settings, agents, SessionNames(), ledger, calls, stops)
        finally:
            await stops.finish(all_open=settings.on_exit == "stop")
            await agents.aclose()

    tools = build_tools(settings)
    server: MCPServer[Resources] = MCPServer(
        "agentcore-mcp",
        title="Amazon Bedrock AgentCore",
        instructions=instructions_for(settings, [tool.name for tool in tools]),
        version=version("agentcore-mcp"),
        lifespan=lifespan,
        log_level="WARNING",
        subscriptions=False,
        tools=tools,
        middleware=[ArgumentCheck({tool.name: tool.parameters for tool in tools})],
    )
    return server

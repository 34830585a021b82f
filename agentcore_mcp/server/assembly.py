"""The MCP server, put together: settings in, a server with its tools out."""

from __future__ import annotations

from contextlib import asynccontextmanager
from functools import partial
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.server.request_state import RequestStateSecurity

from agentcore_mcp.runtime.retries import DEFAULT_RETRIES
from agentcore_mcp.server.arguments import ArgumentCheck
from agentcore_mcp.server.hosted.accounts import Accounts
from agentcore_mcp.server.hosted.store.keys import CANCELLED, EVERYBODY
from agentcore_mcp.server.hosted.tracing import keep_baggage
from agentcore_mcp.server.hosted.views import Views
from agentcore_mcp.server.live.page import apps
from agentcore_mcp.server.live.tasks import Tasks
from agentcore_mcp.server.state import ServerState
from agentcore_mcp.server.tools.confirmation import OneTimeCodec
from agentcore_mcp.server.transports.cancellation import Cancellations

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import httpx2
    from mcp.server.mcpserver import Context
    from mcp.types import CallToolResult, InputRequiredResult

    from agentcore_mcp.config import Settings
    from agentcore_mcp.runtime.retries import Retries


class AgentCoreServer(MCPServer[ServerState]):
    """An MCP server that calls agents.

    Attributes:
        state: The state that its calls share; transports notify it before the server ends.
        accounts: The outcomes of calls, for metrics.
    """

    def __init__(self, state: ServerState) -> None:
        @asynccontextmanager
        async def lifespan(_: MCPServer[ServerState]) -> AsyncIterator[ServerState]:
            async with state.running():
                yield state

        views = Views(state.settings, state.policy, state.agents.detection.description_of)
        store = state.store
        confirmations = OneTimeCodec() if store is None else OneTimeCodec(lambda: state.key, store.once)
        cancellations = Cancellations(None if store is None else partial(store.tell, EVERYBODY, CANCELLED))
        if store is not None:
            store.heard[CANCELLED] = cancellations.cancel
        state.confirmations = confirmations
        accounts = Accounts(views.everything.tools)
        super().__init__(
            "agentcore-mcp",
            title="Amazon Bedrock AgentCore",
            instructions=views.everything.instructions,
            version=version("agentcore-mcp"),
            lifespan=lifespan,
            log_level="WARNING",
            subscriptions=False,
            tools=list(views.everything.tools.values()),
            extensions=[Tasks()] if state.settings.live_view == "off" else [Tasks(), apps()],
            request_state_security=RequestStateSecurity(codec=confirmations),
            middleware=[keep_baggage, confirmations, cancellations, accounts, ArgumentCheck(state.settings, views)],
        )
        self.state = state
        self.accounts = accounts
        self._views = views

    async def call_tool(
        self, name: str, arguments: dict[str, Any], context: Context[ServerState, Any] | None = None
    ) -> CallToolResult | InputRequiredResult:
        """Call a tool as the SDK does; a tool that is hidden from the caller is unknown.

        Raises:
            ToolError: As in the SDK.
        """
        if name in self._views.everything.tools and name not in self._views.current().tools:
            raise ToolError(f"Unknown tool: {name}")
        return await super().call_tool(name, arguments, context)


def create_server(
    settings: Settings, *, retries: Retries = DEFAULT_RETRIES, transport: httpx2.AsyncBaseTransport | None = None
) -> AgentCoreServer:
    """Make the MCP server for the configured agents.

    Nothing is connected, resolved or signed before the first call of a tool.

    Args:
        settings: Which agents there are, and how to reach them.
        retries: How often, and after which pauses, to retry a call that can't have reached an agent.
        transport: Carries the requests to AgentCore instead of the network; for tests.

    Raises:
        ConfigurationError: If an agent's endpoint or credentials can't be used.
    """
    return AgentCoreServer(ServerState(settings, retries, transport))

"""AgentCore calls us: the framework that agents are hosted in, and a sample agent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agentcore_mcp._lazy import lazy_names

if TYPE_CHECKING:
    from agentcore_mcp.hosting.app import BedrockAgentCoreApp
    from agentcore_mcp.hosting.context import BedrockAgentCoreContext, RequestContext
    from agentcore_mcp.hosting.health import PingStatus

__all__ = ["BedrockAgentCoreApp", "BedrockAgentCoreContext", "PingStatus", "RequestContext"]

__getattr__ = lazy_names(
    __name__,
    {
        "BedrockAgentCoreApp": "agentcore_mcp.hosting.app",
        "BedrockAgentCoreContext": "agentcore_mcp.hosting.context",
        "PingStatus": "agentcore_mcp.hosting.health",
        "RequestContext": "agentcore_mcp.hosting.context",
    },
)

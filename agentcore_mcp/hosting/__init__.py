"""AgentCore calls us: the framework that agents are hosted in, and a sample agent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agentcore_mcp._lazy import lazy_names

if TYPE_CHECKING:
    from agentcore_mcp.hosting.app import BedrockAgentCoreApp as BedrockAgentCoreApp
    from agentcore_mcp.hosting.context import (
        BedrockAgentCoreContext as BedrockAgentCoreContext,
        RequestContext as RequestContext,
    )
    from agentcore_mcp.hosting.health import PingStatus as PingStatus

__getattr__, __dir__, __all__ = lazy_names(
    __name__,
    {
        "agentcore_mcp.hosting.app": "BedrockAgentCoreApp",
        "agentcore_mcp.hosting.context": "BedrockAgentCoreContext RequestContext",
        "agentcore_mcp.hosting.health": "PingStatus",
    },
)

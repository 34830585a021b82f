"""A small AgentCore for development and tests: the real wire protocol on loopback, real sessions, real subprocesses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agentcore_mcp._lazy import lazy_names

if TYPE_CHECKING:
    from agentcore_mcp.local.agentcore import LocalAgentCore as LocalAgentCore
    from agentcore_mcp.local.line.journal import RecordedRequest as RecordedRequest

__getattr__, __dir__, __all__ = lazy_names(
    __name__,
    {
        "agentcore_mcp.local.agentcore": "LocalAgentCore",
        "agentcore_mcp.local.line.journal": "RecordedRequest",
    },
)

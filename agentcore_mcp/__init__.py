"""Amazon Bedrock AgentCore runtimes for MCP hosts, Python programs and laptops.

Names are resolved on first use (PEP 562), so an agent container that imports ``BedrockAgentCoreApp`` pays neither
for ``mcp`` nor for ``botocore``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from agentcore_mcp._lazy import lazy_names

if TYPE_CHECKING:
    from agentcore_mcp.errors import (
        AgentCoreError,
        AgentError,
        AgentRuntimeError,
        ConfigurationError,
        ConnectError,
        CredentialsError,
        InvalidRequestError,
        ProtocolError,
        ResponseTimeoutError,
        ServiceError,
        StreamInterruptedError,
        TransportError,
        WebSocketClosedError,
    )
    from agentcore_mcp.hosting.app import BedrockAgentCoreApp
    from agentcore_mcp.hosting.context import BedrockAgentCoreContext, RequestContext
    from agentcore_mcp.hosting.health import PingStatus
    from agentcore_mcp.runtime.client import RuntimeClient
    from agentcore_mcp.runtime.sdk.client import AgentCoreRuntimeClient
    from agentcore_mcp.server.assembly import create_server

_HOME = {
    "AgentCoreRuntimeClient": "agentcore_mcp.runtime.sdk.client",
    "BedrockAgentCoreApp": "agentcore_mcp.hosting.app",
    "BedrockAgentCoreContext": "agentcore_mcp.hosting.context",
    "PingStatus": "agentcore_mcp.hosting.health",
    "RequestContext": "agentcore_mcp.hosting.context",
    "RuntimeClient": "agentcore_mcp.runtime.client",
    "create_server": "agentcore_mcp.server.assembly",
    "AgentCoreError": "agentcore_mcp.errors",
    "AgentError": "agentcore_mcp.errors",
    "AgentRuntimeError": "agentcore_mcp.errors",
    "ConfigurationError": "agentcore_mcp.errors",
    "ConnectError": "agentcore_mcp.errors",
    "CredentialsError": "agentcore_mcp.errors",
    "InvalidRequestError": "agentcore_mcp.errors",
    "ProtocolError": "agentcore_mcp.errors",
    "ResponseTimeoutError": "agentcore_mcp.errors",
    "ServiceError": "agentcore_mcp.errors",
    "StreamInterruptedError": "agentcore_mcp.errors",
    "TransportError": "agentcore_mcp.errors",
    "WebSocketClosedError": "agentcore_mcp.errors",
}

__all__ = [  # noqa: RUF022 - grouped by room
    "AgentCoreRuntimeClient",
    "BedrockAgentCoreApp",
    "BedrockAgentCoreContext",
    "PingStatus",
    "RequestContext",
    "RuntimeClient",
    "create_server",
    "AgentCoreError",
    "AgentError",
    "AgentRuntimeError",
    "ConfigurationError",
    "ConnectError",
    "CredentialsError",
    "InvalidRequestError",
    "ProtocolError",
    "ResponseTimeoutError",
    "ServiceError",
    "StreamInterruptedError",
    "TransportError",
    "WebSocketClosedError",
]


_named = lazy_names(__name__, _HOME)


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("agentcore-mcp")
    return _named(name)


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])

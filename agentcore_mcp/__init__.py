"""Amazon Bedrock AgentCore runtimes for MCP hosts, Python programs and laptops.

Names are resolved on first use (PEP 562), so an agent container that imports ``BedrockAgentCoreApp`` pays neither
for ``mcp`` nor for ``botocore``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from agentcore_mcp._lazy import lazy_names

if TYPE_CHECKING:
    from agentcore_mcp.errors import (
        AgentCoreError as AgentCoreError,
        AgentError as AgentError,
        AgentRuntimeError as AgentRuntimeError,
        AuthProblem as AuthProblem,
        ConfigurationError as ConfigurationError,
        ConnectError as ConnectError,
        CredentialsError as CredentialsError,
        InvalidRequestError as InvalidRequestError,
        ProtocolError as ProtocolError,
        ResponseTimeoutError as ResponseTimeoutError,
        ServiceError as ServiceError,
        StreamInterruptedError as StreamInterruptedError,
        TransportError as TransportError,
        WebSocketClosedError as WebSocketClosedError,
    )
    from agentcore_mcp.hosting import (
        BedrockAgentCoreApp as BedrockAgentCoreApp,
        BedrockAgentCoreContext as BedrockAgentCoreContext,
        PingStatus as PingStatus,
        RequestContext as RequestContext,
    )
    from agentcore_mcp.local import LocalAgentCore as LocalAgentCore, RecordedRequest as RecordedRequest
    from agentcore_mcp.runtime import (
        AgentCoreRuntimeClient as AgentCoreRuntimeClient,
        RuntimeClient as RuntimeClient,
    )
    from agentcore_mcp.server.assembly import create_server as create_server

_named, __dir__, __all__ = lazy_names(
    __name__,
    {
        "agentcore_mcp.errors": "AgentCoreError AgentError AgentRuntimeError AuthProblem ConfigurationError "
        "ConnectError CredentialsError InvalidRequestError ProtocolError ResponseTimeoutError ServiceError "
        "StreamInterruptedError TransportError WebSocketClosedError",
        "agentcore_mcp.hosting": "BedrockAgentCoreApp BedrockAgentCoreContext PingStatus RequestContext",
        "agentcore_mcp.local": "LocalAgentCore RecordedRequest",
        "agentcore_mcp.runtime": "AgentCoreRuntimeClient RuntimeClient",
        "agentcore_mcp.server.assembly": "create_server",
    },
)


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("agentcore-mcp")
    return _named(name)

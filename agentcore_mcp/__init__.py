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
        AnswerText as AnswerText,
        BearerAuth as BearerAuth,
        BlockingRuntimeClient as BlockingRuntimeClient,
        ClientCredentials as ClientCredentials,
        CognitoPassword as CognitoPassword,
        CommandDecoder as CommandDecoder,
        CommandEvent as CommandEvent,
        CommandRun as CommandRun,
        ContentDelta as ContentDelta,
        ContentStart as ContentStart,
        ContentStop as ContentStop,
        Invocation as Invocation,
        NoAuth as NoAuth,
        Retries as Retries,
        RuntimeArn as RuntimeArn,
        RuntimeClient as RuntimeClient,
        RuntimeId as RuntimeId,
        RuntimeWebSocket as RuntimeWebSocket,
        SigV4Auth as SigV4Auth,
        SSEDecoder as SSEDecoder,
        StoppedSession as StoppedSession,
        TokenCommand as TokenCommand,
        TokenFile as TokenFile,
        TokenSource as TokenSource,
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
        "agentcore_mcp.runtime": "AgentCoreRuntimeClient AnswerText BearerAuth BlockingRuntimeClient "
        "ClientCredentials CognitoPassword CommandDecoder CommandEvent CommandRun ContentDelta ContentStart "
        "ContentStop Invocation NoAuth Retries RuntimeArn RuntimeClient RuntimeId RuntimeWebSocket SigV4Auth "
        "SSEDecoder StoppedSession TokenCommand TokenFile TokenSource",
        "agentcore_mcp.server.assembly": "create_server",
    },
)


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("agentcore-mcp")
    return _named(name)

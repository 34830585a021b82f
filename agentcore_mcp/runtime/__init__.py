"""We call AgentCore: clients that block or don't, authentication, endpoints, WebSockets, and the words of answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agentcore_mcp._lazy import lazy_names

if TYPE_CHECKING:
    from agentcore_mcp.errors import AgentRuntimeError as AgentRuntimeError
    from agentcore_mcp.runtime.auth import (
        BearerAuth as BearerAuth,
        ClientCredentials as ClientCredentials,
        CognitoPassword as CognitoPassword,
        NoAuth as NoAuth,
        SigV4Auth as SigV4Auth,
        Token as Token,
        TokenCommand as TokenCommand,
        TokenFile as TokenFile,
        TokenSource as TokenSource,
    )
    from agentcore_mcp.runtime.client import RuntimeClient as RuntimeClient
    from agentcore_mcp.runtime.replies import StoppedSession as StoppedSession
    from agentcore_mcp.runtime.retries import Retries as Retries
    from agentcore_mcp.runtime.sdk.client import AgentCoreRuntimeClient as AgentCoreRuntimeClient
    from agentcore_mcp.runtime.text import iter_text as iter_text, parse_sse_data as parse_sse_data
    from agentcore_mcp.runtime.websocket.connection import RuntimeWebSocket as RuntimeWebSocket, connect as connect
    from agentcore_mcp.wire.ids import RuntimeArn as RuntimeArn, RuntimeId as RuntimeId
    from agentcore_mcp.wire.text import AnswerText as AnswerText

__getattr__, __dir__, __all__ = lazy_names(
    __name__,
    {
        "agentcore_mcp.errors": "AgentRuntimeError",
        "agentcore_mcp.runtime.auth": "BearerAuth ClientCredentials CognitoPassword NoAuth SigV4Auth "
        "Token TokenCommand TokenFile TokenSource",
        "agentcore_mcp.runtime.client": "RuntimeClient",
        "agentcore_mcp.runtime.replies": "StoppedSession",
        "agentcore_mcp.runtime.retries": "Retries",
        "agentcore_mcp.runtime.sdk.client": "AgentCoreRuntimeClient",
        "agentcore_mcp.runtime.text": "iter_text parse_sse_data",
        "agentcore_mcp.runtime.websocket.connection": "RuntimeWebSocket connect",
        "agentcore_mcp.wire.requests": "RuntimeArn RuntimeId",
        "agentcore_mcp.wire.text": "AnswerText",
    },
)

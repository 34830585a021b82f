"""We call AgentCore: clients that block or don't, authentication, endpoints, WebSockets, and the words of answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agentcore_mcp._lazy import lazy_names

if TYPE_CHECKING:
    from agentcore_mcp.errors import AgentRuntimeError
    from agentcore_mcp.runtime.auth.cognito import CognitoPassword
    from agentcore_mcp.runtime.auth.flows import BearerAuth, NoAuth, SigV4Auth
    from agentcore_mcp.runtime.auth.oauth import ClientCredentials
    from agentcore_mcp.runtime.auth.token_command import TokenCommand
    from agentcore_mcp.runtime.auth.tokens import Token, TokenFile, TokenSource
    from agentcore_mcp.runtime.client import RuntimeClient, StoppedSession
    from agentcore_mcp.runtime.retries import Retries
    from agentcore_mcp.runtime.sdk.client import AgentCoreRuntimeClient
    from agentcore_mcp.runtime.text import iter_text, parse_sse_data
    from agentcore_mcp.runtime.websocket.connection import RuntimeWebSocket, connect
    from agentcore_mcp.wire.operations import RuntimeArn, RuntimeId
    from agentcore_mcp.wire.text import AnswerText

__all__ = [
    "AgentCoreRuntimeClient",
    "AgentRuntimeError",
    "AnswerText",
    "BearerAuth",
    "ClientCredentials",
    "CognitoPassword",
    "NoAuth",
    "Retries",
    "RuntimeArn",
    "RuntimeClient",
    "RuntimeId",
    "RuntimeWebSocket",
    "SigV4Auth",
    "StoppedSession",
    "Token",
    "TokenCommand",
    "TokenFile",
    "TokenSource",
    "connect",
    "iter_text",
    "parse_sse_data",
]

__getattr__ = lazy_names(
    __name__,
    {
        "AgentCoreRuntimeClient": "agentcore_mcp.runtime.sdk.client",
        "AgentRuntimeError": "agentcore_mcp.errors",
        "AnswerText": "agentcore_mcp.wire.text",
        "BearerAuth": "agentcore_mcp.runtime.auth.flows",
        "ClientCredentials": "agentcore_mcp.runtime.auth.oauth",
        "CognitoPassword": "agentcore_mcp.runtime.auth.cognito",
        "NoAuth": "agentcore_mcp.runtime.auth.flows",
        "Retries": "agentcore_mcp.runtime.retries",
        "RuntimeArn": "agentcore_mcp.wire.operations",
        "RuntimeClient": "agentcore_mcp.runtime.client",
        "RuntimeId": "agentcore_mcp.wire.operations",
        "RuntimeWebSocket": "agentcore_mcp.runtime.websocket.connection",
        "SigV4Auth": "agentcore_mcp.runtime.auth.flows",
        "StoppedSession": "agentcore_mcp.runtime.client",
        "Token": "agentcore_mcp.runtime.auth.tokens",
        "TokenCommand": "agentcore_mcp.runtime.auth.token_command",
        "TokenFile": "agentcore_mcp.runtime.auth.tokens",
        "TokenSource": "agentcore_mcp.runtime.auth.tokens",
        "connect": "agentcore_mcp.runtime.websocket.connection",
        "iter_text": "agentcore_mcp.runtime.text",
        "parse_sse_data": "agentcore_mcp.runtime.text",
    },
)

"""Calling AgentCore: blocking and async clients, authentication, endpoints, WebSockets, and the words of answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

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
        WrongProtocolError as WrongProtocolError,
    )
    from agentcore_mcp.runtime.auth.authorization import NoAuth as NoAuth
    from agentcore_mcp.runtime.auth.bearer import BearerAuth as BearerAuth
    from agentcore_mcp.runtime.auth.cognito import CognitoPassword as CognitoPassword
    from agentcore_mcp.runtime.auth.oauth import ClientCredentials as ClientCredentials
    from agentcore_mcp.runtime.auth.roles import ConfiguredSession as ConfiguredSession
    from agentcore_mcp.runtime.auth.sigv4 import SigV4Auth as SigV4Auth
    from agentcore_mcp.runtime.auth.token_command import TokenCommand as TokenCommand
    from agentcore_mcp.runtime.auth.tokens import Token as Token, TokenFile as TokenFile, TokenSource as TokenSource
    from agentcore_mcp.runtime.blocking.bodies import (
        BlockingCommandRun as BlockingCommandRun,
        BlockingInvocation as BlockingInvocation,
    )
    from agentcore_mcp.runtime.blocking.client import BlockingRuntimeClient as BlockingRuntimeClient
    from agentcore_mcp.runtime.bodies import CommandRun as CommandRun, Invocation as Invocation
    from agentcore_mcp.runtime.client import RuntimeClient as RuntimeClient
    from agentcore_mcp.runtime.protocols.a2a import A2AAgent as A2AAgent
    from agentcore_mcp.runtime.protocols.agui import AguiAgent as AguiAgent
    from agentcore_mcp.runtime.protocols.harness import HarnessAgent as HarnessAgent
    from agentcore_mcp.runtime.protocols.http import HttpAgent as HttpAgent
    from agentcore_mcp.runtime.protocols.mcp import McpTransport as McpTransport
    from agentcore_mcp.runtime.protocols.turn import (
        AskedAgent as AskedAgent,
        Route as Route,
        Turn as Turn,
        TurnAnswer as TurnAnswer,
    )
    from agentcore_mcp.runtime.replies import StoppedSession as StoppedSession
    from agentcore_mcp.runtime.retries import Retries as Retries
    from agentcore_mcp.runtime.sdk.client import AgentCoreRuntimeClient as AgentCoreRuntimeClient
    from agentcore_mcp.runtime.sdk.results import (
        CommandResult as CommandResult,
        StoppedSessionResult as StoppedSessionResult,
    )
    from agentcore_mcp.runtime.text import iter_text as iter_text, parse_sse_data as parse_sse_data
    from agentcore_mcp.runtime.websocket.connection import RuntimeWebSocket as RuntimeWebSocket, connect as connect
    from agentcore_mcp.runtime.websocket.opening import open_shell as open_shell
    from agentcore_mcp.runtime.websocket.shells import (
        RuntimeShell as RuntimeShell,
        ShellEvent as ShellEvent,
        ShellPrompt as ShellPrompt,
    )
    from agentcore_mcp.wire.eventstream import (
        CommandDecoder as CommandDecoder,
        CommandEvent as CommandEvent,
        ContentDelta as ContentDelta,
        ContentStart as ContentStart,
        ContentStop as ContentStop,
    )
    from agentcore_mcp.wire.eventstream.harnesses import tool_results as tool_results
    from agentcore_mcp.wire.ids import Runtime as Runtime, RuntimeArn as RuntimeArn, RuntimeId as RuntimeId
    from agentcore_mcp.wire.pauses import Pause as Pause
    from agentcore_mcp.wire.pieces import Binary as Binary, Text as Text
    from agentcore_mcp.wire.sse import NamedData as NamedData, SSEDecoder as SSEDecoder, SSEEvent as SSEEvent
    from agentcore_mcp.wire.text import AnswerText as AnswerText

__getattr__, __dir__, __all__ = lazy_names(
    __name__,
    {
        "agentcore_mcp.errors": "AgentCoreError AgentError AgentRuntimeError AuthProblem ConfigurationError "
        "ConnectError CredentialsError InvalidRequestError ProtocolError ResponseTimeoutError ServiceError "
        "StreamInterruptedError TransportError WebSocketClosedError WrongProtocolError",
        "agentcore_mcp.runtime.auth.authorization": "NoAuth",
        "agentcore_mcp.runtime.auth.bearer": "BearerAuth",
        "agentcore_mcp.runtime.auth.cognito": "CognitoPassword",
        "agentcore_mcp.runtime.auth.oauth": "ClientCredentials",
        "agentcore_mcp.runtime.auth.roles": "ConfiguredSession",
        "agentcore_mcp.runtime.auth.sigv4": "SigV4Auth",
        "agentcore_mcp.runtime.auth.token_command": "TokenCommand",
        "agentcore_mcp.runtime.auth.tokens": "Token TokenFile TokenSource",
        "agentcore_mcp.runtime.blocking.bodies": "BlockingCommandRun BlockingInvocation",
        "agentcore_mcp.runtime.blocking.client": "BlockingRuntimeClient",
        "agentcore_mcp.runtime.bodies": "CommandRun Invocation",
        "agentcore_mcp.runtime.client": "RuntimeClient",
        "agentcore_mcp.runtime.protocols.a2a": "A2AAgent",
        "agentcore_mcp.runtime.protocols.agui": "AguiAgent",
        "agentcore_mcp.runtime.protocols.harness": "HarnessAgent",
        "agentcore_mcp.runtime.protocols.http": "HttpAgent",
        "agentcore_mcp.runtime.protocols.mcp": "McpTransport",
        "agentcore_mcp.runtime.protocols.turn": "AskedAgent Route Turn TurnAnswer",
        "agentcore_mcp.runtime.replies": "StoppedSession",
        "agentcore_mcp.runtime.retries": "Retries",
        "agentcore_mcp.runtime.sdk.client": "AgentCoreRuntimeClient",
        "agentcore_mcp.runtime.sdk.results": "CommandResult StoppedSessionResult",
        "agentcore_mcp.runtime.text": "iter_text parse_sse_data",
        "agentcore_mcp.runtime.websocket.connection": "RuntimeWebSocket connect",
        "agentcore_mcp.runtime.websocket.opening": "open_shell",
        "agentcore_mcp.runtime.websocket.shells": "RuntimeShell ShellEvent ShellPrompt",
        "agentcore_mcp.wire.eventstream": "CommandDecoder CommandEvent ContentDelta ContentStart ContentStop",
        "agentcore_mcp.wire.eventstream.harnesses": "tool_results",
        "agentcore_mcp.wire.ids": "Runtime RuntimeArn RuntimeId",
        "agentcore_mcp.wire.pauses": "Pause",
        "agentcore_mcp.wire.pieces": "Binary Text",
        "agentcore_mcp.wire.sse": "NamedData SSEDecoder SSEEvent",
        "agentcore_mcp.wire.text": "AnswerText",
    },
)

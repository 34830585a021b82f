"""Authentication of requests: SigV4 and bearer flows, and the sources of credentials and tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agentcore_mcp._lazy import lazy_names

if TYPE_CHECKING:
    from agentcore_mcp.runtime.auth.authorization import NoAuth as NoAuth
    from agentcore_mcp.runtime.auth.bearer import BearerAuth as BearerAuth
    from agentcore_mcp.runtime.auth.cognito import CognitoPassword as CognitoPassword
    from agentcore_mcp.runtime.auth.oauth import ClientCredentials as ClientCredentials
    from agentcore_mcp.runtime.auth.roles import ConfiguredSession as ConfiguredSession
    from agentcore_mcp.runtime.auth.sigv4 import SigV4Auth as SigV4Auth
    from agentcore_mcp.runtime.auth.token_command import TokenCommand as TokenCommand
    from agentcore_mcp.runtime.auth.tokens import Token as Token, TokenFile as TokenFile, TokenSource as TokenSource

__getattr__, __dir__, __all__ = lazy_names(
    __name__,
    {
        "agentcore_mcp.runtime.auth.authorization": "NoAuth",
        "agentcore_mcp.runtime.auth.bearer": "BearerAuth",
        "agentcore_mcp.runtime.auth.cognito": "CognitoPassword",
        "agentcore_mcp.runtime.auth.oauth": "ClientCredentials",
        "agentcore_mcp.runtime.auth.roles": "ConfiguredSession",
        "agentcore_mcp.runtime.auth.sigv4": "SigV4Auth",
        "agentcore_mcp.runtime.auth.token_command": "TokenCommand",
        "agentcore_mcp.runtime.auth.tokens": "Token TokenFile TokenSource",
    },
)

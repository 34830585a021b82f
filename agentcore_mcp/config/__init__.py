"""The configuration: which agents may be called and how, from flags, environment variables and a file."""

from agentcore_mcp.config.agents import Agent, name_of
from agentcore_mcp.config.auth import AgentCoreIdentity, Auth, ClientCredentials, Cognito, PassThrough, TokenExchange
from agentcore_mcp.config.commands import CommandPolicy
from agentcore_mcp.config.discovery import Discovery
from agentcore_mcp.config.environment import drop_unset
from agentcore_mcp.config.settings import HOW_TO_CONFIGURE, TOOL_NAMES, Settings

__all__ = [
    "HOW_TO_CONFIGURE",
    "TOOL_NAMES",
    "Agent",
    "AgentCoreIdentity",
    "Auth",
    "ClientCredentials",
    "Cognito",
    "CommandPolicy",
    "Discovery",
    "PassThrough",
    "Settings",
    "TokenExchange",
    "drop_unset",
    "name_of",
]

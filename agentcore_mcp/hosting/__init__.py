"""AgentCore calls us: the framework that agents are hosted in, and a sample agent."""

from agentcore_mcp.hosting.app import BedrockAgentCoreApp
from agentcore_mcp.hosting.context import BedrockAgentCoreContext, RequestContext
from agentcore_mcp.hosting.health import PingStatus

__all__ = ["BedrockAgentCoreApp", "BedrockAgentCoreContext", "PingStatus", "RequestContext"]

"""The tools, one per module: its description for hosts, its arguments, its check, its work, its result."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agentcore_mcp.server.live import decide_command, watch_call
from agentcore_mcp.server.tools import (
    call_agent_tool,
    invoke_agent,
    list_agents,
    read_output,
    run_command,
    stop_session,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from mcp.server.mcpserver.tools import Tool

    from agentcore_mcp.config import Settings
    from agentcore_mcp.config.settings import ToolName

# Besides ``invoke_agent``, which the settings can split into one tool per agent.
_TOOLS: dict[ToolName, Callable[[Settings], Tool]] = {
    "call_agent_tool": call_agent_tool.TOOL,
    "run_command": run_command.TOOL,
    "stop_session": stop_session.TOOL,
    "list_agents": list_agents.TOOL,
    "read_output": read_output.TOOL,
}


def build_tools(settings: Settings) -> list[Tool]:
    """Return the tools that the settings allow; one that they forbid is neither listed nor callable."""
    tools = invoke_agent.published(settings) if settings.allows("invoke_agent") else []
    tools += [tool(settings) for name, tool in _TOOLS.items() if settings.allows(name)]
    if settings.live_view != "off" and (settings.allows("invoke_agent") or settings.allows("run_command")):
        tools.append(watch_call.TOOL(settings))
    if settings.live_view != "off" and settings.allows("run_command"):
        tools.append(decide_command.TOOL(settings))
    return tools

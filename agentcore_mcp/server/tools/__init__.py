"""The tools, one to a module: what a host reads of it, its arguments, its check, its work, its result."""

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

_PUBLISHED: dict[ToolName, Callable[[Settings], list[Tool]]] = {
    "invoke_agent": invoke_agent.published,
    "call_agent_tool": call_agent_tool.published,
    "run_command": run_command.published,
    "stop_session": stop_session.published,
    "list_agents": list_agents.published,
    "read_output": read_output.published,
}


def build_tools(settings: Settings) -> list[Tool]:
    """Return the tools that the settings allow; one that they forbid is neither listed nor callable."""
    tools = [tool for name, published in _PUBLISHED.items() if settings.allows(name) for tool in published(settings)]
    if settings.live_view != "off" and (settings.allows("invoke_agent") or settings.allows("run_command")):
        tools += watch_call.published(settings)
    if settings.live_view != "off" and settings.allows("run_command"):
        tools += decide_command.published(settings)
    return tools

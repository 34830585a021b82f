"""The server's instructions: one paragraph for the host's model, which names only tools and agents that exist."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agentcore_mcp.server.tools.invoke_agent import display_name

if TYPE_CHECKING:
    from collections.abc import Collection

    from agentcore_mcp.config import Settings

_SESSIONS = """\
Every call happens in a session: an isolated environment with its own memory and files. Leave session_id out to start \
a new one; pass the session_id of a result to go on in it."""


def instructions_for(settings: Settings, tools: Collection[str]) -> str:
    """Return the instructions for a server with these settings and the names of the tools that they allow."""
    has_commands = "run_command" in tools
    purpose = f"Talk to AI agents on Amazon Bedrock AgentCore ({_names(settings)})"
    purpose += ", and work in the environment they run in." if has_commands else "."
    asking = [name for name in tools if name == "invoke_agent" or name.startswith("ask_")]
    sessions = _SESSIONS
    if has_commands and asking:
        sessions += f" {', '.join(asking)} and run_command with the same session_id see the same files."
    sessions += " Sessions cost money while they live" + (
        ": call stop_session when you are done with one."
        if "stop_session" in tools
        else ", until they have been idle for a while."
    )
    return f"{purpose}\n\n{sessions}"


def _names(settings: Settings) -> str:
    """Return the agents' names as values of the argument, or the display name of an only agent."""
    if settings.discovery is None and len(settings.agents) == 1:
        return display_name(settings.agents[0])
    names = [agent.name for agent in settings.agents]
    if settings.discovery is not None:
        names.append("list_agents names more" if names else "list_agents names them")
    return ", ".join(names) or "none of them yours to use"

"""The tools as a host sees them: names, titles, descriptions, arguments and hints. They are the product's face.

What is published follows from the settings: an argument that has no use with them is not there, and a tool that they
forbid is neither listed nor callable.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from mcp.server.mcpserver.tools import Tool
from mcp.types import CallToolResult, ToolAnnotations

from agentcore_mcp.server import handlers, housekeeping
from agentcore_mcp.server.output import RESULT_MAX_CHARS
from agentcore_mcp.server.resources import ToolContext  # noqa: TC001 - the SDK reads it
from agentcore_mcp.server.results import InvokeAgentResult
from agentcore_mcp.wire.operations import COMMAND_TIMEOUT_MAX_S, COMMAND_TIMEOUT_MIN_S

if TYPE_CHECKING:
    from collections.abc import Callable

    from agentcore_mcp.config import Agent, Settings

INVOKE_AGENT = """\
Send a prompt to {agent} and return its answer; the words stream in as progress while it works. The agent may use \
tools of its own and take minutes. It remembers the conversation of its session. Each call runs the agent once and may \
have effects, so don't repeat one just because it was slow."""

RUN_COMMAND = """\
Run a shell command in the environment of the agent's session and return its stdout, stderr and exit code; the \
output streams in as progress. Files persist in the session, and are the ones that the agent sees. Each call is a \
fresh shell: working directory and variables are not kept, so chain with &&. The command has the power of the \
runtime's IAM role. A non-zero exit code is a result, not an error."""

STOP_SESSION = """\
End a session: whatever runs in it is stopped, and its memory and files are deleted. Call it when a session is no \
longer needed, since sessions cost money until they have been idle for a while (15 minutes unless set otherwise). \
Stopping a session that is already gone is fine."""

LIST_AGENTS = "List the agents, and the sessions that this server has opened and not stopped, with their age."

READ_OUTPUT = "Read what a result left out, or what a running call has brought so far, by its handle."

ARGUMENTS = {
    "prompt": "What to ask or tell the agent, in plain language.",
    "command": "The command line, at most 65,536 characters.",
    "session_id": (
        "Leave out for a new, empty session. Pass the session_id of an earlier result to go on in that one, or a short "
        "name of your own, such as 'review': the same session for as long as this server runs."
    ),
    "timeout_seconds": "After how many seconds the command is ended.",
    "raw_events": "Return the agent's events as JSON lines instead of its words.",
    "handle": "The handle of an earlier result. To wait on for a RUNNING call, pass it alone.",
    "offset": "Where to begin: 0, or next_offset of an earlier result.",
    "limit": "How many characters, at most 40,000.",
    "stream": "stdout (unless given) or stderr, of a command.",
}
_STOP_SESSION_ID = "The session_id of an earlier result, the short name you gave, or 'all' that this server opened."

_BOUNDS = {
    "timeout_seconds": (COMMAND_TIMEOUT_MIN_S, COMMAND_TIMEOUT_MAX_S),
    "limit": (1, RESULT_MAX_CHARS),
    "offset": (0, None),
}


def build_tools(settings: Settings) -> list[Tool]:
    """Return the tools that the settings allow."""
    agents = settings.agents
    policies = [agent.commands for agent in agents]
    policies += [settings.discovery.commands] if settings.discovery is not None else []
    has_commands = any(policy.mode != "off" for policy in policies)
    tools: list[Tool] = []
    if settings.allows("invoke_agent"):
        if settings.expose == "agents":
            tools += [_ask_tool(agent, settings) for agent in agents]
        if settings.expose == "tools" or settings.discovery is not None:
            tools.append(_invoke_tool(settings))
    if settings.allows("run_command") and has_commands:
        tools.append(_tool(handlers.run_command, "Run a shell command", RUN_COMMAND, settings, waiting="command"))
    if settings.allows("stop_session"):
        tool = _tool(housekeeping.stop_session, "Stop the session", STOP_SESSION, settings, idempotent=True, local=True)
        tool.parameters["properties"]["session_id"]["description"] = _STOP_SESSION_ID
        tools.append(tool)
    if settings.allows("list_agents"):
        tools.append(_tool(housekeeping.list_agents, "List agents and sessions", LIST_AGENTS, settings, read_only=True))
    if settings.allows("read_output"):
        tools.append(_tool(housekeeping.read_output, "Read more output", READ_OUTPUT, settings, read_only=True))
    return tools


def display_name(agent: Agent) -> str:
    """Return what tells one configured server from another: the runtime's name, and its endpoint's if there is one."""
    return f"{agent.arn.runtime_id} ({agent.qualifier})" if agent.qualifier else agent.arn.runtime_id


def _invoke_tool(settings: Settings) -> Tool:
    only = settings.agents[0] if len(settings.agents) == 1 and settings.discovery is None else None
    who = f"{display_name(only)}, an AI agent on Amazon Bedrock AgentCore," if only else "an AI agent"
    description = INVOKE_AGENT.format(agent=who)
    if only is not None and only.description:
        description += f" What it is for: {only.description}"
    return _tool(handlers.invoke_agent, "Ask the agent", description, settings, waiting="prompt")


def _ask_tool(agent: Agent, settings: Settings) -> Tool:
    """Return the tool of one agent: `invoke_agent` with its ``agent`` given."""

    async def ask(
        ctx: ToolContext, prompt: str = "", session_id: str = "", raw_events: bool = False, handle: str = ""
    ) -> Annotated[CallToolResult, InvokeAgentResult]:
        return await handlers.invoke_agent(ctx, prompt, agent.name, session_id, raw_events, handle)

    description = INVOKE_AGENT.format(agent=f"the agent {agent.name}")
    if agent.description:
        description = f"{agent.description}\n\n{description}"
    return _tool(ask, f"Ask {agent.name}", description, settings, waiting="prompt", name=f"ask_{agent.name}")


def _tool(
    function: Callable[..., Any],
    title: str,
    description: str,
    settings: Settings,
    *,
    name: str | None = None,
    waiting: str | None = None,
    read_only: bool = False,
    idempotent: bool = False,
    local: bool = False,
) -> Tool:
    annotations = ToolAnnotations(
        title=title,
        read_only_hint=read_only,
        destructive_hint=not read_only,
        idempotent_hint=idempotent or read_only,
        open_world_hint=not (read_only or local),
    )
    tool = Tool.from_function(function, name=name, title=title, description=description, annotations=annotations)
    tool.parameters = _published(tool.parameters, settings, waiting)
    # Many tools: what each result looks like would be told once for each agent, and a model's context is paid by the
    # token. It is optional, and structured content comes all the same.
    many = settings.expose == "agents"
    tool.fn_metadata.output_schema = None if many else _of_results(tool.fn_metadata.output_schema)
    return tool


def _published(schema: dict[str, Any], settings: Settings, waiting: str | None) -> dict[str, Any]:
    """Return the schema of a tool's arguments as callers get it.

    Args:
        schema: As the SDK made it from the signature.
        settings: What the arguments are good for.
        waiting: The argument that is required, unless a call is waited on by its handle.
    """
    properties: dict[str, Any] = without_titles(schema["properties"])
    required = list(schema.get("required", []))
    if settings.discovery is not None and "agent" in properties:
        # Which there are is not known before the first call.
        properties["agent"] = {"type": "string", "description": "Which agent, by its name in list_agents."}
    elif len(settings.agents) == 1:
        properties.pop("agent", None)
    elif "agent" in properties:
        which = "; ".join(f"{agent.name}: {agent.description or 'no description'}" for agent in settings.agents)
        # What each is for is told once, where one is chosen.
        told = "As in invoke_agent."
        if settings.expose == "agents" and settings.allows("invoke_agent"):
            told = "Which agent; needed for a new session. ask_NAME says what each is for."
        elif "prompt" in properties or not settings.allows("invoke_agent"):
            told = f"Which agent; needed for a new session. {which}"
        properties["agent"] = {"type": "string", "enum": list(settings.names), "description": told}
    if waiting is not None and settings.handoff_after_s is None:
        del properties["handle"]
        required.append(waiting)
    for name, description in ARGUMENTS.items():
        if name in properties:
            properties[name]["description"] = description
    for name, (least, most) in _BOUNDS.items():
        if name in properties:
            # Stated here and checked by the handler: pydantic's own refusal is not a sentence for a model.
            properties[name] |= {"minimum": least} | ({} if most is None else {"maximum": most})
    return {"type": "object", "properties": properties, "required": required}


def _of_results(schema: dict[str, Any] | None) -> dict[str, Any] | None:
    """Return the schema of a tool's results as callers get it: without what the tool's own description says."""
    if schema is None:
        return None
    for model in (schema, *schema.get("$defs", {}).values()):
        model.pop("description", None)
    return dict(without_titles(schema))


def without_titles(schema: Any) -> Any:
    """Return a schema without the titles that pydantic makes of names: they say nothing and cost tokens."""
    if isinstance(schema, dict):
        return {
            key: without_titles(value) for key, value in schema.items() if key != "title" or not isinstance(value, str)
        }
    return [without_titles(item) for item in schema] if isinstance(schema, list) else schema

"""A tool as hosts see it: its names, hints and schemas. They are the product's face.

The settings decide what is published: arguments without a use are omitted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from mcp.server.mcpserver.tools import Tool
from mcp.types import ToolAnnotations
from pydantic import Field, JsonValue

from agentcore_mcp.server.live.page import FOR_PAGE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from agentcore_mcp.config import Settings

# Arguments of several tools.
SessionId = Annotated[
    str,
    Field(
        description="Leave out, or pass an empty text, for a new session. Pass the session_id of an earlier result to "
        "go on in that one, or a short name of your own, such as 'review', which always means the same session."
    ),
]
Handle = Annotated[
    str, Field(description="The handle of an earlier result. To wait on for a RUNNING call, pass it alone.")
]


def bounded(description: str, least: int, most: int | None = None) -> Any:
    """Describe an integer argument of a tool.

    The bounds are published but not checked: pydantic's own error is not a sentence for a model. The description has to
    repeat them, and the default, too: some hosts show a model nothing else.
    """
    bounds: dict[str, JsonValue] = {"minimum": least, "maximum": most}
    return Field(
        description=description,
        json_schema_extra={name: bound for name, bound in bounds.items() if bound is not None},
    )


def publish(
    function: Callable[..., Any],
    title: str,
    description: str,
    settings: Settings,
    *,
    name: str | None = None,
    read_only: bool = False,
    idempotent: bool = False,
    local: bool = False,
    meta: dict[str, Any] | None = None,
) -> Tool:
    """Make a tool.

    Args:
        function: The tool's function; its signature gives the schemas.
        title: The tool's name for people.
        description: The tool's description for models.
        settings: The settings that decide what is published.
        name: The name to call it by; by default the function's.
        read_only: It changes nothing.
        idempotent: A second call changes nothing more.
        local: It only affects sessions and calls that this server began.
        meta: Further metadata, which only hosts that show the live view get.
    """
    annotations = ToolAnnotations(
        title=title,
        read_only_hint=read_only,
        destructive_hint=not read_only,
        idempotent_hint=idempotent or read_only,
        open_world_hint=not (read_only or local),
    )
    tool = Tool.from_function(
        function, name=name, title=title, description=description, annotations=annotations, meta=meta
    )
    tool.parameters = _arguments(tool.parameters, settings, tool.name)
    # With many tools, result schemas would take too many tokens of a model's context. They are optional: structured
    # content is sent all the same. The page of the live view reads none.
    many = settings.expose == "agents" or settings.allows("call_agent_tool") or meta == FOR_PAGE
    tool.fn_metadata.output_schema = None if many else _result(tool.fn_metadata.output_schema)
    return tool


def said_once(schemas: Mapping[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return the argument schemas by tool, with a description that several tools share only in the first of them.

    The others refer to the first, so pass only tools that the host sees: it can't follow a reference to a hidden one.
    """
    first: dict[tuple[str, str], str] = {}

    def once(tool: str, name: str, argument: dict[str, Any]) -> dict[str, Any]:
        where = first.setdefault((name, argument["description"]), tool)
        return argument if where == tool else {**argument, "description": f"As in {where}."}

    return {
        tool: {**schema, "properties": {name: once(tool, name, each) for name, each in schema["properties"].items()}}
        for tool, schema in schemas.items()
    }


def without_handoff(schema: dict[str, Any]) -> dict[str, Any]:
    """Return a tool's argument schema for a host that waits, where a call can only be begun and not collected.

    Only a command in a shell can be collected, by the shell's name.
    """
    if "handle" not in schema["properties"] or "handle" in schema["required"]:
        return schema
    properties = {name: argument for name, argument in schema["properties"].items() if name != "handle"}
    begins = next((name for name in ("prompt", "tool") if name in properties), None)
    if begins is None:
        return {**schema, "properties": properties}
    properties[begins] = {key: value for key, value in properties[begins].items() if key != "default"}
    return {**schema, "properties": properties, "required": [*schema["required"], begins]}


def _arguments(schema: dict[str, Any], settings: Settings, tool: str) -> dict[str, Any]:
    properties: dict[str, Any] = _without_titles(schema["properties"])
    if "agent" in properties:
        several = settings.discovery is not None or len(settings.agents) > 1
        # The tools of an MCP server are listed and called by its name, also if there is no other agent.
        needed = settings.allows("call_agent_tool") and tool in ("list_agents", "call_agent_tool")
        if needed or (several and tool != "list_agents"):
            properties["agent"] = _agent(settings, tool)
        else:
            del properties["agent"]
    return {"type": "object", "properties": properties, "required": schema.get("required", [])}


def _agent(settings: Settings, tool: str) -> dict[str, Any]:
    """Return the schema of the argument that names an agent, limited to the agents that the tool is for."""
    asks, calls, lists = (tool == name for name in ("invoke_agent", "call_agent_tool", "list_agents"))
    of_one_kind = [agent for agent in settings.agents if (agent.protocol == "mcp") == (calls or lists)]
    agents = of_one_kind if asks or calls or lists else settings.agents
    # A tool for all agents describes them in the same words as one that chooses an agent, for ``said_once``.
    described = of_one_kind if calls or settings.allows("invoke_agent") else agents
    told = "; ".join(f"{agent.name}: {agent.description or 'no description'}" for agent in described)
    if settings.expose == "agents" and not calls and settings.allows("invoke_agent"):
        told = "ask_NAME says what each is for."
    told = f"Which agent; needed for a new session. {told}"
    if lists:
        told = "List the tools of this agent too, if it is an MCP server."
    elif settings.discovery is not None:
        told = "Which agent, by its name in list_agents."
    # With discovery, the agents are not known before the first call.
    names = {} if settings.discovery is not None else {"enum": [agent.name for agent in agents]}
    return {"type": "string", **names, "description": told}


def _result(schema: dict[str, Any] | None) -> dict[str, Any] | None:
    """Return a tool's result schema without its descriptions, which the tool's own covers, and its empty defaults."""
    if schema is None:
        return None
    for model in (schema, *schema.get("$defs", {}).values()):
        model.pop("description", None)
        for member in model["properties"].values():
            member.pop("default", None)
    return dict(_without_titles(schema))


def _without_titles(schema: Any) -> Any:
    """Return a schema without the titles that pydantic makes of names: they say nothing and cost tokens."""
    if isinstance(schema, dict):
        return {
            key: _without_titles(value) for key, value in schema.items() if key != "title" or not isinstance(value, str)
        }
    return [_without_titles(item) for item in schema] if isinstance(schema, list) else schema

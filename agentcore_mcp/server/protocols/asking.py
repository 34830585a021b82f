"""The client of an agent, by its protocol: the only place where the tools and the command depend on the protocol."""

from __future__ import annotations

from typing import TYPE_CHECKING

# Its names are imported on first use: they load all code that reads responses, and hosts wait for the start.
from agentcore_mcp import runtime
from agentcore_mcp.errors import InvalidRequestError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from agentcore_mcp.runtime import AskedAgent, Route
    from agentcore_mcp.server.agents import Agents, Target
    from agentcore_mcp.server.sessions import Session


async def asked_agent(
    agents: Agents, target: Target, *, user_id: str | None = None, headers: Mapping[str, str] | None = None
) -> AskedAgent:
    """Return the client that asks an agent in its protocol. Nothing is sent to the agent yet.

    Args:
        agents: The agents and their clients.
        target: The agent.
        user_id: The user on whose behalf it is asked.
        headers: Further headers.

    Raises:
        InvalidRequestError: If the agent is an MCP server, which takes no prompts, or can't be called from here.
    """
    agent, route = target.agent, route_to(agents, target, user_id=user_id, headers=headers)
    match await _spoken(agents, target):
        case "mcp":
            key = agent.settings("protocol")
            is_configured = agent.protocol == "mcp"
            told = f". If it is an agent, change {key}" if is_configured else f", which are there if {key} is mcp"
            raise InvalidRequestError(
                f"{agent.name} is an MCP server, which has tools and takes no prompt; list_agents shows its tools, and "
                f"call_agent_tool calls one of them{told}"
            )
        case "a2a":
            return runtime.A2AAgent(route)
        case "agui":
            return runtime.AguiAgent(route)
        case "harness":
            return runtime.HarnessAgent(route, agent.harness.members if agent.harness else None)
        case _:
            return runtime.HttpAgent(route, agent.payload_for)


async def cancel_task(agents: Agents, session: Session, *, user_id: str | None) -> None:
    """Cancel the running task of a session, if the agent's protocol has tasks.

    Raises:
        AgentCoreError: If it can't be cancelled.
    """
    target = session.target
    if await _spoken(agents, target) == "a2a":
        agent = runtime.A2AAgent(route_to(agents, target, user_id=user_id, headers=target.agent.headers))
        await agent.cancel(runtime.Turn("", session.session_id, kept=session.kept))


async def check_has_tools(agents: Agents, target: Target) -> None:
    """Check that an agent is an MCP server.

    Raises:
        InvalidRequestError: If it isn't, or can't be called.
    """
    if await _spoken(agents, target) != "mcp":
        raise InvalidRequestError(
            f"{target.agent.name} is not an MCP server, as far as is known; ask it with invoke_agent, or set "
            f"{target.agent.settings('protocol')} to mcp"
        )


async def _spoken(agents: Agents, target: Target) -> str:
    spoken = await agents.spoken_by(target)
    if spoken.obstacle:
        raise InvalidRequestError(f"{target.agent.name} can't be called: {spoken.obstacle}")
    return spoken.protocol


def route_to(
    agents: Agents, target: Target, *, user_id: str | None = None, headers: Mapping[str, str] | None = None
) -> Route:
    """Return the route to an agent; the arguments are those of ``asked_agent``."""
    agent = target.agent
    return runtime.Route(
        agents.client_of(target),
        agent.arn,
        qualifier=agent.qualifier,
        user_id=user_id,
        headers=headers,
        read_timeout_s=agent.timeout_s,
    )

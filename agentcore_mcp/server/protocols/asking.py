"""What asks an agent, by its protocol: the one place where the tools and the command differ by that."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agentcore_mcp.errors import InvalidRequestError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from agentcore_mcp.runtime.protocols.turn import AskedAgent
    from agentcore_mcp.server.agents import Agents, Target


async def asked_agent(
    agents: Agents, target: Target, *, user_id: str | None = None, headers: Mapping[str, str] | None = None
) -> AskedAgent:
    """Return what asks an agent in its protocol. Nothing is sent to the agent yet.

    Args:
        agents: What calls agents.
        target: The agent.
        user_id: On whose behalf.
        headers: Further headers.

    Raises:
        InvalidRequestError: If the agent is no agent to ask, but a server of tools, or can't be called from here.
    """
    # Here and not above: hosts wait for the start, and with these comes all that reads answers.
    from agentcore_mcp.runtime.protocols.http import HttpAgent
    from agentcore_mcp.runtime.protocols.turn import Route

    agent = target.agent
    route = Route(
        agents.client_of(target),
        agent.arn,
        qualifier=agent.qualifier,
        user_id=user_id,
        headers=headers,
        read_timeout_s=agent.timeout_s,
    )
    spoken = await agents.spoken_by(target)
    if spoken.obstacle:
        raise InvalidRequestError(f"{agent.name} can't be called: {spoken.obstacle}")
    match spoken.protocol:
        case "mcp":
            raise InvalidRequestError(
                f"{agent.name} is an MCP server, which has tools and takes no prompt; list_agents shows its tools, and "
                "call_agent_tool calls one of them"
            )
        case "a2a":
            from agentcore_mcp.runtime.protocols.a2a import A2AAgent

            return A2AAgent(route)
        case "agui":
            from agentcore_mcp.runtime.protocols.agui import AguiAgent

            return AguiAgent(route)
        case "harness":
            from agentcore_mcp.runtime.protocols.harness import HarnessAgent

            return HarnessAgent(route, agent.harness.members if agent.harness else None)
        case _:
            return HttpAgent(route, agent.payload_for)

"""What a caller sees of a server: the tools and agents that they may reach, as if there were no others.

An agent for other groups or subjects appears in no list, description, schema, instruction or error. Missing scopes hide
nothing, since a client can ask for them.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from agentcore_mcp.server.hosted.principals import current_principal
from agentcore_mcp.server.instructions import instructions_for
from agentcore_mcp.server.tools import build_tools
from agentcore_mcp.server.tools.publishing import said_once, without_handoff

if TYPE_CHECKING:
    from collections.abc import Callable

    from agentcore_mcp.config import Agent, Settings
    from agentcore_mcp.server.hosted.policy import Policy

# Making one takes milliseconds, and there are about as many as groups.
KEPT_MAX_VIEWS = 64


class View:
    """The tools for some of the agents.

    Args:
        settings: The settings, with these agents only.

    Attributes:
        tools: By name.
        arguments: The names of all arguments.
        handing_off: The tools' input schemas, for a host that calls are handed over to.
        waiting: The same for a host that waits.
        instructions: The server's instructions.
    """

    def __init__(self, settings: Settings) -> None:
        tools = build_tools(settings) if settings.agents or settings.discovery is not None else []
        self.tools = {tool.name: tool for tool in tools}
        self.arguments = {argument for tool in tools for argument in tool.parameters["properties"]} | {"agent"}
        self.instructions = instructions_for(settings, list(self.tools))
        self.handing_off = said_once({tool.name: tool.parameters for tool in tools})
        self.waiting = said_once({tool.name: without_handoff(tool.parameters) for tool in tools})


class Views:
    """The views of all callers.

    Args:
        settings: The settings, with all agents.
        policy: Decides which agents a caller may reach.
        description_of: Returns an agent's description, as far as it is known by now.

    Attributes:
        everything: The view of a caller who may reach all agents.
    """

    def __init__(self, settings: Settings, policy: Policy, description_of: Callable[[Agent], str]) -> None:
        self._settings = settings
        self._description_of = description_of
        self._policy = policy
        self._of = lru_cache(KEPT_MAX_VIEWS)(self._make)
        described = tuple((agent.name, agent.description) for agent in settings.agents)
        self.everything = self._of(described, settings.discovery is not None)

    def current(self) -> View:
        """Return the view of the caller of the current request."""
        caller = current_principal()
        agents = [agent for agent in self._settings.agents if self._policy.may_reach(caller, agent.allow)]
        described = tuple((agent.name, self._description_of(agent)) for agent in agents)
        discovery = self._settings.discovery
        return self._of(described, discovery is not None and self._policy.may_reach(caller, discovery.allow))

    def _make(self, described: tuple[tuple[str, str], ...], discovers: bool) -> View:
        told = dict(described)
        agents = tuple(
            agent.model_copy(update={"description": told[agent.name]})
            for agent in self._settings.agents
            if agent.name in told
        )
        discovery = self._settings.discovery if discovers else None
        return View(self._settings.model_copy(update={"agents": agents, "discovery": discovery}))

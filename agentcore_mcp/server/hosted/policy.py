"""What a principal may do: the scopes that tools and agents need, and the agents that each principal may reach.

A client can ask for scopes, so a refusal names the missing ones. An agent that a principal may not reach is not listed,
and calls of it are answered as if it didn't exist.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from agentcore_mcp.config import Settings
    from agentcore_mcp.config.hosted import Allow
    from agentcore_mcp.config.settings import ToolName
    from agentcore_mcp.server.hosted.principals import Principal


class Policy:
    """Decides by the configuration alone.

    Args:
        settings: The settings: ``server.auth`` names the scopes, and each agent says who may use it.

    Attributes:
        all_scopes: Every scope of the tools, for the server's metadata. Refusals name the scopes of agents.
        asks_for_agents: Whether any agent needs scopes besides those of the tools.
    """

    def __init__(self, settings: Settings) -> None:
        auth = settings.server.auth
        self._enforced = auth is not None
        self._required = frozenset[str]() if auth is None else frozenset(auth.required_scopes)
        self._of_tool: dict[str, str] = {}
        if auth is not None:
            scopes: dict[ToolName, str] = {
                "invoke_agent": auth.scopes.invoke,
                "run_command": auth.scopes.command,
                "stop_session": auth.scopes.stop,
            }
            self._of_tool = {tool: scope for tool, scope in scopes.items() if settings.allows(tool)}
            if settings.allows("call_agent_tool"):
                # The gate treats it as ``invoke_agent``.
                self._of_tool["invoke_agent"] = auth.scopes.invoke
            if "run_command" in self._of_tool:
                self._of_tool["decide_command"] = auth.scopes.command
        self.all_scopes = sorted({*self._required, *self._of_tool.values()})
        discovered = () if settings.discovery is None else (settings.discovery,)
        rules = [agents.allow for agents in (*discovered, *settings.agents)]
        self.asks_for_agents = self._enforced and any(allow is not None and allow.scopes for allow in rules)

    def scopes_of(self, tool: str = "", rules: Iterable[Allow | None] = ()) -> frozenset[str]:
        """Return the scopes that a request needs.

        Args:
            tool: The tool that it calls.
            rules: The rules of the agents that it calls.
        """
        scope = self._of_tool.get(tool)
        of_agents = {needed for allow in rules if allow is not None for needed in allow.scopes}
        return self._required | of_agents | ({scope} if scope else set())

    def may_reach(self, principal: Principal, allow: Allow | None) -> bool:
        """Tell whether a principal may use an agent with these rules, whatever scopes they hold."""
        if not self._enforced or allow is None or not (allow.groups or allow.subjects):
            return True
        return principal.subject in allow.subjects or not principal.groups.isdisjoint(allow.groups)

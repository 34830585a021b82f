"""What a principal may do: which scopes a tool needs, and which agents are whose.

Scopes can be asked for, so what lacks one is refused with what is missing; an agent that is somebody else's stays so,
and is neither listed nor told apart from one that doesn't exist. What can't be decided is refused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from agentcore_mcp.config import Agent, Settings
    from agentcore_mcp.server.hosted.principals import Principal


class Policy:
    """Decides by the configuration alone.

    Args:
        settings: Whose ``server.auth`` names the scopes, and whose agents say who may use them.
    """

    def __init__(self, settings: Settings) -> None:
        auth = settings.server.auth
        self._enforced = auth is not None
        self._required = frozenset(auth.required_scopes) if auth is not None else frozenset()
        scopes = auth.scopes if auth is not None else None
        self._of_tool = (
            {}
            if scopes is None
            else {"invoke_agent": scopes.invoke, "run_command": scopes.command, "stop_session": scopes.stop}
        )

    def scopes_of(self, tool: str, agent: Agent | None) -> frozenset[str]:
        """Return the scopes that a call needs.

        Args:
            tool: The tool's name; ``ask_NAME`` is ``invoke_agent``.
            agent: The agent that is called; None where a tool has none.
        """
        scope = self._of_tool.get("invoke_agent" if tool.startswith("ask_") else tool)
        needed = self._required | ({scope} if scope else set())
        return needed if agent is None or agent.allow is None else needed | set(agent.allow.scopes)

    def may_reach(self, principal: Principal, agent: Agent) -> bool:
        """Tell whether an agent is a principal's to use, whatever scopes they hold."""
        allow = agent.allow
        if not self._enforced or allow is None or not (allow.groups or allow.subjects):
            return True
        return principal.subject in allow.subjects or not principal.groups.isdisjoint(allow.groups)

    @property
    def all_scopes(self) -> list[str]:
        """Every scope of the tools, for the server's metadata."""
        return sorted({*self._required, *(scope for scope in self._of_tool.values() if scope)})

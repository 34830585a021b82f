"""Questions and switches that a payload can carry when the app was made with ``debug=True``.

``{"_agent_core_app_action": NAME}`` asks for the status or the running tasks, or forces the status. Never on in
production: any caller could keep a session alive.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from agentcore_mcp.hosting.health import PingStatus
from agentcore_mcp.hosting.streaming import JSONAnswer

if TYPE_CHECKING:
    from collections.abc import Callable

    from agentcore_mcp.hosting.health import Health

_ACTION_KEY = "_agent_core_app_action"


def requested_action(payload: Any) -> Any:
    """Return what the payload asks for; something false if it asks for nothing of the kind."""
    return payload.get(_ACTION_KEY) if isinstance(payload, dict) else None


def answer_action(action: Any, health: Health) -> JSONAnswer:
    """Do what was asked for and return the answer; it takes the time that the agent's own ``@ping`` function takes."""
    act = _ACTIONS.get(action) if isinstance(action, str) else None
    if act is None:
        return JSONAnswer({"error": f"Unknown action: {action}"}, status_code=400)
    return JSONAnswer(act(health))


def _force(health: Health, status: PingStatus | None) -> dict[str, Any]:
    health.force(status)
    return {"forced_status": status.value if status else "Cleared"}


_ACTIONS: dict[str, Callable[[Health], dict[str, Any]]] = {
    "ping_status": lambda health: health.report(),
    "job_status": lambda health: health.task_info(),
    "force_healthy": lambda health: _force(health, PingStatus.HEALTHY),
    "force_busy": lambda health: _force(health, PingStatus.HEALTHY_BUSY),
    "clear_forced_status": lambda health: _force(health, None),
}

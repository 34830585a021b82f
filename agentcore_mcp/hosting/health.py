"""An agent's answer to ``/ping``: whether it is idle or busy, and since when.

AgentCore ends a session that has been idle for long, and keeps one that says it is busy. A status forced by the
agent's code comes first, then the answer of its own ``@ping`` function, then whether background tasks are running.
"""

from __future__ import annotations

import secrets
import threading
import time
from enum import Enum
from typing import TYPE_CHECKING, Any

from agentcore_mcp.hosting.failures import contained, text_of

if TYPE_CHECKING:
    import logging
    from collections.abc import Callable

# Task ids appear in answers, and JavaScript loses the bits of an integer beyond these.
_TASK_ID_BITS = 53


class PingStatus(str, Enum):  # noqa: UP042 - agents see its str(), which StrEnum changes
    """The two statuses that AgentCore knows."""

    HEALTHY = "Healthy"
    HEALTHY_BUSY = "HealthyBusy"


class Health:
    """The status of one app and the background tasks behind it. Safe to use from any thread.

    Attributes:
        check: The agent's own ``@ping`` function, or None.
        changed_at: When the status last changed, in seconds since 1970.
    """

    def __init__(self, logger: logging.Logger) -> None:
        self.check: Callable[[], Any] | None = None
        self.changed_at = time.time()
        self._logger = logger
        self._forced: PingStatus | None = None
        self._last: PingStatus | None = None
        self._tasks: dict[int, tuple[str, float]] = {}  # name, and monotonic time of the start, by id
        self._lock = threading.Lock()

    def force(self, status: PingStatus | str | None) -> None:
        """Report this status until the next call; None returns to the status that the agent determines."""
        self._forced = None if status is None else PingStatus(status)

    def status(self) -> PingStatus:
        """Determine the current status, and note the time if it has changed."""
        status = self._forced or self._checked() or (PingStatus.HEALTHY_BUSY if self._tasks else PingStatus.HEALTHY)
        with self._lock:
            if status is not self._last:
                self._last = status
                self.changed_at = time.time()
        return status

    def report(self) -> dict[str, Any]:
        """Return the body of the answer to ``/ping``: the status, and when it last changed, in whole seconds."""
        return {"status": self.status().value, "time_of_last_update": int(self.changed_at)}

    def _checked(self) -> PingStatus | None:
        if self.check is None:
            return None
        try:
            with contained():
                answer = self.check()
            return None if answer is None else PingStatus(answer)
        except Exception as error:  # noqa: BLE001 - the agent's own code; a failing check must not fail the session
            self._logger.warning(
                "the @ping function failed, the status follows from the running tasks: %s: %s",
                type(error).__name__,
                text_of(error),
            )
            return None

    def add_task(self, name: str) -> int:
        """Count a background task as running until ``complete_task``; return its id."""
        task_id = secrets.randbits(_TASK_ID_BITS)
        with self._lock:
            self._tasks[task_id] = (name, time.monotonic())
        self._logger.info("background task %s has started (id %s)", name, task_id)
        return task_id

    def complete_task(self, task_id: int) -> bool:
        """Count a background task as finished; return False if no such task is running."""
        with self._lock:
            task = self._tasks.pop(task_id, None)
        if task is None:
            self._logger.warning("no background task with id %s is running", task_id)
            return False
        name, started = task
        self._logger.info(
            "background task %s has ended after %.2f s (id %s)", name, time.monotonic() - started, task_id
        )
        return True

    def task_info(self) -> dict[str, Any]:
        """Return how many tasks are running, and each one's name and duration in seconds."""
        with self._lock:
            tasks = list(self._tasks.values())
        jobs = [{"name": name, "duration": time.monotonic() - started} for name, started in tasks]
        return {"active_count": len(jobs), "running_jobs": jobs}

    def act(self, action: Any) -> tuple[dict[str, Any], int]:
        """Do a debug action, and return the body and the HTTP status of its answer."""
        if action == "ping_status":
            return self.report(), 200
        if action == "job_status":
            return self.task_info(), 200
        if not isinstance(action, str) or action not in _FORCED:
            return {"error": f"Unknown action: {action}"}, 400
        self.force(_FORCED[action])
        return {"forced_status": _FORCED[action] or "Cleared"}, 200


_FORCED = {"force_healthy": PingStatus.HEALTHY, "force_busy": PingStatus.HEALTHY_BUSY, "clear_forced_status": None}

"""The time limits of sessions."""

from __future__ import annotations

from dataclasses import astuple, dataclass

from agentcore_mcp.errors import ConfigurationError
from agentcore_mcp.wire.limits import IDLE_TIMEOUT_S, SESSION_LIFETIME_S


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of sessions, in seconds; the defaults are the service's.

    Attributes:
        idle_timeout_s: After how many idle seconds a session ends.
        max_lifetime_s: After how many seconds it ends even if busy.
        start_timeout_s: How long an agent may take until it answers.
    """

    idle_timeout_s: float = IDLE_TIMEOUT_S
    max_lifetime_s: float = SESSION_LIFETIME_S
    start_timeout_s: float = 60.0

    def __post_init__(self) -> None:
        for name, seconds in zip(self.__slots__, astuple(self), strict=True):
            if not 0 < seconds < float("inf"):
                raise ConfigurationError(f"{name}: {seconds} is not a finite number of seconds above 0")

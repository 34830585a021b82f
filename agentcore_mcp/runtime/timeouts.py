"""How long each part of a call may take.

httpx2's read timeout begins anew with each byte, and with each informational answer (1xx), of which there may be any
number before the head. So a ``Deadline`` gives each read no more time than there is left, on an event loop and without
one.
"""

from __future__ import annotations

import math
import time

import httpx2

from agentcore_mcp.errors import InvalidRequestError
from agentcore_mcp.wire.limits import SYNCHRONOUS_MAX_S

# A TCP and TLS handshake across the world takes under a second; ten leave room for two lost packets and a proxy.
CONNECT_TIMEOUT_S = 10.0
# How long the other side may refuse to take the next piece of a request. 100 MB at once are allowed, so the network
# may be slow, but a minute without any progress is an end.
WRITE_TIMEOUT_S = 60.0
# Silence while an agent works. The service ends a synchronous request then, so nothing comes later.
READ_TIMEOUT_S = SYNCHRONOUS_MAX_S
# Longer than any session lives. Some systems count the milliseconds of a wait with 31 bits, which is 24 days.
READ_TIMEOUT_MAX_S = 86_400.0
# A command may be silent for as long as it may run; then the service needs time to end it and to say so.
COMMAND_GRACE_S = 30.0
# Stopping a session that is busy takes seconds, not minutes.
STOP_TIMEOUT_S = 60.0
# The service answers the upgrade to a WebSocket when the agent's container is up, for which it allows two minutes.
OPEN_TIMEOUT_S = 150.0
# An error's status is known before its body is read, so the wait for it is short: in nearly all cases it
# arrives along with the head.
ERROR_BODY_TIMEOUT_S = 3.0


def check_timeout(timeout_s: float) -> None:
    """Check that a timeout is above 0 and at most 86,400 s.

    Raises:
        InvalidRequestError: If it isn't.
    """
    if not 0 < timeout_s <= READ_TIMEOUT_MAX_S:
        raise InvalidRequestError(
            f"the timeout is {timeout_s!r} s, more than 0 and at most {READ_TIMEOUT_MAX_S:g} are allowed"
        )


class Deadline:
    """The deadline of all reads of one connection together, however its bytes trickle in; unlimited until it is set.

    Attributes:
        timeout_s: What it was set to.
    """

    def __init__(self) -> None:
        self.timeout_s = math.inf
        self._end = math.inf

    def set(self, timeout_s: float) -> None:
        """Let all reads be over in so many seconds from now."""
        self.timeout_s = timeout_s
        self._end = time.monotonic() + timeout_s

    def clear(self) -> None:
        """Let reads have their own timeouts only."""
        self._end = math.inf

    @property
    def has_passed(self) -> bool:
        """Whether it is over."""
        return time.monotonic() >= self._end

    def shorten(self, timeout_s: float) -> float:
        """Return how many of the seconds of one read's timeout are left.

        Raises:
            httpx2.ReadTimeout: If no time is left.
        """
        left_s = self._end - time.monotonic()
        if left_s <= 0:
            raise httpx2.ReadTimeout("")
        return min(timeout_s, left_s)

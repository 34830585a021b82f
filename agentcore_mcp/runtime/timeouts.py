"""The timeouts of each part of a call.

httpx2's read timeout begins anew with each byte, and with each informational response (1xx), of which any number may
precede the head. So a ``Deadline`` limits each read to the remaining time, on an event loop and without one.
"""

from __future__ import annotations

import math
import time

import httpx2

from agentcore_mcp.errors import InvalidRequestError
from agentcore_mcp.wire.limits import SYNCHRONOUS_MAX_S

# A TCP and TLS handshake across the world takes under a second; ten leave room for two lost packets and a proxy.
CONNECT_TIMEOUT_S = 10.0
# How long sending may stall. A request may have 100 MB and the network may be slow, but a minute without any progress
# is a failure.
WRITE_TIMEOUT_S = 60.0
# Silence while an agent works. The service ends a synchronous request after this time, so no answer comes later.
READ_TIMEOUT_S = SYNCHRONOUS_MAX_S
# Longer than the lifetime of a session. Some systems count milliseconds in 31 bits, which overflow after 24 days.
READ_TIMEOUT_MAX_S = 86_400.0
# A command may be silent for its whole timeout; then the service needs time to end it and to report that.
COMMAND_GRACE_S = 30.0
# Stopping a session that is busy takes seconds, not minutes.
STOP_TIMEOUT_S = 60.0
# The service answers the upgrade to a WebSocket when the agent's container is up, for which it allows two minutes.
OPEN_TIMEOUT_S = 150.0
# An error's status is known before its body is read, so wait only briefly for the body: it nearly always arrives with
# the head.
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
    """A common deadline for all reads of a connection, even if its bytes trickle in; unlimited until it is set.

    Attributes:
        timeout_s: The timeout that was set.
    """

    def __init__(self) -> None:
        self.timeout_s = math.inf
        self._end = math.inf

    def set(self, timeout_s: float) -> None:
        """End all reads within this time from now."""
        self.timeout_s = timeout_s
        self._end = time.monotonic() + timeout_s

    def clear(self) -> None:
        """Remove the deadline; each read keeps its own timeout."""
        self._end = math.inf

    @property
    def has_passed(self) -> bool:
        """Whether the deadline has passed."""
        return time.monotonic() >= self._end

    def shorten(self, timeout_s: float) -> float:
        """Return the timeout of one read, shortened to the time left until the deadline.

        Raises:
            httpx2.ReadTimeout: If no time is left.
        """
        left_s = self._end - time.monotonic()
        if left_s <= 0:
            raise httpx2.ReadTimeout("")
        return min(timeout_s, left_s)

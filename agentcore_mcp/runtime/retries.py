"""Retries: whether a call that failed is sent again, and after what pause. It decides; ``sending`` sends and waits.

An agent must not run twice because of us, nor a command. So those are sent again only if they can't have been reached:

- No connection could be made, so nothing was sent. Once more, since a load balancer that restarts or a name server that
  stumbles is back in a moment; but only once, since far more often an address is wrong and a person waits. Not after
  a timeout: by then TCP has tried several times itself.
- AgentCore's front door refused, which it does before it asks the agent: 429, and 409 with the code
  RetryableConflictException, as it answers while a session starts.

A stop is idempotent by its client token. It is also sent again if it failed halfway or with a 5xx; but not if there
was no answer for as long as its caller wanted to wait.

boto3's defaults send one invocation three times after 60 s of silence, and after a 500 or 502.
"""

from __future__ import annotations

import random
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import httpx2

from agentcore_mcp.errors import ConnectError, ResponseTimeoutError, TransportError
from agentcore_mcp.wire.refusals import code_in, retry_after_s

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from agentcore_mcp.errors import ServiceError
    from agentcore_mcp.wire.requests import Request

# With these, the pauses of one call are 8 to 15 s together: as long as a session takes to start, and not so long that
# a person thinks nothing happens.
MAX_ATTEMPTS = 5
FIRST_PAUSE_S = 1.0
# A longer wait is reported as an error, so that the caller can decide.
LONGEST_PAUSE_S = 30.0

_TOO_MANY_REQUESTS = 429
_CONFLICT = 409
_CONFLICT_CODE = "RetryableConflictException"
_SERVER_ERRORS = frozenset({500, 502, 503, 504})


@dataclass(frozen=True, slots=True)
class Retries:
    """How often calls are sent at most, and how long the pauses in between are.

    Attributes:
        max_attempts: With 1 nothing is ever sent again.
        first_pause_s: The pause after the first attempt; each further one is twice as long. Chance takes up to half
            of it away, so that calls that failed together are not sent again together.
        longest_pause_s: A call is given up at once if ``Retry-After`` asks for a longer pause. A shorter one comes on
            top of the pause above.
        chance: Where chance comes from: numbers from 0 to 1.
        clock: Seconds since the epoch, for a ``Retry-After`` that is a date.
    """

    max_attempts: int = MAX_ATTEMPTS
    first_pause_s: float = FIRST_PAUSE_S
    longest_pause_s: float = LONGEST_PAUSE_S
    chance: Callable[[], float] = random.random
    clock: Callable[[], float] = time.time

    def after_answer(self, request: Request, attempt: int, status: int, headers: Mapping[str, str]) -> float | None:
        """Return after how many seconds a call is sent again, None if it isn't.

        Args:
            request: What was sent.
            attempt: How often it was sent so far.
            status: The status of the answer.
            headers: Those of the answer, by lower-case name.
        """
        if (
            status == _TOO_MANY_REQUESTS
            # Only if the service itself says so: a bare 409 may be anybody's, the agent's included.
            or (status == _CONFLICT and code_in(headers) == _CONFLICT_CODE)
            or (status in _SERVER_ERRORS and request.idempotent)
        ):
            asked_s = retry_after_s(headers.get("retry-after", ""), now=self.clock())
            return self._pause_s(attempt, asked_s or 0.0)
        return None

    def after_failure(self, request: Request, attempt: int, error: TransportError) -> float | None:
        """Return after how many seconds a call is sent again, None if it isn't.

        Args:
            request: What was to be sent.
            attempt: How often that was tried so far.
            error: What happened before the head of an answer came.
        """
        if isinstance(error, ConnectError):
            again = attempt == 1 and isinstance(error.__cause__, httpx2.ConnectError)
        else:
            again = request.idempotent and not isinstance(error, ResponseTimeoutError)
        return self._pause_s(attempt, 0.0) if again else None

    def after_upgrade(self, attempt: int, error: ServiceError | TransportError, *, cut: bool) -> float | None:
        """Return after how many seconds an upgrade to a WebSocket is sent again, None if it isn't.

        Args:
            attempt: How often it was sent so far.
            error: What it failed with.
            cut: Whether it is to replace a connection that was cut, so that the address is right.
        """
        if isinstance(error, TransportError):
            return self._pause_s(attempt, 0.0) if cut else None
        early = error.status == _TOO_MANY_REQUESTS or error.code == _CONFLICT_CODE
        return self._pause_s(attempt, error.retry_after_s or 0.0) if early else None

    def _pause_s(self, attempt: int, asked_s: float) -> float | None:
        if attempt >= self.max_attempts or asked_s > self.longest_pause_s:
            return None
        return asked_s + self.first_pause_s * 2.0 ** (attempt - 1) * (1 - self.chance() / 2)


DEFAULT_RETRIES = Retries()

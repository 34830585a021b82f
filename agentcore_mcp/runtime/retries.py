"""Retries: decides whether to repeat a failed call, and after what pause; ``sending`` sends and waits.

A retry must not run an agent or a command twice. So these are repeated only if the request can't have reached them:

- No connection could be made, so nothing was sent. Retried once, since a restarting load balancer or a failing name
  server may recover in a moment; but only once, since a wrong address is far more likely and a person waits. Not
  after a timeout: by then TCP has tried several times itself.
- AgentCore's front door refused, before calling the agent: 429, and 409 with the code RetryableConflictException,
  which it returns while a session starts.

A stop is idempotent by its client token. It is also repeated after a transport failure or a 5xx, but not after a
response timeout, when the caller has already waited as long as it wanted.

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

# With these, the pauses of one call are 8 to 15 s in total: as long as a session takes to start, and not so long that
# a person thinks that nothing happens.
MAX_ATTEMPTS = 5
FIRST_PAUSE_S = 1.0
# If a longer pause is needed, the error is raised, so that the caller can decide.
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
        first_pause_s: The pause after the first attempt, doubled for each further one. Jitter shortens it by up to
            half, so that calls that failed together are not repeated together.
        longest_pause_s: A call fails at once if ``Retry-After`` asks for a longer pause. A shorter one is added to the
            pause above.
        chance: The source of jitter: numbers from 0 to 1.
        clock: Seconds since the epoch, for a ``Retry-After`` that is a date.
    """

    max_attempts: int = MAX_ATTEMPTS
    first_pause_s: float = FIRST_PAUSE_S
    longest_pause_s: float = LONGEST_PAUSE_S
    chance: Callable[[], float] = random.random
    clock: Callable[[], float] = time.time

    def after_answer(self, request: Request, attempt: int, status: int, headers: Mapping[str, str]) -> float | None:
        """Return the pause in seconds before a call is repeated, None if it isn't.

        Args:
            request: The request that was sent.
            attempt: How often it was sent so far.
            status: The status of the answer.
            headers: Those of the answer, by lower-case name.
        """
        if (
            status == _TOO_MANY_REQUESTS
            # Only with the service's own code: a bare 409 may come from anywhere, including the agent.
            or (status == _CONFLICT and code_in(headers) == _CONFLICT_CODE)
            or (status in _SERVER_ERRORS and request.idempotent)
        ):
            asked_s = retry_after_s(headers.get("retry-after", ""), now=self.clock())
            return self._pause_s(attempt, asked_s or 0.0)
        return None

    def after_failure(self, request: Request, attempt: int, error: TransportError) -> float | None:
        """Return the pause in seconds before a call is repeated, None if it isn't.

        Args:
            request: The request.
            attempt: How often it was tried so far.
            error: The failure before the head of an answer arrived.
        """
        if isinstance(error, ConnectError):
            again = attempt == 1 and isinstance(error.__cause__, httpx2.ConnectError)
        else:
            again = request.idempotent and not isinstance(error, ResponseTimeoutError)
        return self._pause_s(attempt, 0.0) if again else None

    def after_upgrade(self, attempt: int, error: ServiceError | TransportError, *, cut: bool) -> float | None:
        """Return the pause in seconds before an upgrade to a WebSocket is repeated, None if it isn't.

        Args:
            attempt: How often it was sent so far.
            error: Its failure.
            cut: Whether it replaces a connection that was cut, so that the address is known to be right.
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

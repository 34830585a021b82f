"""The head of an answer, in the calling thread: a time for all of it, however its bytes come.

httpx2's timeout begins anew with each byte and each informational answer (1xx), of which there may be any number. On an
event loop all of that is cancelled at once (``connections``); here each read is given no more time than there is left.
"""

from __future__ import annotations

import math
import time
from contextlib import suppress
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from agentcore_mcp.runtime.failures import no_head_in_time

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx2


class HeadTime:
    """The time for one head, told by the ``trace`` extension when it begins and ends, and what it is about.

    Args:
        request: What was sent.
        timeout_s: For the whole head.
        session_id: The session of the call.
    """

    def __init__(self, request: httpx2.Request, timeout_s: float, session_id: str) -> None:
        self._request = request
        self._timeout_s = timeout_s
        self._session_id = session_id
        self._end = 0.0

    def trace(self, event: str, info: dict[str, Any]) -> None:
        """Follow one request."""
        if event.endswith((".connect_tcp.complete", ".start_tls.complete")):
            stream = info["return_value"]
            # Of this one stream: httpx2 makes them itself, and takes none from elsewhere but with all of a transport.
            with suppress(AttributeError):  # of a kind that can't be changed; then its head has the usual timeout
                stream.read = _in_time(stream.read)
        elif event.endswith(".receive_response_headers.started"):
            self._end = time.monotonic() + self._timeout_s
            _awaited.set(self)
        elif ".receive_response_headers." in event:
            _awaited.set(None)

    def left_s(self) -> float:
        """Return how many seconds are left.

        Raises:
            ResponseTimeoutError: If none are.
        """
        left_s = self._end - time.monotonic()
        if left_s <= 0:
            raise no_head_in_time(self._request, self._timeout_s, self._session_id)
        return left_s


# A connection serves one call after another, of any thread. This is the head that is read in this one.
_awaited: ContextVar[HeadTime | None] = ContextVar("awaited", default=None)


def _in_time(read: Callable[..., bytes]) -> Callable[..., bytes]:
    def read_in_time(max_bytes: int, timeout: float | None = None) -> bytes:
        awaited = _awaited.get()
        if awaited is None:
            return read(max_bytes, timeout)
        try:
            return read(max_bytes, min(timeout or math.inf, awaited.left_s()))
        finally:
            awaited.left_s()

    return read_in_time

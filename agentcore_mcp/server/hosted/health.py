"""Whether a server takes calls: ``/healthz`` and ``/readyz``, and draining after SIGTERM.

Probes are answered before hosts and tokens are checked. A process is alive if its event loop answers, and ready if it
is not draining and its store accepts writes. Readiness doesn't depend on fetching an issuer's keys: that fails for all
workers alike, so taking each of them out of service would turn refused tokens of one issuer into an outage.

A draining server keeps its listening socket open for a moment if it has been probed, and then closes it: every load
balancer retries a refused connection elsewhere, even for POST, whereas a 503 or the early end of a long call would
reach the client. Requests on open connections are still answered, and each response closes its connection.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

import anyio
from starlette.datastructures import MutableHeaders
from starlette.responses import PlainTextResponse

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

ALIVE_PATH = "/healthz"
READY_PATH = "/readyz"
# How long the store may take to answer, the same as for a call: with less, a restart of Redis would take all workers
# out of service. And how long its answer is reused, since anybody may send probes.
CHECK_LIMIT_S = 5.0
CHECK_AGAIN_S = 1.0
# How long a probed server still accepts connections, at most a tenth of the drain time. Probes come every second or so,
# and Kubernetes takes about that long to remove a pod from its services.
NOTICE_S = 3.0
# How long the request of a connection that was just accepted may take to arrive.
ARRIVAL_S = 0.1

logger = logging.getLogger(__name__)


class Health:
    """An app that answers probes, and counts the requests that it passes on.

    Args:
        app: Answers the other requests.
        calls: Returns the running calls, whether or not a request waits for them.
        beat: Writes to the store, and raises if it can't; None without a store.

    Attributes:
        draining: Whether the server drains; set when the signal comes, before ``drain``.
    """

    def __init__(
        self,
        app: ASGIApp,
        calls: Callable[[], Collection[asyncio.Task[None]]],
        beat: Callable[[], Awaitable[object]] | None = None,
    ) -> None:
        self._app = app
        self._calls = calls
        self._beat = beat
        self._probed = False
        self._checked: asyncio.Task[bool] | None = None
        self._checked_at = 0.0
        self._answering = 0
        self._answered = asyncio.Event()
        self._time = anyio.CancelScope()
        self.draining = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        app = await self._probe(scope) if scope["path"] in (ALIVE_PATH, READY_PATH) else self._app
        # A GET of the endpoint is a stream that stays open until its client disconnects.
        counted = scope["method"] == "POST"
        self._answering += counted
        try:
            await app(scope, receive, _closing(send) if self.draining else send)
        finally:
            self._answering -= counted
            if not self._answering:
                self._answered.set()

    async def _probe(self, scope: Scope) -> ASGIApp:
        """Return the answer to a probe: yes or no without details, since anybody may ask."""
        self._probed = True
        if scope["method"] not in ("GET", "HEAD"):
            return PlainTextResponse("GET or HEAD\n", 405, {"Allow": "GET, HEAD"})
        good = scope["path"] == ALIVE_PATH or (not self.draining and await self.reaches_store())
        return PlainTextResponse("ok\n" if good else "not ready\n", 200 if good else 503, {"Cache-Control": "no-store"})

    async def reaches_store(self) -> bool:
        """Tell whether the store accepts writes; if not, log it."""
        now = asyncio.get_running_loop().time()
        if self._checked is None or (self._checked.done() and now >= self._checked_at + CHECK_AGAIN_S):
            self._checked, self._checked_at = asyncio.create_task(self._check()), now
        # Concurrent probes share one check; it is shielded, so that a cancelled probe doesn't cancel it for the others.
        return await asyncio.shield(self._checked)

    async def _check(self) -> bool:
        try:
            async with asyncio.timeout(CHECK_LIMIT_S):
                if self._beat is not None:
                    await self._beat()
        except Exception as error:  # noqa: BLE001 - whatever is wrong, it is not ready
            logger.warning("not ready: the store does not answer, or takes nothing (%s)", type(error).__name__)
            return False
        return True

    async def drain(self, at_most_s: float, stop_accepting: Callable[[], None]) -> None:
        """Wait until no call or request is running, the time is up, or ``hurry`` is called.

        Args:
            at_most_s: The time limit, in seconds; 0 waits for nothing.
            stop_accepting: Called when new connections are to be refused.
        """
        if at_most_s:
            logger.warning("draining for up to %g s; another signal ends that", at_most_s)
        self._time.deadline = anyio.current_time() + at_most_s
        with self._time:
            await asyncio.sleep(min(NOTICE_S, at_most_s / 10) if self._probed else 0)
            stop_accepting()
            # The requests of the connections that were just accepted are on their way.
            await asyncio.sleep(ARRIVAL_S)
            while (calls := self._calls()) or self._answering:
                self._answered.clear()
                await (asyncio.wait(calls) if calls else self._answered.wait())
        if self._time.cancelled_caught and at_most_s and (calls := self._calls()):
            logger.warning("%d calls were still running when the drain ended, and are ended now", len(calls))

    def hurry(self) -> None:
        """End the drain now."""
        self._time.cancel()


def _closing(send: Send) -> Send:
    """Return a ``send`` that has the server close the connection after the answer."""

    async def send_and_close(message: Message) -> None:
        if message["type"] == "http.response.start":
            MutableHeaders(scope=message)["Connection"] = "close"
        await send(message)

    return send_and_close

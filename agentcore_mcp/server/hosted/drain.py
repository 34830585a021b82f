"""Draining: after SIGTERM, what has begun may be finished, and load balancers get time to notice.

The listening socket stays open for a moment if somebody probes, and is closed then: a refused connection is what every
balancer tries again elsewhere, for POST too, while a 503 or the early end of a long call would reach the client. What
arrives on connections that are open is answered, and each answer closes its connection.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

import anyio
from starlette.datastructures import MutableHeaders

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

# How long connections may still be accepted. Probes come every second or so, and Kubernetes takes about that long to
# take a pod out of its services.
NOTICE_S = 3.0

logger = logging.getLogger(__name__)


class Drain:
    """An app that counts the requests it passes on, and can wait for the last one.

    Args:
        app: What answers them.
        calls: Returns the calls that go on, with or without a request that attends to them.

    Attributes:
        begun: Whether the server drains; set when the signal comes, before ``run``.
    """

    def __init__(self, app: ASGIApp, calls: Callable[[], Collection[asyncio.Task[None]]]) -> None:
        self._app = app
        self._calls = calls
        self._answering = 0
        self._answered: asyncio.Future[None] | None = None
        self._time = anyio.CancelScope()
        self.begun = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on a request."""
        if self.begun and scope["type"] == "http":
            send = _closing(send)
        # A GET is a stream that stays open for as long as its client is there.
        if scope["type"] != "http" or scope["method"] != "POST":
            await self._app(scope, receive, send)
            return
        self._answering += 1
        try:
            await self._app(scope, receive, send)
        finally:
            self._answering -= 1
            if self._answered is not None and not self._answering and not self._answered.done():
                self._answered.set_result(None)

    async def run(self, at_most_s: float, notice_s: float, listeners: Callable[[], Iterable[asyncio.Server]]) -> None:
        """Drain until nothing goes on any more, the time is up, or somebody is in a hurry.

        Args:
            at_most_s: The time, in seconds; with 0, nothing is waited for.
            notice_s: How much of it connections are still accepted for.
            listeners: Returns what accepts them.
        """
        self._time.deadline = anyio.current_time() + at_most_s
        with self._time:
            await asyncio.sleep(notice_s)
            for listener in listeners():
                listener.close()
            await self._last()
        if self._time.cancelled_caught and at_most_s and (calls := self._calls()):
            logger.warning("%d calls were still running when the drain ended, and are ended now", len(calls))

    def hurry(self) -> None:
        """Wait no longer."""
        self._time.cancel()

    async def _last(self) -> None:
        while True:
            if calls := self._calls():
                await asyncio.wait(calls)
            elif self._answering:
                self._answered = asyncio.get_running_loop().create_future()
                await self._answered
            else:
                return


def _closing(send: Send) -> Send:
    """Return a ``send`` that has the server close the connection after the answer."""

    async def send_and_close(message: Message) -> None:
        if message["type"] == "http.response.start":
            MutableHeaders(scope=message)["Connection"] = "close"
        await send(message)

    return send_and_close

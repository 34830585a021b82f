"""``/healthz`` and ``/readyz``, for orchestrators and load balancers: before the checks of hosts and tokens.

Alive is a process whose event loop answers. Ready is one that is not draining and reaches its store. Whether an
issuer's keys can be fetched is no part of it: that is the same for all workers, so taking each of them out of service
would turn refused tokens of one issuer into an outage; the door answers those requests with 503.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from starlette.responses import PlainTextResponse

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.types import ASGIApp, Receive, Scope, Send

ALIVE_PATH = "/healthz"
READY_PATH = "/readyz"
# How long the store may take to answer, and for how long its answer holds: anybody may send probes.
CHECK_LIMIT_S = 1.0
CHECK_AGAIN_S = 1.0
_HEADERS = {"Cache-Control": "no-store"}

logger = logging.getLogger(__name__)


class Health:
    """An app that answers the probes. Strangers reach it, so it says nothing but whether.

    Args:
        app: What answers everything else.
        draining: Tells whether the server drains.
        ping: Asks the store whether it is there, and raises if it isn't; None without a store.

    Attributes:
        probed: Whether there was any probe.
    """

    def __init__(
        self, app: ASGIApp, draining: Callable[[], bool], ping: Callable[[], Awaitable[object]] | None = None
    ) -> None:
        self._app = app
        self._draining = draining
        self._ping = ping
        self.probed = False
        self._checked: asyncio.Task[bool] | None = None
        self._checked_at = 0.0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        app = self._app
        if scope["type"] == "http" and scope["path"] in (ALIVE_PATH, READY_PATH):
            self.probed = True
            if scope["method"] not in ("GET", "HEAD"):
                app = PlainTextResponse("GET or HEAD\n", 405, {"Allow": "GET, HEAD"})
            elif scope["path"] == ALIVE_PATH or await self.ready():
                app = PlainTextResponse("ok\n", 200, _HEADERS)
            else:
                app = PlainTextResponse("not ready\n", 503, _HEADERS)
        await app(scope, receive, send)

    async def ready(self) -> bool:
        """Tell whether requests should be sent here."""
        if self._draining() or self._ping is None:
            return not self._draining()
        now = asyncio.get_running_loop().time()
        if self._checked is None or (self._checked.done() and now >= self._checked_at + CHECK_AGAIN_S):
            self._checked, self._checked_at = asyncio.create_task(self._reaches_store(self._ping)), now
        # Probes that come meanwhile wait for the same answer, and one that leaves takes it from none of them.
        return await asyncio.shield(self._checked)

    async def _reaches_store(self, ping: Callable[[], Awaitable[object]]) -> bool:
        try:
            async with asyncio.timeout(CHECK_LIMIT_S):
                await ping()
        except Exception as error:  # noqa: BLE001 - whatever is wrong, it is not ready
            logger.warning("not ready: the store does not answer (%s)", type(error).__name__)
            return False
        return True

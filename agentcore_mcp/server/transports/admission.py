"""Admission of HTTP requests: they have to be complete in time, and name an allowed host.

A page in a local browser reaches a server on loopback by DNS rebinding. Its requests have another name in ``Host``, or
that of a page from elsewhere in ``Origin``, and are refused before anything of their bodies is read.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import h11
from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse, Response
from uvicorn.protocols.http.h11_impl import H11Protocol

from agentcore_mcp.wire.headers import JSON_TYPE

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Iterable

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

# From the connection, or the answer before, to the last byte of a request. Longer than load balancers keep a connection
# for the next request: one that closes just as that goes out on it leaves them in doubt whether it was read.
REQUEST_LIMIT_S = 75.0
# A ping has 50.
_PING_MAX_BYTES = 1_000


class KnownHosts:
    """An app that refuses requests with another host name in ``Host`` or ``Origin``, and those with two lengths.

    Args:
        app: What answers the others.
        names: Host names, with any port or, where they have one, with that one.
    """

    def __init__(self, app: ASGIApp, names: Iterable[str]) -> None:
        self._app = app
        hosts = "|".join(re.escape(name) + ("" if re.search(r":\d+$", name) else r"(?::\d{1,5})?") for name in names)
        self._host = re.compile(hosts, re.ASCII | re.IGNORECASE)
        self._origin = re.compile(f"https?://(?:{hosts})", re.ASCII | re.IGNORECASE)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        app = self._app
        if scope["type"] == "http":
            headers = Headers(scope=scope)
            if not all(map(self._host.fullmatch, headers.getlist("host") or [""])):
                app = PlainTextResponse("not a name of this server; --allowed-host adds one\n", 421)
            elif not all(map(self._origin.fullmatch, headers.getlist("origin"))):
                app = PlainTextResponse("pages from elsewhere are refused; --allowed-host adds a name\n", 403)
            elif "transfer-encoding" in headers and "content-length" in headers:
                # To a proxy that goes by the other one, what follows is somebody else's request (RFC 9112, 6.1).
                app = PlainTextResponse("either Transfer-Encoding or Content-Length\n", 400, {"Connection": "close"})
        await app(scope, receive, send)


def answering_pings(app: ASGIApp, path: str) -> ASGIApp:
    """Return an app that answers JSON-RPC pings at a path by itself, before it is asked who sends them.

    AgentCore Runtime sends such to a server that it hosts: without a token, a session or the ``Accept`` that MCP wants,
    to ``/mcp`` or ``/mcp/`` (neo4j/mcp#173, argoproj-labs/mcp-for-argocd#88).
    """

    async def with_pings(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "POST" or scope["path"].rstrip("/") != path:
            await app(scope, receive, send)
            return
        unread = [await receive()]

        async def replay() -> Message:
            return unread.pop() if unread else await receive()

        pinged = _pinged(unread[0])
        # As ASCII: half of a surrogate pair in an id is valid JSON, and can't be UTF-8.
        pong = json.dumps({"jsonrpc": "2.0", "id": pinged, "result": {}})
        answer = app if pinged is None else Response(pong, media_type=JSON_TYPE)
        await answer(scope, replay, send)

    return with_pings


def _pinged(message: Message) -> str | int | None:
    """Return the id of the ping that a message has the whole of, if it has one."""
    body = message.get("body", b"")
    if message.get("more_body") or len(body) > _PING_MAX_BYTES:
        return None
    try:
        ping = json.loads(body)
    except (ValueError, RecursionError):
        return None
    is_ping = isinstance(ping, dict) and ping.get("method") == "ping" and isinstance(ping.get("id"), str | int)
    return ping["id"] if is_ping else None


class TimedProtocol(H11Protocol):
    """Closes a connection whose next request is not complete in time. uvicorn itself limits only pauses."""

    def __init__(self, *, request_limit_s: float, **others: Any) -> None:
        super().__init__(**others)
        self._request_limit_s = request_limit_s
        self._deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn's
        """Begin to wait for the first request."""
        super().connection_made(transport)
        self._watch()

    def data_received(self, data: bytes) -> None:
        """Take a part of a request."""
        super().data_received(data)
        self._watch()

    def on_response_complete(self) -> None:
        """Begin to wait for the next request."""
        super().on_response_complete()
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait for no request any more."""
        super().connection_lost(exc)
        self._stop_watching()

    def _watch(self) -> None:
        if self.conn.their_state not in (h11.IDLE, h11.SEND_BODY):
            self._stop_watching()
        elif self._deadline is None:
            self._deadline = self.loop.call_later(self._request_limit_s, self.transport.close)

    def _stop_watching(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

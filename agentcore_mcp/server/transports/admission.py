"""Admission of HTTP requests: they have to be complete in time, and name an allowed host.

A page in a local browser can reach a server on loopback by DNS rebinding. Its requests have a foreign name in ``Host``
or ``Origin``, and are refused before their bodies are read.
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

# From the connection, or the previous response, to the last byte of a request. Longer than load balancers keep idle
# connections: if one is closed just as they send a request on it, they can't tell whether that was read.
REQUEST_LIMIT_S = 75.0
# A ping has about 50 bytes.
_PING_MAX_BYTES = 1_000


class KnownHosts:
    """An app that refuses requests with an unknown host name in ``Host`` or ``Origin``, or with two body lengths.

    Args:
        app: Answers the other requests.
        names: The allowed host names; one without a port allows any port.
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
                # A proxy that goes by the other header may take the rest for another request (RFC 9112, 6.1).
                app = PlainTextResponse("either Transfer-Encoding or Content-Length\n", 400, {"Connection": "close"})
        await app(scope, receive, send)


def answering_pings(app: ASGIApp, path: str) -> ASGIApp:
    """Return an app that answers JSON-RPC pings at a path itself, without authentication.

    AgentCore Runtime sends them to a server that it hosts, without a token, a session or the ``Accept`` header that MCP
    requires, to ``/mcp`` or ``/mcp/`` (neo4j/mcp#173, argoproj-labs/mcp-for-argocd#88).
    """

    async def with_pings(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "POST" or scope["path"].rstrip("/") != path:
            await app(scope, receive, send)
            return
        unread = [await receive()]

        async def replay() -> Message:
            return unread.pop() if unread else await receive()

        pinged = _pinged(unread[0])
        # As ASCII: a lone surrogate in an id is valid JSON, but can't be encoded as UTF-8.
        pong = json.dumps({"jsonrpc": "2.0", "id": pinged, "result": {}})
        answer = app if pinged is None else Response(pong, media_type=JSON_TYPE)
        await answer(scope, replay, send)

    return with_pings


def _pinged(message: Message) -> str | int | None:
    """Return the id of a ping if the message is a complete one, else None."""
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
        """Stop waiting for a request."""
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

"""Cancelling over HTTP in 2025-11-25, where the notification that cancels a request is an HTTP request of its own.

The server keeps no sessions there, and issues session ids for this alone: any process answers a request with any id or
none, and the one that runs a request cancels it. In 2026-07-28 a client closes the connection instead.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

import anyio
from mcp.server.streamable_http import LAST_EVENT_ID_HEADER, MCP_SESSION_ID_HEADER
from mcp.shared.exceptions import MCPError
from mcp.shared.inbound import MCP_PROTOCOL_VERSION_HEADER
from starlette.datastructures import Headers, MutableHeaders

from agentcore_mcp.server.hosted.principals import current_principal
from agentcore_mcp.server.hosts import introduced
from agentcore_mcp.server.transports.introductions import introduction_of, session_id_for

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

# How much of a first request is read for the client's name; real ones have less than 1 KiB.
_INTRODUCTION_MAX_BYTES = 64 * 1024
_LAST_EVENT_ID = LAST_EVENT_ID_HEADER.encode()
_NO_FIRST_REQUEST = {name.encode() for name in (MCP_SESSION_ID_HEADER, MCP_PROTOCOL_VERSION_HEADER)}


class Cancellations:
    """MCP server middleware that cancels a request when the notification arrives.

    Args:
        tell: Tells the other workers which request was cancelled, if there are any; each passes it to ``cancel``.
    """

    def __init__(self, tell: Callable[[str], Awaitable[None]] | None = None) -> None:
        self._tell = tell
        self._running: dict[str, anyio.CancelScope] = {}

    def cancel(self, request: str) -> bool:
        """End a request, if it runs here; return whether it does."""
        if (scope := self._running.get(request)) is None:
            return False
        scope.cancel()
        return True

    async def __call__(self, ctx: ServerRequestContext[Any, Any], call_next: CallNext) -> HandlerResult:
        """Pass a message on, as one that can be cancelled."""
        session_id = None if ctx.request is None else ctx.request.headers.get(MCP_SESSION_ID_HEADER)
        if session_id is None:
            return await call_next(ctx)
        if ctx.method == "notifications/cancelled":
            request = _named(session_id, (ctx.params or {}).get("requestId"))
            if not self.cancel(request) and self._tell is not None:
                # The notification was answered already, and its handler is cancelled when its connection closes.
                with anyio.CancelScope(shield=True):
                    await self._tell(request)
        if ctx.request_id is None:
            return await call_next(ctx)
        key = _named(session_id, ctx.request_id)
        with anyio.CancelScope() as self._running[key]:
            try:
                return await call_next(ctx)
            finally:
                self._running.pop(key, None)
        raise MCPError(code=0, message="the request was cancelled")


def _named(session_id: str, request_id: object) -> str:
    """Return a name for a request that is the same on all workers, and differs from other callers' with equal ids."""
    name = json.dumps([current_principal().key, session_id, request_id])
    return hashlib.sha256(name.encode()).hexdigest()


def giving_session_ids(app: ASGIApp) -> ASGIApp:
    """Return an app that gives each client a session id with its first request, which has no version header either."""

    async def with_ids(scope: Scope, receive: Receive, send: Send) -> None:
        # No events are kept to resume from, and with this header the SDK would answer nothing.
        scope["headers"] = [header for header in scope["headers"] if header[0] != _LAST_EVENT_ID]
        if any(name in _NO_FIRST_REQUEST for name, _ in scope["headers"]):
            introduced.set(introduction_of(Headers(scope=scope).get(MCP_SESSION_ID_HEADER, "")))
            await app(scope, receive, send)
            return
        body = bytearray()

        async def receive_first() -> Message:
            message = await receive()
            body.extend(message.get("body", b"")[: _INTRODUCTION_MAX_BYTES - len(body)])
            return message

        async def send_with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)[MCP_SESSION_ID_HEADER] = session_id_for(bytes(body))
            await send(message)

        await app(scope, receive_first, send_with_id)

    return with_ids

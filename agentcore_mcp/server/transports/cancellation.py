"""Cancelling over HTTP in 2025-11-25, where a request and the notification that cancels it come one by one.

The server has no sessions there, and gives out session ids for this alone: any process answers a request with any id or
none, and one that runs the request cancels it. In 2026-07-28 a client closes the connection instead.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

import anyio
from mcp.server.streamable_http import MCP_SESSION_ID_HEADER
from mcp.shared.exceptions import MCPError
from mcp.shared.inbound import MCP_PROTOCOL_VERSION_HEADER
from starlette.datastructures import MutableHeaders

if TYPE_CHECKING:
    from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

_ID_BYTES = 16
_NO_FIRST_REQUEST = {name.encode() for name in (MCP_SESSION_ID_HEADER, MCP_PROTOCOL_VERSION_HEADER)}


class Cancellations:
    """Ends a request when the notification arrives; a middleware of the MCP server."""

    def __init__(self) -> None:
        self._running: dict[tuple[str, Any], anyio.CancelScope] = {}

    async def __call__(self, ctx: ServerRequestContext[Any, Any], call_next: CallNext) -> HandlerResult:
        """Pass a message on, as one that can be cancelled."""
        session_id = None if ctx.request is None else ctx.request.headers.get(MCP_SESSION_ID_HEADER)
        if session_id is None:
            return await call_next(ctx)
        if ctx.method == "notifications/cancelled":
            scope = self._running.get((session_id, (ctx.params or {}).get("requestId")))
            if scope is not None:
                scope.cancel()
        if ctx.request_id is None:
            return await call_next(ctx)
        key = session_id, ctx.request_id
        with anyio.CancelScope() as self._running[key]:
            try:
                return await call_next(ctx)
            finally:
                self._running.pop(key, None)
        raise MCPError(code=0, message="the request was cancelled")


def giving_session_ids(app: ASGIApp) -> ASGIApp:
    """Return an app that gives a session id to a client that has none: its first request has no version either."""

    async def with_ids(scope: Scope, receive: Receive, send: Send) -> None:
        names = {name for name, _ in scope.get("headers", [])}
        if scope["type"] != "http" or names & _NO_FIRST_REQUEST:
            await app(scope, receive, send)
            return

        async def send_with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)[MCP_SESSION_ID_HEADER] = secrets.token_hex(_ID_BYTES)
            await send(message)

        await app(scope, receive, send_with_id)

    return with_ids

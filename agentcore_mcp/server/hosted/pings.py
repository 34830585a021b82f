"""The pings of AgentCore Runtime, where that hosts this server: without a token, and answered before any check.

As public reports have it (neo4j/mcp#173, argoproj-labs/mcp-for-argocd#88), it sends a bare JSON-RPC ``ping`` to
``/mcp`` or ``/mcp/``, without session and without the ``Accept`` that MCP wants. A server that refuses it counts as
dead.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

# A ping has about 50. What says that it is longer, or not how long it is, is not looked at.
PING_MAX_BYTES = 999


class Pings:
    """An app that answers pings.

    Args:
        app: What answers everything else.
        path: Where pings are answered, without a slash at its end.
    """

    def __init__(self, app: ASGIApp, path: str) -> None:
        self._app = app
        self._path = path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http" or scope["method"] != "POST" or scope["path"].rstrip("/") != self._path:
            await self._app(scope, receive, send)
            return
        length = Headers(scope=scope).get("content-length", "")
        if not length.isdecimal() or len(length) > len(str(PING_MAX_BYTES)):
            await self._app(scope, receive, send)
            return
        try:
            body = await Request(scope, receive).body()
        except ClientDisconnect:
            return
        unread: list[Message] = [{"type": "http.request", "body": body}]

        async def replay() -> Message:
            return unread.pop() if unread else await receive()

        answer = _answer(body)
        await (self._app if answer is None else answer)(scope, replay, send)


def _answer(body: bytes) -> Response | None:
    try:
        message: Any = json.loads(body)
    except (ValueError, RecursionError):
        return None
    if not isinstance(message, dict) or message.get("method") != "ping" or not isinstance(message.get("id"), str | int):
        return None
    # In ASCII: half of a surrogate pair in the id can't be written otherwise.
    return Response(json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": {}}), media_type="application/json")

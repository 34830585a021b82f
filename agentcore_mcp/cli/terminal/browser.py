"""The browser's side of a preview: an ASGI app that admits only its own pages, and forwards their requests.

A page that an agent made reaches only its own server: requests of other sites' pages are refused, and cookies of
other servers on this machine are not forwarded.
"""

from __future__ import annotations

import re
from contextlib import suppress
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import anyio
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.websockets import WebSocket, WebSocketDisconnect
from websockets.exceptions import ConnectionClosed

from agentcore_mcp.errors import AgentCoreError, AgentRuntimeError, InvalidRequestError
from agentcore_mcp.runtime.websocket.connection import CLOSE_CODES
from agentcore_mcp.wire.headers import end_to_end
from agentcore_mcp.wire.loopback import is_loopback

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from starlette.types import Message, Receive, Scope, Send
    from websockets.asyncio.client import ClientConnection

    from agentcore_mcp.runtime.session_endpoint import SessionEndpoint

# They would apply to all servers at this machine's address.
_NOT_FOR_BROWSERS = ("strict-transport-security", "alt-svc", "clear-site-data")
_ERROR_HEADER = re.compile(r"x-amzn-.*error")
_DOMAIN = re.compile(r";\s*domain=[^;]*", re.IGNORECASE)
_NORMAL_CLOSURE, _GOING_AWAY, _NO_CODE = 1000, 1001, 1005


class Preview:
    """The app.

    Args:
        endpoint: Where requests go.
        explain: Explains a failure, given its HTTP status and its code or text, and says what to do next.
    """

    def __init__(self, endpoint: SessionEndpoint, explain: Callable[[int, str], str]) -> None:
        self._endpoint = endpoint
        self._explain = explain
        self._upstream = f"{endpoint.url.scheme}://{endpoint.url.netloc.decode()}"
        base = endpoint.url.path.rstrip("/")
        self._place = re.compile(rf"\A({re.escape(self._upstream)})?({re.escape(base)})?(?=/)")
        self._cookies: set[str] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request until the browser disconnects, or bridge a WebSocket."""
        is_read = anyio.Event()

        async def noted() -> Message:
            message = await receive()
            if not message.get("more_body"):
                is_read.set()
            return message

        async def watch() -> None:
            await is_read.wait()
            while (await receive())["type"] != "http.disconnect":
                pass
            tasks.cancel_scope.cancel()

        async with anyio.create_task_group() as tasks:
            if scope["type"] == "http":
                tasks.start_soon(watch)
            await self._answer(scope, noted, send)
            tasks.cancel_scope.cancel()

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        target = b"?".join(filter(None, (scope["raw_path"], scope["query_string"]))).decode("latin-1")
        try:
            if why := _foreign(headers, scope.get("method", "GET")):
                await PlainTextResponse(f"{why}\n", 403)(scope, receive, send)
            elif scope["type"] == "websocket":
                await self._join(WebSocket(scope, receive, send), target)
            else:
                await self._pass_on(Request(scope, receive), target, send)
        except InvalidRequestError as error:
            await PlainTextResponse(f"{error.message}\n", 400)(scope, receive, send)
        except AgentCoreError as error:
            status = (error.status if isinstance(error, AgentRuntimeError) else None) or 502
            await self._told(status, error.message)(scope, receive, send)

    def _told(self, status: int, said: str) -> PlainTextResponse:
        return PlainTextResponse(f"agentcore-mcp preview: {self._explain(status, said)}\n", status)

    async def _pass_on(self, request: Request, target: str, send: Send) -> None:
        has_body = request.headers.get("content-length", "0") != "0" or "transfer-encoding" in request.headers
        body = request.stream() if has_body else None
        if body is None:
            await request.body()
        async with self._endpoint.send(request.method, target, self._outgoing(request.headers), body) as response:
            status = response.status_code
            answer = StreamingResponse(response.aiter_raw(), status)
            answer.raw_headers = list(self._incoming(response.headers.raw))
            # AWS documents that an error response has its code in a header and no body, but not the header's name.
            codes = [value for name, value in response.headers.items() if _ERROR_HEADER.match(name)]
            refused = codes and response.headers.get("content-length", "0") == "0"
            await (self._told(status, codes[0]) if refused else answer)(request.scope, request.receive, send)

    async def _join(self, socket: WebSocket, target: str) -> None:
        fields, subprotocols = self._outgoing(socket.headers), socket.scope["subprotocols"]
        async with await self._endpoint.connect(target, fields, subprotocols) as upstream:
            await socket.accept(upstream.subprotocol)
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(_to_browser, upstream, socket)
                with suppress(ConnectionClosed):
                    while (message := await socket.receive())["type"] == "websocket.receive":
                        text = message.get("text")
                        await upstream.send(message["bytes"] if text is None else text)
                    await upstream.close(*_sendable(message.get("code", _GOING_AWAY), message.get("reason")))
                    tasks.cancel_scope.cancel()

    def _outgoing(self, headers: Headers) -> list[tuple[str, str]]:
        own, passed = f"http://{headers['host']}", []
        for name, value in headers.items():
            if name == "cookie" and not _host_of(headers).endswith(".localhost"):
                mine = [part for part in value.split("; ") if part.partition("=")[0] in self._cookies]
                passed += [(name, "; ".join(mine))] if mine else []
            elif name in ("origin", "referer"):
                passed.append((name, self._upstream if name == "origin" else value.replace(own, self._upstream, 1)))
            else:
                passed.append((name, value))
        return passed

    def _incoming(self, headers: Iterable[tuple[bytes, bytes]]) -> Iterator[tuple[bytes, bytes]]:
        for name, value in end_to_end((name.decode("latin-1"), value.decode("latin-1")) for name, value in headers):
            passed = self._place.sub("", value) if name == "location" else value
            if name == "set-cookie":
                self._cookies.add(value.partition("=")[0].strip())
                passed = _DOMAIN.sub("", value)
            if name not in _NOT_FOR_BROWSERS:
                yield name.encode("latin-1"), passed.encode("latin-1")


def _foreign(headers: Headers, method: str) -> str:
    """Return why a request comes neither from this preview's pages nor from a user who opens it, otherwise ""."""
    host, site, own = _host_of(headers), headers.get("sec-fetch-site", "none"), f"http://{headers.get('host')}"
    opened = headers.get("sec-fetch-dest") == "document" and method in ("GET", "HEAD")
    if not is_loopback(host) and not host.endswith(".localhost"):
        return "this preview answers to the names of this machine alone, not to those of other hosts"
    if headers.get("origin", own) not in (own, "null" if site == "same-origin" else own) or not (
        opened or site in ("none", "same-origin")
    ):
        return "this preview answers its own pages alone, not those of other sites"
    if "content-length" in headers and "transfer-encoding" in headers:
        return "the request has both Content-Length and Transfer-Encoding, so where it ends is not clear"
    return ""


def _host_of(headers: Headers) -> str:
    with suppress(ValueError):
        return urlsplit(f"//{headers.get('host', '')}").hostname or ""
    return ""


async def _to_browser(upstream: ClientConnection, socket: WebSocket) -> None:
    with suppress(WebSocketDisconnect):
        with suppress(ConnectionClosed):
            async for message in upstream:
                await (socket.send_text(message) if isinstance(message, str) else socket.send_bytes(message))
        await socket.close(*_sendable(upstream.close_code or _GOING_AWAY, upstream.close_reason))


def _sendable(code: int, reason: str | None) -> tuple[int, str]:
    """Return a close code and reason that may be sent to the other side."""
    if code == _NO_CODE:
        return _NORMAL_CLOSURE, ""
    return (code, reason or "") if code in CLOSE_CODES else (_GOING_AWAY, "")

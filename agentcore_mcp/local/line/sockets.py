"""A client's WebSocket, as the operations on WebSockets see it.

Until it is accepted, its exchange can still refuse it with an ordinary HTTP response.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio

if TYPE_CHECKING:
    from starlette.types import Message, Send

    from agentcore_mcp.local.line.exchange import Exchange

# A browser can't set headers; it sends its token as a subprotocol, and the response selects this one.
BEARER_SUBPROTOCOL = "base64UrlBearerAuthorization"
# RFC 6455, 7.4.1, and 4000 as AWS documents it for shells.
NORMAL_CLOSURE = 1000
GOING_AWAY = 1001
UNSUPPORTED_DATA = 1003
MESSAGE_TOO_BIG = 1009
INTERNAL_ERROR = 1011
REPLACED = 4000
# These stand for a missing code, and are never sent (RFC 6455, 7.4.1).
NO_CODE = 1005
_ABNORMAL_CLOSURE = 1006
# A close frame holds 125 bytes, two of them the code.
_REASON_MAX_BYTES = 123
_CLOSE_TIMEOUT_S = 1.0


class SocketClosedError(Exception):
    """The client has closed its WebSocket, or the connection broke; ``code`` says which."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(f"closed with {code}")
        self.code = code
        self.reason = reason


class ClientSocket:
    """A WebSocket to receive from and send to; both wait for a slow client."""

    def __init__(self, exchange: Exchange, subprotocols: list[str]) -> None:
        self.exchange = exchange
        # Without the token, which only the front door reads.
        self.subprotocols = [name for name in subprotocols if not name.startswith(BEARER_SUBPROTOCOL)]
        self._brought_token = BEARER_SUBPROTOCOL in subprotocols
        self._open = False

    async def accept(self, *, subprotocol: str | None = None, headers: list[tuple[str, str]] | None = None) -> None:
        """Complete the handshake.

        Raises:
            SocketClosedError: If the client has left.
        """
        await self.exchange.receive()
        chosen = subprotocol or (BEARER_SUBPROTOCOL if self._brought_token else None)
        self._open = True
        await self._pass({"type": "websocket.accept", "subprotocol": chosen, "headers": headers or []})

    async def receive(self) -> str | bytes:
        """Return the next message.

        Raises:
            SocketClosedError: If the WebSocket is closed.
        """
        message = await self.exchange.receive()
        if message["type"] == "websocket.disconnect":
            # uvicorn sets a reason, possibly empty, only after a close frame; without a frame it invents a code.
            raise self._closed(message["code"] if "reason" in message else _ABNORMAL_CLOSURE, message.get("reason"))
        text: str | None = message.get("text")
        return message["bytes"] if text is None else text

    async def send(self, message: str | bytes) -> None:
        """Send a message.

        Raises:
            SocketClosedError: If the client has gone.
        """
        await self._pass({"type": "websocket.send", "text" if isinstance(message, str) else "bytes": message})

    async def close(self, code: int, reason: str = "") -> None:
        """Close it, if it is open."""
        if self._open:
            self._open = False
            short = reason.encode()[:_REASON_MAX_BYTES].decode(errors="ignore")
            # Don't wait longer for a client that doesn't read; its connection closes at the end of the request.
            with anyio.move_on_after(_CLOSE_TIMEOUT_S):
                await self.exchange.send({"type": "websocket.close", "code": code, "reason": short})

    async def _pass(self, message: Message) -> None:
        try:
            await self.exchange.send(message)
        except OSError:
            raise self._closed(_ABNORMAL_CLOSURE, None) from None

    def _closed(self, code: int, reason: str | None) -> SocketClosedError:
        self._open = False
        self.exchange.note("client_gone" if code == _ABNORMAL_CLOSURE else "complete")
        return SocketClosedError(code, reason or "")


def refusing(send: Send) -> Send:
    """Allow an HTTP response to a WebSocket handshake, with ASGI's extension ``websocket.http.response``."""

    async def send_refusal(message: Message) -> None:
        kind: str = message["type"]
        await send(message if kind.startswith("websocket.") else {**message, "type": f"websocket.{kind}"})

    return send_refusal

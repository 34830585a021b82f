"""A WebSocket to a runtime: connect with the output of ``AgentCoreRuntimeClient``, and exchange text, JSON and bytes.

Uses the ``websockets`` library, as AWS's own examples do: Python's longest-maintained one, with bounded memory,
backpressure and linear time for messages in many frames. httpx2's own WebSockets are new, and need another protocol
library: they copy a message with every frame of it, accept 64 KiB at most by default, and report failures as exception
groups. uvicorn uses ``websockets`` as well, so ``BedrockAgentCoreApp``'s ``@app.websocket`` works wherever this package
is installed.
"""

from __future__ import annotations

import json
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any

import anyio
from websockets.exceptions import ConnectionClosed, ConnectionClosedOK

from agentcore_mcp.errors import InvalidRequestError, ProtocolError, WebSocketClosedError
from agentcore_mcp.runtime.timeouts import OPEN_TIMEOUT_S
from agentcore_mcp.runtime.websocket.handshake import MESSAGE_MAX_BYTES, open_connection
from agentcore_mcp.wire.limits import FRAME_MAX_BYTES

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Iterator, Mapping

    from websockets.asyncio.client import ClientConnection

# The close codes that an endpoint may send (RFC 6455, 7.4), and the maximum length of the reason (5.5).
NORMAL_CLOSURE = 1000
REPLACED = 4000
CLOSE_CODES = frozenset({NORMAL_CLOSURE, 1001, 1003, *range(1007, 1012), *range(3000, 5000)})
_REASON_MAX_BYTES = 123

_NO_CLOSE_FRAME = 1006
_MESSAGE_TOO_BIG = 1009
_MEANINGS = {
    NORMAL_CLOSURE: "the other side has ended the conversation",
    1001: "the other side is going away",
    1003: "the other side doesn't take messages of this kind",
    _NO_CLOSE_FRAME: "the connection broke off",
    1008: "a limit of AgentCore was reached, such as an hour of connection or 250 frames a second",
    _MESSAGE_TOO_BIG: "a message or frame was too big for the other side",
    1011: "the agent failed",
    REPLACED: "another client has connected to this shell",
}


class RuntimeWebSocket:
    """An open WebSocket to a runtime. For one event loop; one task may send while another one receives.

    Iterating yields messages, strings or bytes as they were sent, until the other side ends the conversation.

    Attributes:
        session_id: The session of the connection, "" if unknown.
    """

    def __init__(self, connection: ClientConnection, session_id: str) -> None:
        self._connection = connection
        self.session_id = session_id

    async def send_text(self, text: str) -> None:
        """Send a text message.

        Raises:
            InvalidRequestError: If it has half a surrogate pair, which UTF-8 can't carry.
            WebSocketClosedError: If the connection is closed.
        """
        try:
            data = text.encode()
        except UnicodeEncodeError as error:
            raise InvalidRequestError(f"the text can't be sent: {error.reason} at {error.start}") from error
        await self._send(data, text=True)

    async def send_json(self, value: Any) -> None:
        """Send a value as JSON, in a text message.

        Raises:
            InvalidRequestError: If JSON can't express it.
            WebSocketClosedError: If the connection is closed.
        """
        try:
            text = json.dumps(value)
        except (TypeError, ValueError, RecursionError) as error:
            raise InvalidRequestError(f"the value can't be sent as JSON: {error}") from error
        await self.send_text(text)

    async def send_bytes(self, data: bytes) -> None:
        """Send a binary message.

        Raises:
            WebSocketClosedError: If the connection is closed.
        """
        await self._send(data, text=False)

    async def receive(self) -> str | bytes:
        """Wait for the next message.

        Raises:
            WebSocketClosedError: If the connection is closed; its code says how.
            ProtocolError: If the message has more bytes than are allowed.
        """
        with self._closed_errors():
            return await self._connection.recv()

    async def receive_text(self) -> str:
        """Wait for the next message, a text.

        Raises:
            ProtocolError: If it is binary.
            WebSocketClosedError: If the connection is closed.
        """
        message = await self.receive()
        if isinstance(message, bytes):
            raise ProtocolError(f"{len(message)} bytes arrived where text was expected", session_id=self.session_id)
        return message

    async def receive_json(self) -> Any:
        """Wait for the next message, and return its JSON value.

        Raises:
            ProtocolError: If it is not JSON.
            WebSocketClosedError: If the connection is closed.
        """
        message = await self.receive()
        try:
            return json.loads(message)
        except (ValueError, RecursionError) as error:
            raise ProtocolError("a message arrived that is no JSON", session_id=self.session_id) from error

    async def receive_bytes(self) -> bytes:
        """Wait for the next message, a binary one.

        Raises:
            ProtocolError: If it is a text.
            WebSocketClosedError: If the connection is closed.
        """
        message = await self.receive()
        if isinstance(message, str):
            raise ProtocolError("a text arrived where bytes were expected", session_id=self.session_id)
        return message

    async def close(self, code: int = NORMAL_CLOSURE, reason: str = "") -> None:
        """Close the connection. Leaving the block of ``connect`` does so too.

        Args:
            code: 1000; 1001, 1003 or 1007 to 1011 of RFC 6455; or 3000 to 4999, with a meaning that you and the agent
                have agreed on.
            reason: At most 123 bytes of UTF-8, without line breaks and other unprintable characters.

        Raises:
            InvalidRequestError: If code or reason is not allowed.
        """
        if code not in CLOSE_CODES:
            raise InvalidRequestError(
                f"the close code is {code!r}, 1000, 1001, 1003, 1007 to 1011 and 3000 to 4999 are allowed"
            )
        if not reason.isprintable():
            raise InvalidRequestError("the reason has a line break or another character that is not text")
        size = len(reason.encode())
        if size > _REASON_MAX_BYTES:
            raise InvalidRequestError(f"the reason has {size} bytes, at most {_REASON_MAX_BYTES} are allowed")
        await self._connection.close(code, reason)

    async def __aiter__(self) -> AsyncIterator[str | bytes]:
        try:
            while True:
                yield await self.receive()
        except WebSocketClosedError as error:
            if not isinstance(error.__cause__, ConnectionClosedOK):
                raise

    async def _send(self, data: bytes, *, text: bool) -> None:
        with self._closed_errors():
            # AgentCore closes a connection over a longer frame.
            if len(data) <= FRAME_MAX_BYTES:
                await self._connection.send(data, text=text)
            else:
                starts = range(0, len(data), FRAME_MAX_BYTES)
                await self._connection.send((data[start : start + FRAME_MAX_BYTES] for start in starts), text=text)

    @contextmanager
    def _closed_errors(self) -> Iterator[None]:
        try:
            yield
        except ConnectionClosed as error:
            received = error.rcvd
            if received is None and error.sent is not None and error.sent.code == _MESSAGE_TOO_BIG:
                raise ProtocolError(
                    f"a message has more than the {MESSAGE_MAX_BYTES} bytes that are allowed",
                    session_id=self.session_id,
                ) from error
            code = _NO_CLOSE_FRAME if received is None else received.code
            reason = "" if received is None else received.reason
            said = f" ({reason!r})" if reason else ""
            raise WebSocketClosedError(
                f"the WebSocket is closed, code {code}{said}: {_MEANINGS.get(code, 'its meaning is up to the agent')}",
                code=code,
                reason=reason,
                session_id=self.session_id,
            ) from error


@asynccontextmanager
async def connect(
    url: str, headers: Mapping[str, str] | None = None, *, open_timeout_s: float = OPEN_TIMEOUT_S
) -> AsyncGenerator[RuntimeWebSocket, None]:
    """Connect to a runtime, or to an agent that runs on this machine, and close the connection at the end of the block.

    Args:
        url: ``wss://…``, or ``ws://`` to this machine. A presigned URL needs no headers.
        headers: The headers from ``generate_ws_connection`` or ``generate_ws_connection_oauth``.
        open_timeout_s: For the connection and the response to the upgrade, including a cold start of the agent.

    Raises:
        ConfigurationError: If the URL is neither wss nor on this machine.
        InvalidRequestError: If a header's name or value is not valid, or the timeout is not.
        ConnectError: If no connection could be made.
        ResponseTimeoutError: If the upgrade was not answered in time.
        AgentRuntimeError: If the upgrade was refused.
        TransportError, ProtocolError: If the response broke off, or is not HTTP.
    """
    async with entered(open_connection(url, headers or {}, open_timeout_s)) as websocket:
        yield websocket


@asynccontextmanager
async def entered(opening: Awaitable[tuple[ClientConnection, str]]) -> AsyncGenerator[RuntimeWebSocket, None]:
    """Yield the connection of ``open_connection``, and close it at the end of the block."""
    opened = await opening
    try:
        yield RuntimeWebSocket(*opened)
    finally:
        # Do the closing handshake even if the block was cancelled; it takes a moment, or CLOSE_TIMEOUT_S.
        with anyio.CancelScope(shield=True):
            await opened[0].close()

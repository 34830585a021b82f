"""One request and its response: the ASGI connection as the operations see it.

Work for a request continues after its client disconnects, as in the real service: writes then do nothing, and the
journal records the disconnect.
"""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import anyio

from agentcore_mcp.local.line.refusals import Refusal, at_endpoint, invalid_fields
from agentcore_mcp.wire.headers import JSON_TYPE, REQUEST_ID_HEADER, SESSION_HEADER
from agentcore_mcp.wire.operations import PROXY

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping

    from starlette.types import Message, Receive, Scope, Send

    from agentcore_mcp.local.line.journal import RecordedRequest, State


_SWITCHING_PROTOCOLS = 101


class ClientGoneError(Exception):
    """The client disconnected before it had sent its whole request, so there is nothing to do."""


class Exchange:
    """A request to read and an answer to write.

    Attributes:
        headers: The request's headers, names in lower case.
        method: Its method.
        entry: Its line in the journal, or None for requests that are not operations.
        answered: Whether the answer has begun, or the WebSocket is accepted.
    """

    def __init__(self, scope: Scope, receive: Receive, send: Send, *, request_id: str) -> None:
        self.headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        self.method: str = scope.get("method", "GET")
        self.request_id = request_id
        self.entry: RecordedRequest | None = None
        self.answered = False
        self._own_fields = [(REQUEST_ID_HEADER, request_id)]
        self._receive = receive
        self._send = send
        self._body_read = anyio.Event()
        self._held: bytes | None = None

    def in_session(self, session_id: str, *, agent: str) -> None:
        """Name the session: the answer carries its id, and so does the journal, with the agent's name."""
        self._own_fields.append((SESSION_HEADER, session_id))
        if self.entry is not None:
            self.entry.agent, self.entry.session_id = agent, session_id

    def answer_with(self, name: str, value: str) -> None:
        """Add a header to the response."""
        self._own_fields.append((name, value))

    async def body(self, max_bytes: int, *, field: str) -> AsyncIterator[bytes]:
        """Read the request's body piece by piece.

        Raises:
            Refusal: If it has more than ``max_bytes``; the message calls it ``field``.
            ClientGoneError: If the client leaves before its end.
        """
        too_long = invalid_fields((field, f"Member must have length less than or equal to {max_bytes}"))
        announced = self.headers.get("content-length", "0")
        total = int(announced) if announced.isdecimal() else 0
        if max(total, len(self._held or b"")) > max_bytes:
            raise too_long
        if self._held is not None:
            yield self._held
        total = 0
        while not self._body_read.is_set():
            message = await self.receive()
            if message["type"] == "http.disconnect":
                raise ClientGoneError
            total += len(message["body"])
            if total > max_bytes:
                raise too_long
            if not message.get("more_body"):
                self._body_read.set()
            yield message["body"]

    async def read(self, max_bytes: int, *, field: str) -> bytes:
        """Read the whole body; raises what `body` raises."""
        return b"".join([piece async for piece in self.body(max_bytes, field=field)])

    async def hold(self, max_bytes: int, *, field: str) -> bytes:
        """Read the whole body and keep it for the operation to read again; raises what `body` raises."""
        self._held = await self.read(max_bytes, field=field)
        return self._held

    def replace(self, body: bytes, headers: Mapping[str, str]) -> None:
        """Replace the held body, and the headers of the given names."""
        self._held = body
        self.headers |= {**headers, "content-length": str(len(body))}

    async def watch(self, on_leave: Callable[[], None]) -> None:
        """Call ``on_leave`` if the client disconnects early. Runs beside the work, until cancelled."""
        await self._body_read.wait()
        while (await self.receive())["type"] != "http.disconnect":
            pass
        on_leave()

    async def receive(self) -> Message:
        """Return the client's next ASGI message, and record a disconnect in the journal."""
        message = await self._receive()
        if message["type"] == "http.disconnect":
            self.note("client_gone")
        return message

    async def send(self, message: Message) -> None:
        """Send an ASGI message to the client, with the headers common to all responses; record it in the journal."""
        if "headers" in message:
            self.answered = True
            fields = [*message["headers"], *self._own_fields]
            message = {
                **message,
                "headers": [(name.lower().encode(), value.encode("latin-1")) for name, value in fields],
            }
            if self.entry is not None:
                self.entry.status = message.get("status", _SWITCHING_PROTOCOLS)
        elif message["type"] == "websocket.close" or message.get("more_body") is False:
            # Recorded first: `watch` gets the disconnect as soon as this is sent.
            self.note("complete")
        await self._send(message)

    def wrap_send(self, wrap: Callable[[Send], Send]) -> None:
        """Wrap the ASGI ``send`` of the response."""
        self._send = wrap(self._send)

    async def start(self, status: int, headers: list[tuple[str, str]]) -> None:
        """Send the head of the answer."""
        await self.send({"type": "http.response.start", "status": status, "headers": headers})

    async def write(self, data: bytes) -> None:
        """Send a piece of the body; waits for slow clients."""
        await self.send({"type": "http.response.body", "body": data, "more_body": True})

    async def finish(self, data: bytes = b"") -> None:
        """Send the last piece of the body. Unless this is called, the client sees the response break off."""
        await self.send({"type": "http.response.body", "body": data, "more_body": False})

    async def answer_json(self, status: int, value: Any, headers: list[tuple[str, str]] | None = None) -> None:
        """Send a whole JSON answer."""
        body = json.dumps(value).encode()
        await self.start(status, [("content-type", JSON_TYPE), ("content-length", str(len(body))), *(headers or [])])
        await self.finish(body)

    async def refuse(self, refusal: Refusal) -> None:
        """Send an error response, unless a response has begun; that one breaks off."""
        if self.answered:
            return
        if self.entry is not None and self.entry.operation == PROXY.name:
            await self.start(*at_endpoint(refusal))
            await self.finish()
        else:
            await self.answer_json(refusal.status, refusal.body(), refusal.headers())

    def note(self, state: State) -> None:
        """Record in the journal how the response ended, where only the first state counts, and when the work ended."""
        if self.entry is None:
            return
        if self.entry.state == "open":
            self.entry.state = state
        if state != "client_gone":
            self.entry.ended_at = time.time()

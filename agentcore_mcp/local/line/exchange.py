"""One request and its answer: the ASGI connection as the operations see it.

The work for a request goes on when its client leaves, as in the real service: writing then does nothing, and the
journal notes that the client has gone.
"""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import anyio

from agentcore_mcp.local.line.refusals import Refusal, invalid_field
from agentcore_mcp.wire.headers import JSON_TYPE, REQUEST_ID_HEADER, SESSION_HEADER

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from starlette.types import Receive, Scope, Send

    from agentcore_mcp.local.line.journal import RecordedRequest, State


class ClientGoneError(Exception):
    """The client left before it had sent its whole request, so there is nothing to do."""


class Exchange:
    """A request to read and an answer to write.

    Attributes:
        headers: The request's headers, names in lower case.
        entry: Its line in the journal, or None for requests that are not operations.
    """

    def __init__(self, scope: Scope, receive: Receive, send: Send, *, request_id: str) -> None:
        self.headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        self.request_id = request_id
        self.entry: RecordedRequest | None = None
        self._session_id: str | None = None
        self.started = False
        self._receive = receive
        self._send = send
        self._body_read = anyio.Event()
        self._held: bytes | None = None
        self._complete = False

    def in_session(self, session_id: str, *, agent: str) -> None:
        """Name the session: the answer carries its id, and so does the journal, with the agent's name."""
        self._session_id = session_id
        if self.entry is not None:
            self.entry.agent, self.entry.session_id = agent, session_id

    async def body(self, max_bytes: int, *, field: str) -> AsyncIterator[bytes]:
        """Read the request's body piece by piece.

        Raises:
            Refusal: If it has more than ``max_bytes``; ``field`` names it then.
            ClientGoneError: If the client leaves before its end.
        """
        announced = self.headers.get("content-length", "0")
        total = int(announced) if announced.isdecimal() else 0
        if total > max_bytes:
            raise invalid_field(field, f"Member must have length less than or equal to {max_bytes}")
        if self._held is not None:
            if len(self._held) > max_bytes:
                raise invalid_field(field, f"Member must have length less than or equal to {max_bytes}")
            yield self._held
            return
        total = 0
        while not self._body_read.is_set():
            message = await self._receive()
            if message["type"] == "http.disconnect":
                self.note_client_gone()
                raise ClientGoneError
            total += len(message["body"])
            if total > max_bytes:
                raise invalid_field(field, f"Member must have length less than or equal to {max_bytes}")
            if not message.get("more_body"):
                self._body_read.set()
            yield message["body"]

    async def read(self, max_bytes: int, *, field: str) -> bytes:
        """Read the whole body; raises what `body` raises."""
        return b"".join([piece async for piece in self.body(max_bytes, field=field)])

    async def hold(self, max_bytes: int, *, field: str) -> bytes:
        """Read the whole body ahead of the operation, which can read it once more; raises what `body` raises."""
        self._held = await self.read(max_bytes, field=field)
        return self._held

    def wrap_send(self, wrap: Callable[[Send], Send]) -> None:
        """Put something between the answer and the line."""
        self._send = wrap(self._send)

    async def watch(self) -> None:
        """Note it in the journal when the client leaves early. Runs beside the work, until it is cancelled."""
        await self._body_read.wait()
        while (await self._receive())["type"] != "http.disconnect":
            pass
        if not self._complete:
            self.note_client_gone()

    async def start(self, status: int, headers: list[tuple[str, str]]) -> None:
        """Send the head of the answer."""
        self.started = True
        if self.entry is not None:
            self.entry.status = status
        await self._send({"type": "http.response.start", "status": status, "headers": self.fields(headers)})

    def fields(self, headers: list[tuple[str, str]]) -> list[tuple[bytes, bytes]]:
        """Return the headers of the answer as ASGI has them, with those that every answer carries."""
        own = [(REQUEST_ID_HEADER, self.request_id)]
        if self._session_id is not None:
            own.append((SESSION_HEADER, self._session_id))
        return [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in [*headers, *own]]

    async def write(self, data: bytes) -> None:
        """Send a piece of the body; waits while the client is slower than we are."""
        await self._send({"type": "http.response.body", "body": data, "more_body": True})

    async def finish(self, data: bytes = b"") -> None:
        """Send the last piece of the body."""
        # Set first: the server tells `watch` that the connection is over as soon as this is sent.
        self._complete = True
        await self._send({"type": "http.response.body", "body": data, "more_body": False})
        self.note_end("complete")

    def cut(self) -> None:
        """Let the answer break off: the caller returns without `finish`, and the server closes the connection."""
        self.note_end("failed")

    async def answer_json(self, status: int, value: Any, headers: list[tuple[str, str]] | None = None) -> None:
        """Send a whole JSON answer."""
        await self._answer(status, json.dumps(value).encode(), headers or [])

    async def refuse(self, refusal: Refusal) -> None:
        """Send an error answer, or break off the answer that has begun."""
        if self.started:
            self.cut()
        else:
            await self._answer(refusal.status, refusal.body(), refusal.headers())

    def close(self) -> None:
        """Note the end of the work, if nothing else has; the answer broke off then."""
        if self.entry is not None and self.entry.ended_at is None:
            self.cut()

    def note_client_gone(self) -> None:
        """Note in the journal that the client closed the connection early."""
        if self.entry is not None and self.entry.state == "open":
            self.entry.state = "client_gone"

    def note_end(self, state: State) -> None:
        """Note in the journal that the work is over; only the first state counts."""
        if self.entry is not None:
            self.entry.ended_at = time.time()
            if self.entry.state == "open":
                self.entry.state = state

    async def _answer(self, status: int, body: bytes, headers: list[tuple[str, str]]) -> None:
        headers = [("content-type", JSON_TYPE), ("content-length", str(len(body))), *headers]
        await self.start(status, headers)
        await self.finish(body)

"""A minimal MCP client: one HTTP/1.1 connection, either protocol version, no checks.

The SDK's client takes more processor time per message than the server. With a thousand of them on the same machine, the
benchmark would measure the client.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

VERSIONS = ("2025-11-25", "2026-07-28")
# Not a known host, so the server hands no call over before the configured time.
_INFO = {"name": "benchmark", "version": "0"}
# Larger than any answer here.
_LINE_MAX_BYTES = 8 << 20


@dataclass(frozen=True, slots=True)
class Answer:
    """The head of an answer."""

    status: int
    headers: dict[str, str]


@dataclass(slots=True)
class Host:
    """A client with one connection.

    Attributes:
        url: The server's URL.
        version: The protocol version.
        token: The access token.
        session: The session id in 2025-11-25, which only cancellations need.
        progress: Whether calls have a progress token.
    """

    url: str
    version: str = VERSIONS[0]
    token: str = ""
    session: str = ""
    progress: bool = True
    reader: asyncio.StreamReader = field(init=False)
    writer: asyncio.StreamWriter = field(init=False)
    last_id: int = field(init=False, default=0)
    _answer: Answer = field(init=False)

    async def __aenter__(self) -> Self:
        url = urlsplit(self.url)
        self.reader, self.writer = await asyncio.open_connection(url.hostname, url.port, limit=_LINE_MAX_BYTES)
        return self

    async def __aexit__(self, *_: object) -> None:
        # Also in the middle of an answer: no need to be polite.
        self.writer.transport.abort()

    def head(self, length: int, *more: str) -> bytes:
        """Return the head of a POST with ``length`` bytes of body and more header lines."""
        url = urlsplit(self.url)
        lines = [
            f"POST {url.path} HTTP/1.1",
            f"Host: {url.netloc}",
            "Accept: application/json, text/event-stream",
            "Content-Type: application/json",
            f"Content-Length: {length}",
            # The first request of 2025-11-25 has none.
            *([f"MCP-Protocol-Version: {self.version}"] if "Mcp-Method: initialize" not in more else []),
            *([f"Authorization: Bearer {self.token}"] if self.token else []),
            *([f"Mcp-Session-Id: {self.session}"] if self.session else []),
            *more,
        ]
        return "".join(f"{line}\r\n" for line in (*lines, "")).encode()

    async def send(self, method: str, params: dict[str, Any], *, request: bool = True) -> Answer:
        """Send a message, a request or a notification, and return the head of the answer."""
        meta: dict[str, Any] = {}
        if self.version != VERSIONS[0]:
            meta = {
                "io.modelcontextprotocol/protocolVersion": self.version,
                "io.modelcontextprotocol/clientInfo": _INFO,
                "io.modelcontextprotocol/clientCapabilities": {},
            }
        message: dict[str, Any] = {"jsonrpc": "2.0", "method": method}
        if request:
            self.last_id += 1
            message["id"] = self.last_id
            if self.progress and method == "tools/call":
                meta["progressToken"] = self.last_id
        message["params"] = {**params, **({"_meta": meta} if meta else {})}
        name = [f"Mcp-Name: {params['name']}"] if "name" in params else []
        body = json.dumps(message).encode()
        self.writer.write(self.head(len(body), f"Mcp-Method: {method}", *name) + body)
        return await self.answered()

    async def answered(self) -> Answer:
        """Return the head of the next answer."""
        status, *lines = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1").rstrip().split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        self._answer = Answer(int(status.split(" ")[1]), headers)
        return self._answer

    async def open(self) -> None:
        """Get a session id, as a client of 2025-11-25 does before all else."""
        info = {"protocolVersion": self.version, "clientInfo": _INFO, "capabilities": {}}
        answer = await self.send("initialize", info)
        async for _ in self.messages():
            pass
        self.session = answer.headers["mcp-session-id"]

    async def call(self, tool: str, **arguments: Any) -> Answer:
        """Call a tool."""
        return await self.send("tools/call", {"name": tool, "arguments": arguments})

    async def messages(self) -> AsyncIterator[dict[str, Any]]:
        """Read an answer to its end: an event stream, or a single JSON message."""
        if "text/event-stream" not in self._answer.headers.get("content-type", ""):
            body = b"".join([data async for data in self._body()])
            if body and "json" in self._answer.headers.get("content-type", ""):
                yield json.loads(body)
            return
        rest = b""
        async for data in self._body():
            *events, rest = (rest + data).split(b"\r\n\r\n")
            for event in events:
                for line in event.split(b"\r\n"):
                    if line.startswith(b"data: {"):
                        yield json.loads(line[6:])

    async def _body(self) -> AsyncIterator[bytes]:
        headers = self._answer.headers
        if headers.get("transfer-encoding") == "chunked":
            while size := int(await self.reader.readuntil(b"\r\n"), 16):
                yield (await self.reader.readexactly(size + 2))[:-2]
            await self.reader.readexactly(2)
        elif length := int(headers.get("content-length", 0)):
            yield await self.reader.readexactly(length)

"""A loopback HTTP server that a test scripts byte by byte: it records requests, sends what it is told, cuts, stalls.

Not a framework: what goes out is exactly what the script sends, so a test can be as wrong on the wire as it needs.
"""

from __future__ import annotations

import asyncio
import re
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.support.waiting import WAIT_S

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator, Awaitable, Callable

# No wait here is longer: on a machine that is busy with everything else too.

LAST_CHUNK = b"0\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Recorded:
    """A request as it came in; header names are in lower case."""

    method: str
    target: str
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def header(self, name: str) -> str | None:
        found = [value for key, value in self.headers if key == name.lower()]
        assert len(found) < 2, f"{name} was sent {len(found)} times"
        return found[0] if found else None


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request on its connection, for the script to answer."""

    request: Recorded
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def peer_closed(self) -> None:
        """Return when the client has closed the connection, fail if it does not."""
        async with asyncio.timeout(WAIT_S):
            try:
                data = await self.reader.read()
            except ConnectionError:
                return
        assert data == b"", f"the client sent more: {data[:100]!r}"


@dataclass(slots=True)
class LoopbackServer:
    endpoint_url: str
    requests: list[Recorded] = field(default_factory=list)


@asynccontextmanager
async def loopback_server(
    answer: Callable[[Exchange], Awaitable[None]], *, keep_alive: bool = False, tls: ssl.SSLContext | None = None
) -> AsyncIterator[LoopbackServer]:
    """Answer each request with the script, then close its connection. A script that fails fails the test.

    With ``keep_alive`` a connection is open until the client or the script closes it.
    """
    failures: list[BaseException] = []
    connections: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while (request := await _read_request(reader)) is not None:
                server.requests.append(request)
                await answer(Exchange(request, reader, writer))
                if not keep_alive or writer.is_closing():
                    break
        except ConnectionError:
            pass  # the client left; a script that cares asks peer_closed()
        finally:
            writer.close()

    def on_connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(serve(reader, writer))
        connections.add(task)
        task.add_done_callback(on_end)

    def on_end(task: asyncio.Task[None]) -> None:
        connections.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            failures.append(error)

    listening = await asyncio.start_server(on_connection, "127.0.0.1", 0, ssl=tls)
    scheme = "http" if tls is None else "https"
    server = LoopbackServer(f"{scheme}://127.0.0.1:{listening.sockets[0].getsockname()[1]}")
    try:
        yield server
    finally:
        listening.close()
        for task in list(connections):
            task.cancel()
        await asyncio.gather(*connections, return_exceptions=True)
        await listening.wait_closed()
    if failures:
        raise failures[0]


def reply(status: str = "200 OK", body: bytes = b"", **headers: str) -> bytes:
    """Return a whole answer; keyword ``content_type`` is the header Content-Type."""
    return head(status, content_length=str(len(body)), **headers) + body


def head(status: str = "200 OK", **headers: str) -> bytes:
    """Return the head of an answer alone."""
    lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    return f"HTTP/1.1 {status}\r\n{lines}\r\n".encode("latin-1")


def chunked(content_type: str) -> bytes:
    """Return the head of an answer that follows in ``chunk``s, up to ``LAST_CHUNK``."""
    return head(content_type=content_type, transfer_encoding="chunked")


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


async def _read_request(reader: asyncio.StreamReader) -> Recorded | None:
    try:
        start = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    except asyncio.IncompleteReadError:
        return None
    request_line, *lines = start.removesuffix("\r\n\r\n").split("\r\n")
    method, target, _ = request_line.split(" ")
    headers = tuple((name.lower(), value.strip()) for name, _, value in (line.partition(":") for line in lines))
    length = re.search(r"^content-length: *(\d+)", start, re.IGNORECASE | re.MULTILINE)
    return Recorded(method, target, headers, await reader.readexactly(int(length[1]) if length else 0))

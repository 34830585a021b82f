"""The agent of these benchmarks: it streams pieces with the call's name, their number and the time of sending.

Like ``far_side.py`` it is no AgentCore, but it counts open streams, and sessions that were opened and not stopped.
A request's body is JSON. ``{"talk": name, "pieces": n, "every_s": s}`` makes n pieces, the first at once; with
``"padding"`` each has as many characters more. ``{"count": true}`` is answered with those counts.
"""

from __future__ import annotations

import asyncio
import json
import re
import time
from contextlib import suppress
from typing import Any

from benchmarks.far_side import chunk, encode_sse, run

# A piece in any text.
PIECE = re.compile(r"([\w.-]+)#(\d+)@(\d+);")
_SESSION = re.compile(rb"x-amzn-bedrock-agentcore-runtime-session-id: *([^\r]*)")

_open = {"streams": 0}
_sessions: set[bytes] = set()


def encode_piece(name: str, number: int, padding: str = "") -> bytes:
    """Return a piece as an agent of Strands sends it. All processes of a machine share the monotonic clock."""
    text = f"{name}#{number}@{time.monotonic_ns()};{padding}"
    return chunk(encode_sse(json.dumps({"event": {"contentBlockDelta": {"delta": {"text": text}}}})))


async def _talk(writer: asyncio.StreamWriter, wish: dict[str, Any]) -> None:
    padding = "~" * wish.get("padding", 0)
    _open["streams"] += 1
    try:
        for number in range(wish["pieces"]):
            if number:
                await asyncio.sleep(wish["every_s"])
            writer.write(encode_piece(wish["talk"], number, padding))
            await writer.drain()
    finally:
        _open["streams"] -= 1


def _answer(writer: asyncio.StreamWriter, **members: Any) -> None:
    body = json.dumps(members).encode()
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    writer.write(head.encode() + body)


async def _serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError, asyncio.IncompleteReadError):
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            length = re.search(rb"content-length: *(\d+)", head)
            body = await reader.readexactly(int(length[1]) if length else 0)
            session = _SESSION.search(head)
            if b"/stopruntimesession" in head.split(b"\r\n", 1)[0]:
                _sessions.discard(session[1] if session else b"")
                _answer(writer)
                continue
            wish = json.loads(body)
            wish = json.loads(wish["command"]) if "command" in wish else wish
            if "count" in wish:
                _answer(writer, sessions=len(_sessions), **_open)
                continue
            if session:
                _sessions.add(session[1])
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
            await _talk(writer, wish)
            writer.write(chunk(b""))
    writer.close()


if __name__ == "__main__":
    asyncio.run(run(_serve))

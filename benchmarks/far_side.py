"""The other side of every benchmark: a loopback server in a process of its own, which sends what it is asked for.

It is no AgentCore: it checks nothing and knows only as much of HTTP as the clients here speak. What it sends is made
before it is sent, in large blocks, so that the time taken is the client's. A call's body is JSON and says what to
send: see ``answer_to``. Commands carry that JSON as the text of the command.
"""

from __future__ import annotations

import asyncio
import json
import os
import resource
import subprocess
import sys
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from agentcore_mcp.wire.eventstream import ContentDelta, ContentStart, ContentStop, encode_command_event
from benchmarks.app import EVENT

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

ARN = "arn:aws:bedrock-agentcore:us-west-2:123456789012:runtime/benchmark-AbCdEfGhIj"
SESSION_ID = "benchmark-" + "0" * 30

# An event of 92 bytes with what the format puts around it.
EVENT_TEXT = json.dumps(EVENT)


def encode_sse(data: str) -> bytes:
    """Return an event as an agent sends it."""
    return f"data: {data}\n\n".encode()


HEAD = "HTTP/1.1 200 OK\r\nContent-Type: {}\r\nTransfer-Encoding: chunked\r\n\r\n"

# Nothing smaller is handed to the kernel: then sending takes a small part of the time that receiving does.
_BLOCK_BYTES = 1 << 20


@contextmanager
def far_side(*program: str) -> Iterator[str]:
    """Run the server, or another program that calls ``run``, in another process, and give its URL."""
    command = [sys.executable, *(program or ("-m", "benchmarks.far_side"))]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.stdin.close()


def allow_many_connections() -> None:
    """Let this process have as many files open as the system allows at all."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


@dataclass(frozen=True, slots=True)
class Answer:
    """What is sent: a beginning, a block as often as told, and the end, unless the stream stays open."""

    media_type: str
    begin: bytes = b""
    block: bytes = b""
    times: int = 0
    every_s: float = 0.0
    end: bytes = b""
    silent_s: float = 0.0


def answer_to(wish: dict[str, Any]) -> Answer:
    """Return the answer to a call.

    ``{"events": n, "per_chunk": m}`` is a stream of events, m of them in each chunk of the transfer encoding; with
    ``"every_s"`` there are so many seconds between the chunks;
    ``{"frames": n, "frame_bytes": m}`` the output of a command in frames of m bytes of text;
    ``{"silent_s": s}`` one event after so many seconds without a byte, not even of the head;
    ``{"idle": true}`` a stream that says one word and stays open.
    """
    one = chunk(encode_sse(EVENT_TEXT))
    if "events" in wish:
        together = chunk(encode_sse(EVENT_TEXT) * wish["per_chunk"])
        every_s = wish.get("every_s", 0.0)
        times = wish["events"] // wish["per_chunk"]
        block, times = (together, times) if every_s else _blocks(together, times)
        return Answer("text/event-stream", block=block, times=times, every_s=every_s, end=chunk(b""))
    if "frames" in wish:
        # Eight frames in a chunk: a frame is 8 KiB, and much larger pieces are rarely seen on a network.
        together = min(8, wish["frames"])
        frame = encode_command_event(ContentDelta(stdout=_output(wish["frame_bytes"])))
        block, times = _blocks(chunk(frame * together), wish["frames"] // together)
        start = chunk(encode_command_event(ContentStart()))
        stop = chunk(encode_command_event(ContentStop(0, "COMPLETED")))
        return Answer("application/vnd.amazon.eventstream", start, block, times, end=stop + chunk(b""))
    if "silent_s" in wish:
        return Answer("text/event-stream", one, end=chunk(b""), silent_s=wish["silent_s"])
    return Answer("text/event-stream", one)


def _output(size: int) -> str:
    """Return lines as a build prints them, with as few characters to escape as those have."""
    line = "[ 42%] Building CXX object src/CMakeFiles/core.dir/reader.cpp.o (of 1,234)\n"
    return (line * (size // len(line) + 1))[:size]


def _blocks(piece: bytes, times: int) -> tuple[bytes, int]:
    """Return the largest block of whole pieces that is sent at once, and how often it makes up all of them."""
    together = next(n for n in range(max(1, _BLOCK_BYTES // len(piece)), 0, -1) if times % n == 0)
    return piece * together, times // together


def chunk(data: bytes) -> bytes:
    """Return a chunk of HTTP's chunked transfer encoding; an empty one is the last."""
    return b"%x\r\n%b\r\n" % (len(data), data)


async def _serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError, asyncio.IncompleteReadError):
        while True:
            wish = await read_wish(reader)
            answer = answer_to(wish)
            await asyncio.sleep(answer.silent_s)
            writer.write(HEAD.format(answer.media_type).encode() + answer.begin)
            for number in range(answer.times):
                if number:
                    await asyncio.sleep(answer.every_s)
                writer.write(answer.block)
                await writer.drain()
            writer.write(answer.end)
            await writer.drain()
    writer.close()


async def read_wish(reader: asyncio.StreamReader) -> dict[str, Any]:
    """Read a request and return what it asks for."""
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    length = int(head.partition(b"content-length:")[2].split(b"\r\n")[0])
    wish: dict[str, Any] = json.loads(await reader.readexactly(length))
    return json.loads(wish["command"]) if "command" in wish else wish


async def run(serve: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]) -> None:
    """Serve on a free port, tell its URL on standard output, and end with standard input."""
    allow_many_connections()
    server = await asyncio.start_server(serve, "127.0.0.1", 0, backlog=1024)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await asyncio.to_thread(sys.stdin.read)  # closed when the benchmark ends, however it ends
    os._exit(0)  # asyncio would log each connection that is still open


if __name__ == "__main__":
    asyncio.run(run(_serve))

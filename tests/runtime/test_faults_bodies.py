"""Every status with every kind of body, compressed and not; and answers without an end, or larger than they look."""

from __future__ import annotations

import asyncio
import gzip
import json
import struct
import tracemalloc
import zlib
from contextlib import aclosing
from typing import TYPE_CHECKING

import pytest

from agentcore_mcp.errors import (
    AgentCoreError,
    AgentError,
    AgentRuntimeError,
    ProtocolError,
    ServiceError,
    StreamInterruptedError,
    TransportError,
)
from agentcore_mcp.wire.eventstream import ContentStart, ContentStop, encode_command_event
from tests.support.clients import SESSION_ID
from tests.support.sdk import TOKEN, Async, Blocking, Manner, sdk_of
from tests.support.servers import LAST_CHUNK, Exchange, chunk, chunked, head, reply
from tests.support.waiting import WAIT_S

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from agentcore_mcp.runtime.sdk.client import AgentCoreRuntimeClient

    Make = Callable[[AgentCoreRuntimeClient], Manner]

EVENT_STREAM = "application/vnd.amazon.eventstream"
MIB = 1024 * 1024


@pytest.fixture(params=[Blocking, Async])
def manner(request: pytest.FixtureRequest) -> Make:
    make: Make = request.param
    return make


async def outcome(client: Manner, operation: str) -> list[str] | AgentCoreError:
    pieces: list[str] = []
    try:
        async with asyncio.timeout(WAIT_S):
            match operation:
                case "invoke":
                    pieces = [piece async for piece in client.invoke_streaming({}, session_id=SESSION_ID)]
                case "command":
                    pieces = [str(event) async for event in client.execute_command_streaming(session_id=SESSION_ID)]
                case "stop":
                    await client.stop_runtime_session(session_id=SESSION_ID)
    except AgentCoreError as error:
        return error
    return pieces


# Every status with every kind of body.

WORDS = "no such thing"
BODIES: dict[str, tuple[bytes, dict[str, str]]] = {
    "json": (json.dumps({"message": WORDS}).encode(), {"content_type": "application/json"}),
    "json-rpc": (
        json.dumps({"jsonrpc": "2.0", "error": {"code": -1, "message": WORDS}}).encode(),
        {"content_type": "application/json"},
    ),
    "html": (f"<html><h1>{WORDS}</h1></html>".encode(), {"content_type": "text/html"}),
    "an agent's html": (
        f"<html><h1>{WORDS}</h1></html>".encode(),
        {"content_type": "text/html", "x_amzn_requestid": "r-1"},
    ),
    "sse": (f"data: {WORDS}\n\n".encode(), {"content_type": "text/event-stream"}),
    "gzip": (
        gzip.compress(json.dumps({"message": WORDS}).encode()),
        {"content_type": "application/json", "content_encoding": "gzip"},
    ),
    "cut gzip": (
        gzip.compress(WORDS.encode())[:-9],
        {"content_type": "application/json", "content_encoding": "gzip"},
    ),
    "no gzip": (WORDS.encode(), {"content_encoding": "gzip"}),
    "rot13": (WORDS.encode(), {"content_encoding": "rot13"}),
    "event stream": (encode_command_event(ContentStart()), {"content_type": EVENT_STREAM}),
    "no type": (WORDS.encode(), {}),
    "empty": (b"", {}),
}
# A refusal is told as well as it can be read.
TOLD = {"json", "json-rpc", "html", "an agent's html", "sse", "gzip", "cut gzip", "rot13", "no type"}
REFUSALS = [
    300,
    302,
    304,
    400,
    401,
    402,
    403,
    404,
    407,
    408,
    409,
    418,
    424,
    429,
    451,
    500,
    501,
    502,
    503,
    504,
    599,
    999,
]


@pytest.mark.parametrize("operation", ["invoke", "command", "stop"])
async def test_every_refusal_is_told_with_its_status_whatever_its_body(manner: Make, operation: str) -> None:
    # Every status with every kind for one operation; for the others each with some.
    cases = [
        (status, kind)
        for row, status in enumerate(REFUSALS)
        for column, kind in enumerate(BODIES)
        if (kind == "empty" if status == 304 else operation == "invoke" or (row + column) % 4 == 0)
    ]
    answers = iter(reply(f"{status} S", BODIES[kind][0], **BODIES[kind][1]) for status, kind in cases)

    async def script(exchange: Exchange) -> None:
        await exchange.send(next(answers))

    async with sdk_of(manner, script) as (client, server):
        for status, kind in cases:
            error = await outcome(client, operation)

            assert isinstance(error, AgentRuntimeError), (status, kind, error)
            assert isinstance(error, AgentError if status == 424 else ServiceError), (status, kind)
            assert (error.status, error.session_id) == (status, SESSION_ID)
            assert (WORDS in str(error)) == (kind in TOLD), (status, kind, error)
            assert TOKEN not in str(error)

    assert len(server.requests) == len(cases)


SUCCESSES: dict[str, list[str] | type[AgentCoreError]] = {
    "json": [json.dumps({"message": WORDS})],
    "json-rpc": [json.dumps({"jsonrpc": "2.0", "error": {"code": -1, "message": WORDS}})],
    "html": ProtocolError,
    "an agent's html": [f"<html><h1>{WORDS}</h1></html>"],
    "sse": [WORDS],
    "gzip": [json.dumps({"message": WORDS})],
    "cut gzip": StreamInterruptedError,
    "no gzip": ProtocolError,
    "rot13": ProtocolError,
    "no type": [WORDS],
    "empty": [],
}


@pytest.mark.parametrize("status", [200, 201, 202, 203, 206, 299])
@pytest.mark.parametrize("kind", SUCCESSES)
async def test_every_success_is_delivered_or_told(manner: Make, status: int, kind: str) -> None:
    async def script(exchange: Exchange) -> None:
        await exchange.send(reply(f"{status} S", BODIES[kind][0], **BODIES[kind][1]))

    async with sdk_of(manner, script) as (client, _):
        answer = await outcome(client, "invoke")

    expected = SUCCESSES[kind]
    assert answer == expected if isinstance(expected, list) else type(answer) is expected


@pytest.mark.parametrize("kind", [kind for kind in BODIES if kind != "event stream"])
async def test_a_command_has_events_or_is_an_error(manner: Make, kind: str) -> None:
    async def script(exchange: Exchange) -> None:
        await exchange.send(reply(body=BODIES[kind][0], **BODIES[kind][1]))

    async with sdk_of(manner, script) as (client, _):
        error = await outcome(client, "command")

    assert type(error) is ProtocolError
    assert error.session_id == SESSION_ID


async def test_a_compressed_command_is_read(manner: Make) -> None:
    body = encode_command_event(ContentStart()) + encode_command_event(ContentStop(0, "COMPLETED"))

    async def script(exchange: Exchange) -> None:
        await exchange.send(reply(body=gzip.compress(body), content_type=EVENT_STREAM, content_encoding="gzip"))

    async with sdk_of(manner, script) as (client, _):
        assert await outcome(client, "command") == [
            "{'contentStart': {}}",
            "{'contentStop': {'exitCode': 0, 'status': 'COMPLETED'}}",
        ]


# Answers without an end.


def forever(data: bytes) -> Iterator[bytes]:
    while True:
        yield data


LENGTHS = struct.pack("!II", 2**31, 0)
PRELUDE_OF_2_GIB = LENGTHS + struct.pack("!I", zlib.crc32(LENGTHS))

LONG_LINE = b"data: " + b"x" * 990 + b"\n"

ENDLESS: dict[str, tuple[str, bytes, bytes, type[AgentCoreError]]] = {
    "header lines": ("invoke", b"HTTP/1.1 200 OK\r\n", b"X-A: " + b"x" * 1000 + b"\r\n", TransportError),
    "one header": ("invoke", b"HTTP/1.1 200 OK\r\nX-A: ", b"x" * 1000, TransportError),
    "one status": ("invoke", b"HTTP/1.1 200 ", b"O" * 1000, TransportError),
    "no status": ("invoke", b"", b"\0" * 1000, TransportError),
    "trailers": (
        "invoke",
        chunked("text/event-stream") + chunk(b"data: 1\n\n") + b"0\r\n",
        b"X-A: x\r\n" * 100,
        StreamInterruptedError,
    ),
    "one chunk extension": ("invoke", chunked("text/plain") + b"1;", b"x" * 1000, StreamInterruptedError),
    "one event": (
        "invoke",
        head(content_type="text/event-stream"),
        (b"data: " + b"x" * 990 + b"\n") * 100,
        ProtocolError,
    ),
    "one line": ("invoke", head(content_type="text/event-stream") + b"data: ", b"x" * 100_000, ProtocolError),
    "one comment": ("invoke", head(content_type="text/event-stream") + b": ", b"x" * 100_000, ProtocolError),
    "one field": ("invoke", head(content_type="text/event-stream"), b"x" * 100_000, ProtocolError),
    "text": ("invoke", head(content_type="text/plain"), b"x" * 1_000_000, ProtocolError),
    "a refusal": ("invoke", head("503 Oh", content_type="text/html"), b"x" * 100_000, ServiceError),
    "a redirect": ("invoke", head("307 Oh", location="/x"), b"x" * 100_000, ServiceError),
    "a stop": ("stop", head("400 Oh"), b"x" * 100_000, ServiceError),
    "no frames": ("command", head(content_type=EVENT_STREAM), b"\0" * 100_000, ProtocolError),
    "one frame": (
        "command",
        head(content_type=EVENT_STREAM) + PRELUDE_OF_2_GIB,
        b"\0" * 100_000,
        ProtocolError,
    ),
    "no command": ("command", head(content_type="text/html"), b"x" * 100_000, ProtocolError),
}


@pytest.mark.parametrize("name", ENDLESS)
async def test_an_answer_without_an_end_is_left(manner: Make, name: str) -> None:
    """The server sees its connection closed, and is not read any further."""
    operation, start, more, expected = ENDLESS[name]
    left = asyncio.Event()

    async def script(exchange: Exchange) -> None:
        try:
            await exchange.send(start)
            for data in forever(more):
                await exchange.send(data)
        except ConnectionError:
            left.set()

    async with sdk_of(manner, script) as (client, server):
        error = await outcome(client, operation)
        async with asyncio.timeout(WAIT_S):
            await left.wait()

    assert type(error) is expected
    assert len(server.requests) == 1
    assert len(str(error)) < 1000


async def test_what_follows_the_exit_code_of_a_command_is_not_waited_for(manner: Make) -> None:
    left = asyncio.Event()

    async def script(exchange: Exchange) -> None:
        await exchange.send(head(content_type=EVENT_STREAM) + encode_command_event(ContentStop(0, "COMPLETED")))
        try:
            for data in forever(b"\0" * 100_000):
                await exchange.send(data)
        except ConnectionError:
            left.set()

    async with sdk_of(manner, script) as (client, _):
        assert await outcome(client, "command") == ["{'contentStop': {'exitCode': 0, 'status': 'COMPLETED'}}"]
        async with asyncio.timeout(WAIT_S):
            await left.wait()


async def test_informational_answers_before_the_head_are_none(manner: Make) -> None:
    async def script(exchange: Exchange) -> None:
        await exchange.send(head("100 Continue") + head("103 Early Hints", link="</x>") + reply(body=b"words"))

    async with sdk_of(manner, script) as (client, _):
        assert await outcome(client, "invoke") == ["words"]


async def test_trailers_are_read_over(manner: Make) -> None:
    async def script(exchange: Exchange) -> None:
        body = chunk(b"data: 1\n\n") + LAST_CHUNK.removesuffix(b"\r\n") + b"X-Checksum: 1\r\n\r\n"
        await exchange.send(chunked("text/event-stream") + body)

    async with sdk_of(manner, script) as (client, _):
        assert await outcome(client, "invoke") == ["1"]


# Answers that are larger than they look.


def bomb(start: bytes, size: int) -> bytes:
    """Return ``start`` and ``size`` bytes of the same, compressed a thousandfold and without an end."""
    compressor = zlib.compressobj(wbits=31)
    begun = compressor.compress(start) + compressor.flush(zlib.Z_FULL_FLUSH)
    # After a full flush, what is compressed refers to nothing before it, so it may be repeated.
    block = compressor.compress(b"x" * MIB) + compressor.flush(zlib.Z_FULL_FLUSH)
    return begun + block * (size // MIB)


# How much of each is held: an error's excerpt, an event, a whole answer (and, while it grows, the half before).
BOMBS = {
    "refusal": ("503 Oh", "application/json", b"", "invoke", ServiceError, 8 * MIB),
    "event": ("200 OK", "text/event-stream", b"data: ", "invoke", ProtocolError, 64 * MIB),
    "text": ("200 OK", "text/plain", b"", "invoke", ProtocolError, 256 * MIB),
    "command": ("200 OK", EVENT_STREAM, b"", "command", ProtocolError, 8 * MIB),
    "no command": ("200 OK", "text/html", b"", "command", ProtocolError, 8 * MIB),
}


@pytest.mark.parametrize("name", BOMBS)
async def test_a_gzip_bomb_is_not_taken_into_memory(manner: Make, name: str) -> None:
    status, content_type, start, operation, expected, bound = BOMBS[name]
    body = bomb(start, 400 * MIB)
    answer = reply(status, body, content_type=content_type, content_encoding="gzip")

    async def script(exchange: Exchange) -> None:
        await exchange.send(answer)

    async with sdk_of(manner, script) as (client, _):
        tracemalloc.start()
        try:
            error = await outcome(client, operation)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()

    assert type(error) is expected
    assert peak < bound


async def test_a_bomb_of_many_events_is_streamed(manner: Make) -> None:
    compressor = zlib.compressobj(wbits=31)
    events = b"data: 1\n\n" * 10_000
    count = 300
    body = b"".join([*(compressor.compress(events) for _ in range(count)), compressor.flush()])

    async def script(exchange: Exchange) -> None:
        await exchange.send(reply(body=body, content_type="text/event-stream", content_encoding="gzip"))

    async with sdk_of(manner, script) as (client, _), aclosing(client.invoke_streaming({})) as pieces:
        seen = 0
        async for _ in pieces:
            seen += 1
            if seen == 2000:
                break

    assert len(body) < len(events)

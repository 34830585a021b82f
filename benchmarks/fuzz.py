"""Feeds damaged streams to the decoders and damaged answers to the clients, until the time is over; counts and checks.

    nice -n 19 python -m benchmarks.fuzz --seconds 300 --seed 1

Each target has its rule: only our own exceptions; the same events however the bytes are cut; the events of the
standard's own algorithm for server-sent events, written down once more here; no credential in an error. A finding is
printed with the bytes that lead to it and ends the run with 1. With the same seed the same inputs are made, in an order
that no clock and no socket has a part in.
"""

from __future__ import annotations

import argparse
import asyncio
import gzip
import json
import random
import re
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from agentcore_mcp.errors import AgentCoreError, ProtocolError
from agentcore_mcp.runtime import AgentCoreRuntimeClient, AnswerText, BearerAuth, Retries, RuntimeClient
from agentcore_mcp.runtime.text import EventText
from agentcore_mcp.wire.encodings import GzipReader
from agentcore_mcp.wire.eventstream import (
    CommandDecoder,
    CommandEvent,
    ContentDelta,
    ContentStart,
    ContentStop,
    encode_command_event,
)
from agentcore_mcp.wire.eventstream.frames import encode_frame
from agentcore_mcp.wire.refusals import error_of_answer
from agentcore_mcp.wire.sse import SSEDecoder, SSEEvent

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

ARN = "arn:aws:bedrock-agentcore:us-east-1:123456789012:runtime/fuzzed-abcdefghij"
SESSION_ID = "a-session-of-thirty-three-letters"
TOKEN = "not.a.real-token"
# Nothing here takes a millisecond; what takes a second is on its way to taking hours.
SLOW_S = 1.0
ANSWER_LIMIT_S = 5.0

SSE_TOKENS = [
    b"data",
    b"data:",
    b"data: ",
    b"id: 1\n",
    b"event: x\n",
    b"retry: 9\n",
    b":",
    b"\n",
    b"\r",
    b"\r\n",
    b"\n\n",
]
SSE_TOKENS += [
    b"\0",
    b"\xef\xbb\xbf",
    b"\xe2\x80\xa8",
    b"\xc2\x85",
    b"\xc3",
    b"\xf0\x9f",
    b"\xff",
    b"[DONE]",
    b"{",
    b'"',
]
HTTP_TOKENS = [
    b"\r\n",
    b"\r\n\r\n",
    b"0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\n",
    b"Content-Length: ",
    b"Transfer-Encoding: chunked",
]
HTTP_TOKENS += [
    b"Content-Encoding: gzip\r\n",
    b"text/event-stream",
    b"\t",
    b" ",
    b"-1",
    b"99999999999999999999",
    b"\r\nLocation: ",
    b"302 Found",
    b"xn--",
    b"//[",
    b"]:",
    b"X-Amzn-RequestId: not.a.real-token\r\n",
    b";",
    b"\0",
]

FAILURE = json.dumps({"error": "e", "error_type": "T", "message": "An error occurred during streaming"}).encode()
STREAMS = [
    b'data: "one"\n\ndata: "two"\n\ndata: 3\n\n',
    b'\xef\xbb\xbf: hello\r\nid: 7\r\nevent: delta\r\ndata: {"a":\r\ndata: 1}\r\n\r\ndata: [DONE]\r\n\r\n',
    "retry: 5\rdata: größer \u2028 \u0085 \U0001f600\r\rdata\r\r".encode(),
    b"data: 1\n\ndata: " + FAILURE + b"\n\n",
    b'data: {"event": {"contentBlockDelta": {"delta": {"text": "\\ud83d"}}}}\n\ndata: "\\ude00"\n\n',
    b"data: last without its end",
]
EVENTS: list[CommandEvent] = [
    ContentStart(),
    ContentDelta(stdout="öne\n"),
    ContentDelta("a", "b"),
    ContentStop(0, "COMPLETED"),
]
EXCEPTION = encode_frame(
    {":message-type": "exception", ":exception-type": "throttlingException"}, b'{"message": "slow down"}'
)
ERROR = encode_frame({":message-type": "error", ":error-code": "InternalError", ":error-message": "oh"}, b"")
COMMANDS = [
    b"".join([encode_command_event(event) for event in EVENTS]),
    b"".join([encode_command_event(event) for event in EVENTS[1:] * 3]),
    encode_command_event(EVENTS[0]) + EXCEPTION,
    encode_command_event(EVENTS[1]) + ERROR,
]


PAYLOADS = [
    b'{"contentStart": {}}',
    b'{"contentDelta": {"stdout": "\\ud83d", "stderr": null}}',
    b'{"contentStop": {"exitCode": 0, "status": "COMPLETED"}}',
    b'{"chunk": {"contentStop": {"exitCode": -1, "status": "TIMED_OUT"}}}',
    b'{"message": "slow down"}',
    b'{"contentDelta": {"stdout": ' + b"[" * 5000 + b"]" * 5000 + b"}}",
]


def answer(status: str, body: bytes, *headers: str) -> bytes:
    return "\r\n".join([f"HTTP/1.1 {status}", *headers, "", ""]).encode() + body


def chunked(body: bytes) -> bytes:
    return b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)


def answers() -> list[bytes]:
    event_stream, sse = "Content-Type: application/vnd.amazon.eventstream", "Content-Type: text/event-stream"
    encoded = ["Transfer-Encoding: chunked"]
    found = [answer("200 OK", chunked(body), sse, *encoded) for body in STREAMS]
    found += [answer("200 OK", chunked(body), event_stream, *encoded) for body in COMMANDS]
    found += [answer("200 OK", body, sse) for body in STREAMS]
    found += [answer("200 OK", gzip.compress(body), sse, "Content-Encoding: gzip") for body in STREAMS[:2]]
    found += [
        answer("200 OK", b'{"a": 1}', "Content-Type: application/json", "Content-Length: 8"),
        answer("100 Continue", b"") + answer("200 OK", b"words", "Content-Length: 5"),
        answer("200 OK", b"5\r\nwords\r\n0\r\nX-Sum: 1\r\n\r\n", *encoded),
        answer("429 Slow Down", b'{"message": "m"}', "x-amzn-ErrorType: ThrottlingException:", "Retry-After: 1"),
        answer("409 Conflict", b"", "x-amzn-ErrorType: RetryableConflictException"),
        answer("401 Who", b'{"jsonrpc":"2.0","error":{"code":-1,"message":"m"}}', 'WWW-Authenticate: Bearer x="y"'),
        answer(
            "424 Failed", b'{"message": "Received error (500) from runtime"}', "x-amzn-ErrorType: RuntimeClientError"
        ),
        answer("502 Bad Gateway", b"<html><h1>Bad Gateway</h1></html>", "Content-Type: text/html"),
        answer("307 Elsewhere", b"", "Location: https://user:secret@elsewhere.example/x?y"),
        answer("204 No Content", b""),
    ]
    return found


def damaged(chance: random.Random, corpus: list[bytes], tokens: list[bytes]) -> bytes:
    """Return one of the corpus after a few small misfortunes."""
    data = bytearray(chance.choice(corpus))
    for _ in range(chance.choice((0, 1, 1, 2, 3, 5, 8, 20))):
        start = chance.randint(0, len(data))
        end = min(len(data), start + chance.choice((1, 1, 2, 4, 16, 100)))
        match chance.randrange(8):
            case 0 if data:
                data[start - 1] ^= 1 << chance.randrange(8)
            case 1 if data:
                data[start - 1] = chance.choice((0, 10, 13, 32, 58, 127, 128, 255))
            case 2:
                del data[start:end]
            case 3:
                data[start:start] = data[start:end] * chance.choice((1, 2, 50))
            case 4:
                data[start:start] = chance.choice(tokens) * chance.choice((1, 1, 1, 2, 3, 1000))
            case 5:
                data[start:] = chance.choice(corpus)[chance.randrange(40) :]
            case 6:
                del data[start:]
            case _:
                data[start:end] = chance.randbytes(end - start)
    return bytes(data)


def pieces(chance: random.Random, data: bytes) -> list[bytes]:
    ends = sorted(chance.choices(range(len(data) + 1), k=chance.choice((0, 1, 1, 2, 5, 30))))
    return [data[start:end] for start, end in zip([0, *ends], [*ends, len(data)], strict=True)]


def decode(decoder: SSEDecoder | CommandDecoder, chunks: list[bytes]) -> tuple[list[object], type | None]:
    events: list[object] = []
    try:
        for chunk in chunks:
            events += decoder.feed(chunk)
            if decoder.failed:
                break
        events += decoder.close()
    except AgentCoreError as error:
        return events, type(error)
    return events, None


def data_of(decoder: SSEDecoder, chunks: list[bytes]) -> tuple[list[str], type | None]:
    found: list[str] = []
    try:
        for chunk in chunks:
            found += decoder.feed_data(chunk)
            if decoder.failed:
                break
        found += decoder.close_data()
    except AgentCoreError as error:
        return found, type(error)
    return found, None


def texts(events: list[object]) -> list[str]:
    return [event.data for event in events if isinstance(event, SSEEvent)]


def events_by_the_standard(data: bytes) -> list[SSEEvent]:
    """Interpret an event stream as WHATWG HTML, 9.2.6, says it, but for an event that is left unfinished at the end."""
    text = data.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "replace")
    found: list[SSEEvent] = []
    values: list[str] = []
    kind, last_id, retry = "", "", None
    for line in [*re.split("\r\n|\n|\r", text), ""]:
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if not line:
            if values:
                found.append(SSEEvent("\n".join(values), kind or "message", last_id, retry))
            values, kind, retry = [], "", None
        elif name == "data":
            values.append(value)
        elif name == "event":
            kind = value
        elif name == "id" and "\0" not in value:
            last_id = value
        elif name == "retry" and re.fullmatch("[0-9]{1,18}", value):
            retry = int(value)
    return found


def check(condition: bool, what: str) -> None:
    if not condition:
        raise AssertionError(what)


def fuzz_sse(chance: random.Random, data: bytes) -> None:
    limit = chance.choice((30, 200, 10**6))
    whole = decode(SSEDecoder(max_event_bytes=limit), [data])
    cut = decode(SSEDecoder(max_event_bytes=limit), pieces(chance, data))
    if limit == 10**6:
        check(whole[0] == events_by_the_standard(data), "other events than the standard's")
        check(whole == cut, "other events when cut")
    else:
        # Which bytes belong to the event that is too large depends on nothing but the bytes.
        check(whole == cut, "another outcome when cut, near the limit")
    check(data_of(SSEDecoder(max_event_bytes=limit), pieces(chance, data)) == (texts(whole[0]), whole[1]), "other data")
    words, strings = AnswerText(), EventText()
    for text in texts(whole[0]):
        (words.feed(text) + strings.feed(text)).encode()

    (words.close() + strings.close()).encode()


def fuzz_command(chance: random.Random, data: bytes) -> None:
    whole = decode(CommandDecoder(), [data])
    check(whole == decode(CommandDecoder(), pieces(chance, data)), "another outcome when cut")
    stops = [event for event in whole[0] if isinstance(event, ContentStop)]
    check(len(stops) <= 1 and (not stops or whole[0][-1] is stops[0]), "something after the exit code")
    check(bool(stops) == (whole[1] is None), "an end without an exit code, or an exit code without an end")


def fuzz_frames(chance: random.Random, data: bytes) -> None:
    """Frames that are whole, with headers and payloads that are not what they should be."""
    names = (":message-type", ":event-type", ":exception-type", ":error-code", ":error-message", ":content-type")
    values = (
        "event",
        "chunk",
        "exception",
        "error",
        "contentDelta",
        "contentStop",
        "throttlingException",
        "",
        "x" * 99,
    )
    frames = []
    for part in pieces(chance, data)[:4]:
        headers = {name: chance.choice(values) for name in chance.sample(names, chance.randrange(len(names)))}
        frames.append(encode_frame(headers, chance.choice((data, part))))
    fuzz_command(chance, b"".join(frames))


def fuzz_gzip(chance: random.Random, data: bytes) -> None:
    def read(chunks: list[bytes]) -> tuple[bytes, type | None]:
        reader, whole = GzipReader(), b""
        try:
            for chunk in chunks:
                for piece in reader.feed(chunk):
                    whole += piece
            reader.close()
        except AgentCoreError as error:
            return whole, type(error)
        return whole, None

    (whole, error), (cut, cut_error) = read([data]), read(pieces(chance, data))
    check(error is cut_error, "another error when cut")
    # zlib keeps to itself what it had made of the bytes in which it found an error.
    check(cut == whole if error is not ProtocolError else cut.startswith(whole) or whole.startswith(cut), "other bytes")


def fuzz_refusal(chance: random.Random, data: bytes) -> None:
    error = error_of_answer(chance.choice((None, 400, 409, 424, 599)), {"x-amzn-errortype": data[:9].hex()}, data)
    str(error).encode()


@dataclass
class Target:
    corpus: list[bytes]
    tokens: list[bytes]
    run: Callable[[random.Random, bytes], Awaitable[None] | None]
    count: int = 0
    seconds: float = 0.0


class Clients:
    """Both clients, and the server that answers their requests with whatever is put into it."""

    def __init__(self) -> None:
        self.answer = b""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            length = re.search(rb"content-length: (\d+)", head, re.IGNORECASE)
            await reader.readexactly(int(length[1]) if length else 0)
            writer.write(self.answer)
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    def start(self, url: str) -> None:
        once = Retries(max_attempts=1)
        self.client = RuntimeClient(auth=BearerAuth(TOKEN), endpoint_url=url, retries=once)
        self.sdk = AgentCoreRuntimeClient(endpoint_url=url, retries=once)

    async def ask(self, chance: random.Random, data: bytes) -> None:
        self.answer = data
        call = chance.choice((self._invoke, self._command, self._stop, self._blocking_invoke, self._blocking_command))
        try:
            async with asyncio.timeout(ANSWER_LIMIT_S):
                await call()
        except AgentCoreError as error:
            text = f"{error} {error!r} {error.__cause__!r}"
            check(TOKEN not in text, "a credential in an error")
            text.encode()

    async def _invoke(self) -> None:
        async with self.client.invoke(ARN, b"{}", session_id=SESSION_ID) as invocation:
            async for piece in invocation:
                piece.encode()

    async def _command(self) -> None:
        async with self.client.run_command(ARN, "true", session_id=SESSION_ID) as run:
            seen = [event async for event in run]
        check(isinstance(seen[-1], ContentStop), "an end without an exit code")

    async def _stop(self) -> None:
        await self.client.stop_session(ARN, session_id=SESSION_ID)

    async def _blocking_invoke(self) -> None:
        await asyncio.to_thread(self.sdk.invoke, ARN, TOKEN, {})

    async def _blocking_command(self) -> None:
        result = await asyncio.to_thread(self.sdk.execute_command, ARN, TOKEN, "true")
        json.dumps(result)


async def main(seconds: float, seed: int) -> int:
    chance = random.Random(seed)
    clients = Clients()
    server = await asyncio.start_server(clients.serve, "127.0.0.1", 0)
    clients.start(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
    targets = {
        "server-sent events": Target(STREAMS, SSE_TOKENS, fuzz_sse),
        "command events": Target(COMMANDS, [b"\0\0\0\x10", b"chunk", b"\x07", b":event-type"], fuzz_command),
        "frames": Target(
            PAYLOADS, [b"null", b"[]", b"{}", b"1e999", b'"\\ud83d"', b"\xff", b"NaN", b"-0"], fuzz_frames
        ),
        "gzip": Target([gzip.compress(body) for body in STREAMS], [b"\x1f\x8b\x08", b"\0"], fuzz_gzip),
        "refusals": Target(
            [b'{"message": "m", "fieldList": [{}]}', b"<h1>no</h1>", *STREAMS], SSE_TOKENS, fuzz_refusal
        ),
        "clients": Target(answers(), HTTP_TOKENS + SSE_TOKENS, clients.ask),
    }
    end = time.monotonic() + seconds
    findings = 0
    while time.monotonic() < end and not findings:
        for name, target in targets.items():
            for _ in range(20 if name == "clients" else 400):
                data = damaged(chance, target.corpus, target.tokens)
                state = chance.getstate()
                before = time.perf_counter()
                try:
                    result = target.run(chance, data)
                    if result is not None:
                        await result
                    taken = time.perf_counter() - before
                    check(taken < SLOW_S or name == "clients", f"{taken:.1f} s for {len(data)} bytes")
                except Exception as error:  # noqa: BLE001 - every one is a finding
                    findings += 1
                    print(
                        f"{name}: {type(error).__name__}: {error}\n  {data!r}\n  chance {hash(state)}", file=sys.stderr
                    )
                target.count += 1
                target.seconds += time.perf_counter() - before
    await clients.client.aclose()
    clients.sdk.close()
    server.close()
    for name, target in targets.items():
        print(f"{name:20} {target.count:>10,} inputs, {target.count / target.seconds:>8,.0f} a second")
    print(f"{'findings':20} {findings:>10}")
    return 1 if findings else 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    sys.exit(asyncio.run(main(arguments.seconds, arguments.seed)))

"""Answers that break off, stall or trickle, at every byte of them: what came is delivered, and no end is made up."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from agentcore_mcp.errors import AgentCoreError, ResponseTimeoutError, StreamInterruptedError, TransportError
from agentcore_mcp.wire.eventstream import (
    CommandDecoder,
    CommandEvent,
    ContentDelta,
    ContentStart,
    ContentStop,
    command_event_value,
    encode_command_event,
)
from agentcore_mcp.wire.sse import SSEDecoder
from tests.support.clients import SESSION_ID
from tests.support.sdk import TOKEN, Async, Blocking, Manner, sdk_of
from tests.support.servers import LAST_CHUNK, Exchange, chunk, chunked, head
from tests.support.waiting import WAIT_S

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from agentcore_mcp.runtime.sdk.client import AgentCoreRuntimeClient

    Make = Callable[[AgentCoreRuntimeClient], Manner]

# Long enough for bytes that are under way on this machine, and short enough to be waited for dozens of times.
SILENCE_S = 0.5

EVENTS = b'data: {"n": 1}\n\n', "data: größer\r\n\r\n".encode(), b"event: x\ndata: 2\ndata: 3\n\n"
COMMAND: list[CommandEvent] = [ContentStart(), ContentDelta("öne", "two"), ContentStop(3, "COMPLETED")]
FRAMES = tuple(map(encode_command_event, COMMAND))
BODY = b'{"answer": "gr\xc3\xb6\xc3\x9fer"}'


def events_in(body: bytes) -> list[str]:
    return [event.data for event in SSEDecoder().feed(body)]


def command_in(body: bytes) -> list[Any]:
    return list(map(command_event_value, CommandDecoder().feed(body)))


def text_in(body: bytes) -> list[str]:
    return [body.decode("utf-8", "replace")] if body else []


class Answer:
    """A whole answer as it is on the line, and what is delivered of each beginning of it.

    Args:
        start: Its head.
        parts: What follows: the framing of each part of the body, and the part.
        delivered: What is delivered of a body.
        operation: The method of the client that asks for it.
    """

    def __init__(
        self, start: bytes, parts: list[tuple[bytes, bytes]], delivered: Callable[[bytes], list[Any]], operation: str
    ) -> None:
        self.head_bytes = len(start)
        self.raw = start + b"".join(framed for framed, _ in parts)
        self.delivered = delivered
        self.operation = operation
        self._parts = parts

    def body_before(self, end: int) -> bytes:
        """Return what of the body is in the first bytes of the answer."""
        body, position = b"", self.head_bytes
        for framed, part in self._parts:
            offset = position + (framed.index(part) if part else 0)
            body += part[: max(0, end - offset)]
            position += len(framed)
        return body

    def ask(self, client: Manner, timeout_s: float = WAIT_S) -> AsyncGenerator[Any, None]:
        if self.operation == "invoke":
            return client.invoke_streaming({}, session_id=SESSION_ID, timeout=timeout_s)
        return client.execute_command_streaming(session_id=SESSION_ID)


def in_chunks(content_type: str, bodies: tuple[bytes, ...], delivered: Callable[[bytes], list[Any]], op: str) -> Answer:
    return Answer(chunked(content_type), [*((chunk(body), body) for body in bodies), (LAST_CHUNK, b"")], delivered, op)


ANSWERS = {
    "events": in_chunks("text/event-stream", EVENTS, events_in, "invoke"),
    "events at once": in_chunks("text/event-stream", (b"".join(EVENTS),), events_in, "invoke"),
    "command": in_chunks("application/vnd.amazon.eventstream", FRAMES, command_in, "command"),
    "text": in_chunks("text/plain", (BODY[:7], BODY[7:]), text_in, "invoke"),
    "text of known length": Answer(
        head(content_type="application/json", content_length=str(len(BODY))), [(BODY, BODY)], text_in, "invoke"
    ),
}


@pytest.fixture(params=[Blocking, Async])
def manner(request: pytest.FixtureRequest) -> Make:
    make: Make = request.param
    return make


async def take(pieces: AsyncGenerator[Any, None]) -> tuple[list[Any], AgentCoreError | None]:
    """Return what was delivered, and the error it ended with."""
    taken: list[Any] = []
    failure: AgentCoreError | None = None
    try:
        async with asyncio.timeout(WAIT_S):
            async for piece in pieces:
                taken.append(piece)  # noqa: PERF401 - those before a failure count
    except AgentCoreError as error:
        failure = error
    assert failure is None or failure.session_id == SESSION_ID
    assert TOKEN not in repr(failure)
    return taken, failure


@pytest.mark.parametrize("name", ANSWERS)
async def test_a_cut_at_any_byte_is_told_after_what_came_before(manner: Make, name: str) -> None:
    answer = ANSWERS[name]
    # One cut inside the head is as good as another.
    ends = [*range(0, answer.head_bytes, 9), *range(answer.head_bytes - 4, len(answer.raw))]
    cuts = iter(ends)

    async def script(exchange: Exchange) -> None:
        await exchange.send(answer.raw[: next(cuts)])

    async with sdk_of(manner, script) as (client, server):
        for end in ends:
            delivered, error = await take(answer.ask(client))

            assert delivered == answer.delivered(answer.body_before(end)), end
            if delivered and answer.operation == "command" and "contentStop" in delivered[-1]:
                assert error is None, "the exit code is there, and what follows it says nothing"
            elif end < answer.head_bytes:
                assert type(error) is TransportError, end
            else:
                assert type(error) is StreamInterruptedError, end

    assert len(server.requests) == len(ends), "each was asked once"


@pytest.mark.parametrize("name", ANSWERS)
async def test_an_answer_that_comes_byte_by_byte_is_the_same(manner: Make, name: str) -> None:
    answer = ANSWERS[name]

    async def script(exchange: Exchange) -> None:
        for byte in answer.raw:
            await exchange.send(bytes([byte]))

    async with sdk_of(manner, script) as (client, _):
        assert await take(answer.ask(client)) == (answer.delivered(answer.body_before(len(answer.raw))), None)


@pytest.mark.parametrize("name", [name for name, answer in ANSWERS.items() if answer.operation == "invoke"])
async def test_a_stall_anywhere_is_a_timeout_after_what_came_before(manner: Make, name: str) -> None:
    """Many at a time, since each takes its time. The server sees every connection closed."""
    answer = ANSWERS[name]
    ends = [*range(0, len(answer.raw), 9), len(answer.raw) - 1]
    left: list[int] = []
    all_left = asyncio.Event()

    async def script(exchange: Exchange) -> None:
        end = int(exchange.request.body)
        await exchange.send(answer.raw[:end])
        await exchange.peer_closed()
        left.append(end)
        if len(left) == len(ends):
            all_left.set()

    async with sdk_of(manner, script) as (client, server):

        async def stalled(end: int) -> None:
            delivered, error = await take(client.invoke_streaming(end, session_id=SESSION_ID, timeout=SILENCE_S))

            assert delivered == answer.delivered(answer.body_before(end)), end
            assert type(error) is ResponseTimeoutError, end

        await asyncio.gather(*map(stalled, ends))
        async with asyncio.timeout(WAIT_S):
            await all_left.wait()

    assert len(server.requests) == len(ends)

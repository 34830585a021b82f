"""The kinds of clients in the soak: good ones, whose calls have to be right, and all sorts of bad ones."""

from __future__ import annotations

import asyncio
import itertools
import json
import random
import socket
from contextlib import suppress
from typing import TYPE_CHECKING

from benchmarks.hosted.callers import follow
from benchmarks.hosted.raw import VERSIONS
from benchmarks.hosted.tally import Listener
from benchmarks.hosted.visit import HANDOFF_S, STALL_S, UnexpectedError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from benchmarks.hosted.visit import Visit

# Smaller than an answer, so that the server notices that the client does not read.
_STALLED_BUFFER_BYTES = 4_096
_STOPPED = itertools.count()


async def good(visit: Visit) -> None:
    async with visit.host() as host:
        await visit.right(host, 5, 0.1)


async def collects(visit: Visit) -> None:
    async with visit.host() as host:
        await visit.right(host, 6, HANDOFF_S / 4)


async def stops(visit: Visit) -> None:
    # Sessions of its own, in turn: a call that runs in one that is stopped would fail.
    async with visit.host(token=visit.orders.tokens[1]) as host:
        began = await visit.right(host, 2, 0.1, session_id=f"stopped-{next(_STOPPED) % 50}")
        await host.call("stop_session", agent="far", session_id=began["session_id"])
        result = await follow(host, Listener(visit.tally, "", 0))
        if result is None or result.get("isError"):
            raise UnexpectedError(json.dumps(result))


async def forgets(visit: Visit) -> None:
    # One principal for all: the server keeps so many calls of each, and reaches that bound early this way.
    async with visit.host(token=visit.orders.tokens[0]) as host:
        await host.call("invoke_agent", **visit.prompt(3, HANDOFF_S))
        result = await follow(host, Listener(visit.tally, f"v{visit.number}", 3))
        if result is None or not result.get("structuredContent", {}).get("handle"):
            raise UnexpectedError(f"no handle: {json.dumps(result)}")


async def disconnects(visit: Visit) -> None:
    async with visit.host() as host:
        await visit.until_heard(host, visit.prompt(20, 0.1))


async def leaves_in_silence(visit: Visit) -> None:
    async with visit.host() as host:
        await visit.until_heard(host, visit.prompt(2, HANDOFF_S))


async def cancels(visit: Visit) -> None:
    async with visit.host(version=VERSIONS[0]) as host:
        await host.open()
        messages = await visit.until_heard(host, visit.prompt(40, 0.1))
        async with visit.host(version=VERSIONS[0], session=host.session) as other:
            await other.send("notifications/cancelled", {"requestId": host.last_id}, request=False)
        async for message in messages:
            if "error" in message:
                return
        raise UnexpectedError("it was not cancelled")


async def stalls(visit: Visit) -> None:
    async with visit.host(url=random.choice(visit.orders.workers)) as host:
        host.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _STALLED_BUFFER_BYTES)
        await host.call("invoke_agent", **visit.prompt(int(STALL_S / 0.05), 0.05, padding=2_000))
        host.writer.transport.pause_reading()  # type: ignore[attr-defined]
        await asyncio.sleep(STALL_S)


async def sends_no_json(visit: Visit) -> None:
    body = random.choice(
        [b'{"jsonrpc": "2.0", "id": 1,', b"\xff\xfe\x00", b"[" * 50_000, b'{"method": 5}', b"null", b""]
    )
    async with visit.host() as host:
        host.writer.write(host.head(len(body), "Mcp-Method: tools/call") + body)
        await visit.refused(host, 400)


async def has_a_bad_token(visit: Visit) -> None:
    good_one = visit.orders.tokens[0]
    made_up = good_one[:-8] + good_one[-8:][::-1]
    async with visit.host(token=random.choice([made_up, visit.orders.expired, "x" * 7_000, "a.b.c", ""])) as host:
        host.writer.write(host.head(2) + b"{}")
        await visit.refused(host, 401)


async def lacks_scopes(visit: Visit) -> None:
    async with visit.host(token=visit.orders.lesser) as host:
        if (answer := await host.call("invoke_agent", **visit.prompt(1, 0))).status != 403:
            raise UnexpectedError(f"{answer.status} without the scope")


async def has_a_huge_head(visit: Visit) -> None:
    async with visit.host(url=random.choice(visit.urls)) as host:
        host.writer.write(host.head(0, f"X-Large: {'x' * 200_000}"))
        with suppress(ConnectionError, EOFError):  # it may hang up before all of it was sent
            await visit.refused(host, 400, 413, 414, 431)


async def has_a_huge_body(visit: Visit) -> None:
    async with visit.host(url=random.choice(visit.urls)) as host:
        with suppress(ConnectionError, EOFError):
            host.writer.write(host.head(5_000_000) + b'{"a": "' + b"x" * 4_999_991 + b'"}')
            await visit.refused(host, 413)


async def sends_slowly(visit: Visit) -> None:
    async with visit.host(url=random.choice(visit.urls)) as host:
        host.writer.write(host.head(1_000))
        for _ in range(10):
            await asyncio.sleep(0.5)
            host.writer.write(b"{")


async def says_nothing(visit: Visit) -> None:
    async with visit.host(url=random.choice(visit.urls)) as host:
        host.writer.write(b"POST /mcp HTTP/1.1\r\nHost: local")
        await asyncio.sleep(5)


# Weights; they add up to 100.
KINDS: dict[Callable[[Visit], Awaitable[None]], int] = {
    good: 35,
    collects: 5,
    stops: 5,
    forgets: 5,
    disconnects: 10,
    leaves_in_silence: 5,
    cancels: 5,
    stalls: 3,
    sends_no_json: 6,
    has_a_bad_token: 8,
    lacks_scopes: 4,
    has_a_huge_head: 3,
    has_a_huge_body: 1,
    sends_slowly: 3,
    says_nothing: 2,
}

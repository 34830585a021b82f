"""The guests of the soak: good ones whose calls have to be right, and those who behave in all the ways that there are.

Each visit is a kind of behaviour, on a connection of its own, bounded in time. What the server answers to bad ones is
looked at too. A process of its own, like ``callers``.
"""

from __future__ import annotations

import asyncio
import json
import random
import socket
import sys
import threading
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from benchmarks.far_side import allow_many_connections
from benchmarks.hosted.callers import end_with_standard_input, follow, tell
from benchmarks.hosted.raw import VERSIONS, Host
from benchmarks.hosted.tally import Listener, Tally

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

# No visit is longer; the longest that is meant to be takes a quarter.
LIMIT_S = 60.0
# After this the server hands over a call that goes on.
HANDOFF_S = 2.0
STALL_S = 10.0
# More would mean that the server can't keep up with the rate; they are then put off and counted.
_VISITS_AT_ONCE = 400
# What a kernel takes for somebody who doesn't read is not to be all that there is.
_STALLED_BUFFER_BYTES = 4_096


@dataclass(frozen=True, slots=True)
class Orders:
    """For how long they come, and what they need for it.

    Attributes:
        url: Where they go.
        workers: The servers behind it, for those that a proxy would keep away.
        tokens: Of the principals.
        lesser: A token that lacks the scopes of the tools.
        expired: One that is no longer good.
        seconds: How long they come.
        per_second: How many.
    """

    url: str
    workers: list[str]
    tokens: list[str]
    lesser: str
    expired: str
    seconds: float
    per_second: float


class UnexpectedError(Exception):
    """The server did something else than it should."""


@dataclass(slots=True)
class Visit:
    """One visit."""

    orders: Orders
    number: int
    tally: Tally
    urls: list[str] = field(init=False)

    def __post_init__(self) -> None:
        self.urls = [self.orders.url, *self.orders.workers]

    def host(self, *, version: str = "", token: str | None = None, url: str = "", session: str = "") -> Host:
        given = self.orders.tokens[self.number % len(self.orders.tokens)] if token is None else token
        return Host(url or self.orders.url, version or VERSIONS[self.number % 2], given, session)

    def prompt(self, pieces: int, every_s: float, **more: Any) -> dict[str, Any]:
        """Return the arguments of a call; sessions are few, and used again."""
        wish = {"talk": f"v{self.number}", "pieces": pieces, "every_s": every_s, **more}
        return {"agent": "far", "session_id": f"session-{self.number % 8}", "prompt": json.dumps(wish)}

    async def right(self, host: Host, pieces: int, every_s: float, **more: Any) -> dict[str, Any]:
        """Call, collect what is handed over, and see that all is right; return the last result."""
        listener = Listener(self.tally, f"v{self.number}", pieces)
        texts = ["", ""]
        arguments = self.prompt(pieces, every_s) | more
        while True:
            await host.call("invoke_agent", **arguments)
            result = await follow(host, listener)
            if result is None or result.get("isError"):
                raise UnexpectedError(json.dumps(result))
            structured: dict[str, Any] = result["structuredContent"]
            texts[0] += structured["text"]
            texts[1] += result["content"][0]["text"]
            if structured["status"] != "RUNNING":
                listener.end(*texts)
                return structured
            arguments = {"agent": "far", "handle": structured["handle"]}

    async def until_heard(self, host: Host, arguments: dict[str, Any]) -> AsyncIterator[dict[str, Any]]:
        """Call until the agent was heard, and return what brings the messages that follow."""
        answer = await host.call("invoke_agent", **arguments)
        messages = host.messages()
        async for message in messages:
            if f"v{self.number}#0@" in json.dumps(message):
                return messages
        raise UnexpectedError(f"{answer.status}, and the agent was not heard")

    async def refused(self, host: Host, *statuses: int) -> None:
        """See that what was sent is refused with one of these."""
        status = (await host.answered()).status
        if status not in statuses:
            raise UnexpectedError(f"{status} where {statuses} was due")


async def good(visit: Visit) -> None:
    async with visit.host() as host:
        await visit.right(host, 5, 0.1)


async def collects(visit: Visit) -> None:
    async with visit.host() as host:
        await visit.right(host, 6, HANDOFF_S / 4)


async def stops(visit: Visit) -> None:
    async with visit.host() as host:
        began = await visit.right(host, 2, 0.1, session_id="")
        await host.call("stop_session", agent="far", session_id=began["session_id"])
        result = await follow(host, Listener(visit.tally, "", 0))
        if result is None or result.get("isError"):
            raise UnexpectedError(json.dumps(result))


async def forgets(visit: Visit) -> None:
    # Always the same principal: what is kept for each is bounded, and the bound is to be met early.
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


# How many of a hundred visits are of each kind.
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


async def main(orders: Orders) -> None:
    """Let them come, and tell what became of them."""
    tally, visits, going_on = Tally(), Counter[str](), set[asyncio.Task[None]]()
    loop = asyncio.get_running_loop()
    end, number, put_off = loop.time() + orders.seconds, 0, 0

    async def one(kind: Callable[[Visit], Awaitable[None]], visit: Visit) -> None:
        visits[kind.__name__] += 1
        try:
            async with asyncio.timeout(LIMIT_S):
                await kind(visit)
        except (OSError, EOFError, TimeoutError, ValueError, LookupError, UnexpectedError) as error:
            tally.fail(kind.__name__, repr(error))

    tell(ready=True)
    while (now := loop.time()) < end:
        if len(going_on) < _VISITS_AT_ONCE:
            number += 1
            [kind] = random.choices([*KINDS], [*KINDS.values()])
            task = asyncio.create_task(one(kind, Visit(orders, number, tally)))
            going_on.add(task)
            task.add_done_callback(going_on.discard)
        else:
            put_off += 1
        await asyncio.sleep(max(0.0, now + 1 / orders.per_second - loop.time()))
    await asyncio.gather(*going_on)
    tell(**tally.figures(), visits=dict(visits), put_off=put_off)


if __name__ == "__main__":
    allow_many_connections()
    random.seed(11)
    given = Orders(**json.loads(sys.stdin.readline()))
    threading.Thread(target=end_with_standard_input, daemon=True).start()
    asyncio.run(main(given))

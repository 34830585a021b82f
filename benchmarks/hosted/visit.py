"""What a guest of the soak does things with: a client, calls that are looked at, answers that have to be refusals."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from benchmarks.hosted.callers import follow
from benchmarks.hosted.raw import VERSIONS, Host
from benchmarks.hosted.tally import Listener, Tally

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

# No visit is longer; the longest that is meant to be takes a quarter.
LIMIT_S = 60.0
# After this the server hands over a call that goes on.
HANDOFF_S = 2.0
STALL_S = 10.0


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
            listener.handed_off = True
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

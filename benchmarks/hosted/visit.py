"""The tools of the soak's clients: connections, checked calls, expected refusals."""

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
    """The load to generate.

    Attributes:
        url: The URL for clients.
        workers: The URLs of the workers, for what nginx would not let through.
        tokens: Access tokens, one of each principal.
        lesser: A token without the scopes of the tools.
        expired: A token that has expired.
        seconds: The duration.
        per_second: The rate.
    """

    url: str
    workers: list[str]
    tokens: list[str]
    lesser: str
    expired: str
    seconds: float
    per_second: float


class UnexpectedError(Exception):
    """The server answered in another way than it should."""


@dataclass(slots=True)
class Visit:
    """One client and its number."""

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
        """Return the arguments of a call in one of a few sessions."""
        wish = {"talk": f"v{self.number}", "pieces": pieces, "every_s": every_s, **more}
        return {"agent": "far", "session_id": f"session-{self.number % 8}", "prompt": json.dumps(wish)}

    async def right(self, host: Host, pieces: int, every_s: float, **more: Any) -> dict[str, Any]:
        """Make a call, collect it by its handle if it is handed off, and check the answer; return the last result."""
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
        """Make a call, wait for its first piece, and return the messages that follow."""
        answer = await host.call("invoke_agent", **arguments)
        messages = host.messages()
        async for message in messages:
            if f"v{self.number}#0@" in json.dumps(message):
                return messages
        raise UnexpectedError(f"{answer.status}, and the agent was not heard")

    async def refused(self, host: Host, *statuses: int) -> None:
        """Check that the next answer has one of these statuses."""
        status = (await host.answered()).status
        if status not in statuses:
            raise UnexpectedError(f"{status} where {statuses} was due")

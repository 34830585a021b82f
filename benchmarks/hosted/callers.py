"""The load generator, a process of its own. It reads one line of JSON from standard input, see ``Orders``.

It writes lines of JSON to standard output: ``{"ready": true}`` once all calls have begun, and at the end the figures
of a ``Tally``. It exits when standard input is closed.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import threading
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from agentcore_mcp.errors import AgentCoreError
from benchmarks.far_side import ARN, allow_many_connections
from benchmarks.hosted.raw import VERSIONS, Host
from benchmarks.hosted.tally import Listener, Tally

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from agentcore_mcp.runtime.client import RuntimeClient

# No call and no wait is longer: one that is, is a failure.
LIMIT_S = 120.0


class FailedError(Exception):
    """The answer to a call is an error, or no result."""


@dataclass(frozen=True, slots=True)
class Orders:
    """The load to generate.

    Attributes:
        what: ``stream``: each caller makes one streaming call after the other; ``hold``: each makes one and keeps it
            open; ``short``: each makes one call after the other over one connection, as fast as they are answered.
        url: The server's URL; the agent's with ``alone``.
        calls: The number of concurrent callers.
        seconds: The duration, from the moment when all have begun.
        alone: Whether to call the agent with the runtime client, without any server.
        agent: The argument ``agent``; "" for a server that has no such argument.
        tokens: Access tokens, one of each principal; callers are spread over them.
        pieces: The number of pieces in an answer.
        every_s: The time between two pieces.
    """

    what: str
    url: str
    calls: int
    seconds: float = 0.0
    alone: bool = False
    agent: str = ""
    tokens: list[str] = field(default_factory=list)
    pieces: int = 1
    every_s: float = 0.0

    @property
    def call_s(self) -> float:
        """How long an answer takes, in seconds."""
        return (self.pieces - 1) * self.every_s

    def host(self, number: int) -> Host:
        """Return the client of a caller; protocol versions alternate."""
        # Callers of one principal are of both versions, whatever their number.
        token = self.tokens[number // len(VERSIONS) % len(self.tokens)] if self.tokens else ""
        return Host(self.url, VERSIONS[number % len(VERSIONS)], token)

    def arguments(self, number: int, prompt: dict[str, Any]) -> dict[str, Any]:
        """Return the arguments of a call; each caller has one session."""
        here = {"agent": self.agent, "session_id": f"caller-{number}"} if self.agent else {}
        return {"prompt": json.dumps(prompt), **here}


def tell(**members: Any) -> None:
    """Write a line for the process that started this one."""
    print(json.dumps(members), flush=True)


async def main(orders: Orders) -> None:
    """Generate the load, and write its figures."""
    tally = Tally()
    if orders.what == "short":
        await short(orders, tally)
    elif orders.what == "hold":
        await hold(orders, tally)
    elif orders.alone:
        from agentcore_mcp.runtime import NoAuth
        from agentcore_mcp.runtime.client import RuntimeClient

        async with RuntimeClient(endpoint_url=orders.url, auth=NoAuth()) as client:
            await stream(orders, tally, partial(ask_alone, client))
    else:
        await stream(orders, tally, ask)
    tell(**tally.figures())


async def stream(orders: Orders, tally: Tally, ask: Callable[..., Awaitable[None]]) -> None:
    """Make one call after the other with each caller, until the time is over."""
    # Callers start one by one, so that the starts of their later calls are spread as well.
    ramp_s = max(orders.call_s, orders.calls / 200)
    loop = asyncio.get_running_loop()
    begin = loop.time()

    async def caller(number: int) -> None:
        await asyncio.sleep(ramp_s * number / orders.calls)
        turn = 0
        while loop.time() < begin + ramp_s + orders.seconds:
            turn += 1
            listener = Listener(tally, f"c{number}.{turn}", orders.pieces)
            try:
                async with asyncio.timeout(orders.call_s + LIMIT_S):
                    await ask(orders, number, listener)
            except (OSError, EOFError, TimeoutError, ValueError, FailedError, AgentCoreError) as error:
                tally.fail(type(error).__name__, error)
                await asyncio.sleep(1)  # as a client would, and not to spin

    async with asyncio.TaskGroup() as tasks:
        for number in range(orders.calls):
            tasks.create_task(caller(number))
        await asyncio.sleep(ramp_s)
        tell(ready=True)


def wish(orders: Orders, name: str) -> dict[str, Any]:
    """Return the request to the talker."""
    return {"talk": name, "pieces": orders.pieces, "every_s": orders.every_s}


async def ask(orders: Orders, number: int, listener: Listener) -> None:
    """Call the server's tool, and follow the answer to the result."""
    async with orders.host(number) as host:
        listener.began = time.perf_counter()
        answer = await host.call("invoke_agent", **orders.arguments(number, wish(orders, listener.name)))
        result = await follow(host, listener)
    if result is None or result.get("isError"):
        raise FailedError(f"{answer.status}: {json.dumps(result)}")
    if orders.agent:
        listener.end(result["structuredContent"]["text"], result["content"][0]["text"])
    else:
        listener.end(result["content"][0]["text"])


async def follow(host: Host, listener: Listener) -> dict[str, Any] | None:
    """Read an answer to its end; return the result or error of the call, or None if the answer has neither."""
    result = None
    async for message in host.messages():
        if message.get("method") == "notifications/progress":
            listener.hear(message["params"].get("message", ""))
        elif "id" in message:
            result = message["result"] if "result" in message else {"isError": True, **message["error"]}
    return result


async def ask_alone(client: RuntimeClient, orders: Orders, number: int, listener: Listener) -> None:
    """Call the agent, and follow its answer."""
    payload = json.dumps(wish(orders, listener.name)).encode()
    heard: list[str] = []
    listener.began = time.perf_counter()
    async with client.invoke(ARN, payload, session_id=f"caller-{number}".ljust(40, "0")) as invocation:
        async for events in invocation.batches:
            heard += events
            listener.hear("".join(events))
    listener.end("".join(heard))


async def hold(orders: Orders, tally: Tally) -> None:
    """Begin the calls, and keep them open until standard input is closed."""
    async with AsyncExitStack() as stack:

        async def begin(number: int) -> None:
            async with asyncio.timeout(LIMIT_S):
                host = await stack.enter_async_context(orders.host(number))
                listener = Listener(tally, f"c{number}.1", orders.pieces)
                await host.call("invoke_agent", **orders.arguments(number, wish(orders, listener.name)))
                async for message in host.messages():
                    listener.hear(message.get("params", {}).get("message", ""))
                    if listener.heard:
                        break
                else:
                    tally.fail("the call ended")

        for number in range(orders.calls):
            await begin(number)
        tell(ready=True)
        await asyncio.to_thread(sys.stdin.read)


async def short(orders: Orders, tally: Tally) -> None:
    """Make one call after the other with each caller, over one connection each, without a progress token."""
    end = time.monotonic() + orders.seconds

    async def caller(number: int) -> None:
        async with orders.host(number) as host:
            host.progress, turn = False, 0
            while time.monotonic() < end:
                turn += 1
                name, text, began = f"c{number}.{turn}", "", time.perf_counter()
                answer = await host.call("invoke_agent", **orders.arguments(number, wish(orders, name)))
                async for message in host.messages():
                    text = json.dumps(message) if "id" in message else text
                tally.first_ms.append((time.perf_counter() - began) * 1e3)
                if answer.status != 200 or f"{name}#0@" not in text or '"isError": true' in text:
                    tally.fail(f"answered with {answer.status}", text)
                    return
                tally.calls += 1

    tell(ready=True)
    async with asyncio.timeout(orders.seconds + LIMIT_S), asyncio.TaskGroup() as tasks:
        for number in range(orders.calls):
            tasks.create_task(caller(number))


def end_with_standard_input() -> None:
    """Exit once standard input is closed, which also happens when the parent process is killed."""
    sys.stdin.read()
    os._exit(1)


if __name__ == "__main__":
    allow_many_connections()
    given = Orders(**json.loads(sys.stdin.readline()))
    if given.what != "hold":
        threading.Thread(target=end_with_standard_input, daemon=True).start()
    asyncio.run(main(given))

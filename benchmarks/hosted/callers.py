"""The clients, in a process of their own: what they do is a line of JSON on standard input, see ``Orders``.

They tell how it goes in lines of JSON on standard output: ``{"ready": true}`` as soon as all of them are at it, and at
the end what a ``Tally`` counted. They end with standard input at the latest.
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
    """A call that was answered, and not with a good result."""


@dataclass(frozen=True, slots=True)
class Orders:
    """What the clients shall do.

    Attributes:
        what: ``stream`` calls again and again, each as long as its pieces make it; ``hold`` begins one call each and
            stays; ``short`` calls one after the other, as fast as they are answered.
        url: Of the server; of the agent itself with ``alone``.
        calls: How many go on at once.
        seconds: For how long, once all have begun.
        alone: Call the agent with the runtime client, without any server.
        agent: The name of the agent; "" where there is no such argument.
        tokens: Of the principals, which the calls are dealt out to.
        pieces: How many each call has.
        every_s: The time between two of them.
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
        """How long the agent speaks in a call."""
        return (self.pieces - 1) * self.every_s

    def host(self, number: int) -> Host:
        """Return the client of a caller: every other one speaks the other version."""
        # Callers of one principal are of both versions, whatever their number.
        token = self.tokens[number // len(VERSIONS) % len(self.tokens)] if self.tokens else ""
        return Host(self.url, VERSIONS[number % len(VERSIONS)], token)

    def arguments(self, number: int, prompt: dict[str, Any]) -> dict[str, Any]:
        """Return those of a call; each caller has a session of its own, and keeps it."""
        here = {"agent": self.agent, "session_id": f"caller-{number}"} if self.agent else {}
        return {"prompt": json.dumps(prompt), **here}


def tell(**members: Any) -> None:
    """Tell the process that gave the orders."""
    print(json.dumps(members), flush=True)


async def main(orders: Orders) -> None:
    """Do it, and tell what came of it."""
    tally = Tally()
    if orders.what == "short":
        await short(orders, tally)
    elif orders.what == "hold":
        await hold(orders, tally)
    elif orders.alone:
        from agentcore_mcp.runtime.auth import NoAuth
        from agentcore_mcp.runtime.client import RuntimeClient

        async with RuntimeClient(endpoint_url=orders.url, auth=NoAuth()) as client:
            await stream(orders, tally, partial(ask_alone, client))
    else:
        await stream(orders, tally, ask)
    tell(**tally.figures())


async def stream(orders: Orders, tally: Tally, ask: Callable[..., Awaitable[None]]) -> None:
    """Let each caller call, and call again when the answer has ended, until the time is over."""
    # Spread, so that calls begin all the time and not all at a time.
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
    """Return what the agent is to say."""
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
    """Hear the progress of a call, and return its result or error; None if there was neither."""
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
    """Begin the calls, and keep them until standard input ends: what they hold is then measured."""
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
    """Call as fast as the answers come, each caller on a connection that it keeps, and without progress."""
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
    """End this process when the one that started it has ended, however it did."""
    sys.stdin.read()
    os._exit(1)


if __name__ == "__main__":
    allow_many_connections()
    given = Orders(**json.loads(sys.stdin.readline()))
    if given.what != "hold":
        threading.Thread(target=end_with_standard_input, daemon=True).start()
    asyncio.run(main(given))

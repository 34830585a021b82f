"""What the MCP server adds to our own client: a long answer, the first piece, and what a streaming call holds.

The server is a process of its own on stdio or HTTP, the agent the far side; the MCP client is in this process. Beside
it runs the least that an MCP server can do on HTTP (``bare_relay.py``), with the same client.
"""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx2
from far_side import ARN, SESSION_ID, allow_many_connections, far_side
from mcp import Client, StdioServerParameters, stdio_client
from mcp.client.streamable_http import streamable_http_client
from rounds import medians_s

from agentcore_mcp.runtime.auth import NoAuth
from agentcore_mcp.runtime.client import RuntimeClient
from agentcore_mcp.wire.text import AnswerText

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

EVENTS = 100_000
LONG = json.dumps({"events": EVENTS, "per_chunk": 100})
IDLE = json.dumps({"idle": True})
WORDS = "some words"
FIRST_PIECES = 50
CALLS = 1_000
LIMIT_S = 120


@asynccontextmanager
async def serve(*arguments: str) -> AsyncIterator[tuple[str, int]]:
    """Run a server on HTTP, and give its URL and process id."""
    process = await asyncio.create_subprocess_exec(sys.executable, *arguments, stderr=subprocess.PIPE)
    try:
        assert process.stderr is not None
        yield (await process.stderr.readline()).decode().split()[-1], process.pid
    finally:
        process.kill()
        await process.wait()


async def main() -> None:
    allow_many_connections()
    async with AsyncExitStack() as stack:
        url = stack.enter_context(far_side())
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        config = Path(folder, "config.toml")
        # The far side takes what it shall send from the text of a command.
        config.write_text(  # noqa: ASYNC240
            f'[agents.far]\narn = "{ARN}"\nendpoint_url = "{url}"\npayload = "command"\nauth = {{ none = true }}\n'
        )
        servers = {
            "http": ("-m", "agentcore_mcp", "serve", "--port", "0", "--config", str(config)),
            "bare": (str(Path(__file__).with_name("bare_relay.py")), url),
        }
        running = {name: await stack.enter_async_context(serve(*command)) for name, command in servers.items()}
        stdio = StdioServerParameters(
            command=sys.executable, args=["-m", "agentcore_mcp", "--config", str(config)], env=dict(os.environ)
        )
        ours = await stack.enter_async_context(RuntimeClient(endpoint_url=url, auth=NoAuth()))
        hosts = {
            "stdio": await stack.enter_async_context(Client(stdio_client(stdio))),
            **{name: await stack.enter_async_context(Client(at)) for name, (at, _) in running.items()},
        }
        await relay(ours, {name: hosts[name] for name in ("stdio", "http")})
        await first_piece(ours, hosts)
        for name, (at, pid) in running.items():
            await many(name, at, pid)


async def relay(ours: RuntimeClient, hosts: dict[str, Client]) -> None:
    async def read() -> None:
        text, chars = AnswerText(), 0
        async with ours.invoke(ARN, LONG.encode(), session_id=SESSION_ID) as invocation:
            async for pieces in invocation.batches:
                chars += sum(map(len, map(text.feed, pieces)))
        assert chars + len(text.close()) == EVENTS * len("some words, ")

    async def relayed(host: Client) -> None:
        seen: list[float] = []

        async def on_progress(progress: float, _total: float | None, _message: str | None) -> None:
            seen.append(progress)

        result = await host.call_tool("invoke_agent", {"prompt": LONG}, progress_callback=on_progress)
        assert not result.is_error, result
        assert len(seen) > 1

    runs = {"ours": read, **{name: (lambda host=host: relayed(host)) for name, host in hosts.items()}}
    taken = await medians_s(runs)
    for name in hosts:
        print(
            f"{EVENTS:,} events over {name}: {taken[name] * 1e3:.0f} ms, {taken[name] / taken['ours']:.2f} times our "
            f"client reading them and their text ({taken['ours'] * 1e3:.0f} ms)"
        )


async def first_piece(ours: RuntimeClient, hosts: dict[str, Client]) -> None:
    async def read() -> float:
        start = time.perf_counter()
        async with ours.invoke(ARN, IDLE.encode(), session_id=SESSION_ID) as invocation:
            await anext(aiter(invocation))
            return time.perf_counter() - start

    async def relayed(host: Client) -> float:
        start = time.perf_counter()
        call = asyncio.create_task(streaming(host, came := asyncio.Event()))
        await asyncio.wait_for(came.wait(), LIMIT_S)
        taken = time.perf_counter() - start
        await cancelled(call)
        return taken

    times: dict[str, list[float]] = {"ours": [], **{name: [] for name in hosts}}
    for _ in range(FIRST_PIECES):
        times["ours"].append(await read())
        for name, host in hosts.items():
            times[name].append(await relayed(host))
    taken = {name: statistics.median(measured[1:]) * 1e3 for name, measured in times.items()}
    for name in hosts:
        print(f"first piece over {name}: {taken[name] - taken['ours']:.2f} ms after our client's {taken['ours']:.2f}")


async def streaming(host: Client, came: asyncio.Event) -> Any:
    """Call an agent that says one word and goes on; tell when that has come."""

    async def on_progress(_progress: float, _total: float | None, message: str | None) -> None:
        if message and WORDS in message:
            came.set()

    return await host.call_tool("invoke_agent", {"prompt": IDLE}, progress_callback=on_progress)


async def cancelled(*calls: asyncio.Task[Any]) -> None:
    for call in calls:
        call.cancel()
    await asyncio.gather(*calls, return_exceptions=True)


async def many(name: str, url: str, pid: int) -> None:
    # httpx2's default is 100 connections, and each call of this protocol era is one.
    http = httpx2.AsyncClient(timeout=None, limits=httpx2.Limits(max_connections=None))
    async with http, Client(streamable_http_client(url, http_client=http)) as host:
        before = resident_kib(pid)
        came = [asyncio.Event() for _ in range(CALLS)]
        calls = [asyncio.create_task(streaming(host, event)) for event in came]
        await asyncio.wait([asyncio.create_task(event.wait()) for event in came], timeout=LIMIT_S)
        each = (resident_kib(pid) - before) / CALLS
        lost = sum(not event.is_set() or call.done() for event, call in zip(came, calls, strict=True))
        print(f"{CALLS:,} streaming calls over {name}: {each:.0f} KiB each, {lost} lost")
        await cancelled(*calls)


def resident_kib(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS"))


if __name__ == "__main__":
    asyncio.run(main())

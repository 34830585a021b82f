"""How often an agent is run that says nothing for longer than its caller waits.

The runtime starts the agent with each request that it gets, so a client that sends again after its time limit runs the
agent twice: it is billed twice, and books twice. Each caller has an agent of its own, which counts and never answers.
The callers' time limits are scaled down to a second by their public settings. The server of awslabs has none: its
client is boto3 with all defaults, so it is waited for.
"""

from __future__ import annotations

import asyncio
import dataclasses
import tempfile
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.clients import ReadingError, reader
from benchmarks.far_side import read_wish
from benchmarks.hosted.processes import serving
from benchmarks.peers import MissingPeerError
from benchmarks.rounds import Part, Row, Sizes
from benchmarks.servers import LIMIT_S, RELAY, Server, awslabs_at, ours, proxy_to

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

READ_TIMEOUT_S = 1
CLIENTS = ("RuntimeClient", "AgentCoreRuntimeClient", "boto3", "bedrock-agentcore")
# Three times a minute, and pauses.
AWSLABS_LIMIT_S = 400.0


class SlowAgent:
    """Counts its runs, and never answers."""

    runs = 0
    url = ""

    async def serve(self, asked: asyncio.StreamReader, _answer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            while True:
                await read_wish(asked)
                self.runs += 1


@asynccontextmanager
async def slow_agent() -> AsyncIterator[SlowAgent]:
    agent = SlowAgent()
    async with await asyncio.start_server(agent.serve, "127.0.0.1", 0) as server:
        agent.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        yield agent
        server.close()


async def by_client(name: str) -> int:
    async with slow_agent() as agent:

        def ask() -> None:
            with reader(name, agent.url, read_timeout_s=READ_TIMEOUT_S) as one, suppress(ReadingError):
                one.read("events", {})

        await asyncio.to_thread(ask)
        return agent.runs


async def by_server(server: Server, agent: SlowAgent, limit_s: float) -> int:
    """Call the tool until its result, which is a failure, and return how often the agent ran."""
    async with server.host() as (client, _), asyncio.timeout(limit_s):
        await client.call_tool(server.tool, server.arguments({}), read_timeout_seconds=limit_s)
        return agent.runs


async def by_our_server() -> int:
    async with slow_agent() as agent:
        with tempfile.TemporaryDirectory() as folder:
            return await by_server(ours(Path(folder), agent.url, f"timeout_s = {READ_TIMEOUT_S}"), agent, LIMIT_S)


async def by_awslabs() -> int:
    async with slow_agent() as agent:
        return await by_server(awslabs_at(agent.url), agent, AWSLABS_LIMIT_S)


async def by_proxy() -> int:
    async with AsyncExitStack() as stack:
        agent = await stack.enter_async_context(slow_agent())
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        bare = await stack.enter_async_context(serving(Path(folder, "bare.log"), RELAY, "http", agent.url))
        proxy = proxy_to(bare.url)
        limited = dataclasses.replace(proxy, command=(*proxy.command, "--tool-timeout", str(READ_TIMEOUT_S)))
        return await by_server(limited, agent, LIMIT_S)


async def measure(sizes: Sizes) -> Part:
    """Return how often each ran the agent."""
    part = Part("A slow agent")
    runs: dict[str, float] = {}
    callers = {"agentcore-mcp": by_our_server, "mcp-proxy-for-aws": by_proxy}
    callers |= {name: lambda name=name: by_client(name) for name in CLIENTS}
    if sizes.slow_peers:
        callers["awslabs"] = by_awslabs
    else:
        part.missing["awslabs"] = "takes three minutes"
    names = list(callers)
    for name, found in zip(
        names, await asyncio.gather(*(one() for one in callers.values()), return_exceptions=True), strict=True
    ):
        if isinstance(found, MissingPeerError):
            part.missing[name] = str(found)
        elif isinstance(found, BaseException):
            raise found
        else:
            runs[name] = found
    part.rows.append(
        Row(
            "Runs of an agent that is silent for longer than its caller waits",
            "",
            runs,
            f"Time limits are scaled down to {READ_TIMEOUT_S} s; awslabs has its own of 60 s, three times.",
        )
    )
    return part

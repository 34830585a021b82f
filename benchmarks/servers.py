"""MCP servers beside each other: starting, tools/list, memory, the first words of an answer, a long answer.

Each is a process of its own with its own package's Python, on stdio unless it says HTTP; the agent is the far side,
the MCP client is in this process. They take turns. Peers that do no more than relay what an agent sends
(``bare_relay.py``) show the least that it takes. ``mcp-proxy-for-aws`` connects a host to an MCP server, so a bare
relay on HTTP is that server.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import tempfile
import time
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx2
from mcp import Client, StdioServerParameters, stdio_client
from mcp.client.streamable_http import streamable_http_client

from benchmarks.clients import KEYS
from benchmarks.far_side import ARN, allow_many_connections, far_side
from benchmarks.hosted.processes import serving
from benchmarks.hosted.samples import resident_mib
from benchmarks.peers import MissingPeerError, python_of
from benchmarks.rounds import Part, Row, Sizes, medians
from tests.support.processes import children

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

RELAY = str(Path(__file__).with_name("bare_relay.py"))
PER_CHUNK = 100
WORDS = "some words"
IDLE = json.dumps({"idle": True})
# An answer of ten pieces that takes a second.
SPOKEN = {"events": 11, "per_chunk": 1, "every_s": 0.1}
LIMIT_S = 120
# English in JSON is about four characters to a token.
CHARS_PER_TOKEN = 4
LIMIT_BYTES = 1 << 22
HELLO = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "benchmark", "version": "0"}}
LINES = [
    {"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": HELLO},
    {"jsonrpc": "2.0", "method": "notifications/initialized"},
    {"jsonrpc": "2.0", "id": 1, "method": "tools/list"},
]


@dataclass(frozen=True, slots=True)
class Server:
    """A server: its command, or where it already is, and its tool that asks the agent."""

    command: tuple[str, ...] = ()
    url: str = ""
    pid: int = 0  # of one that has a URL
    environ: dict[str, str] = field(default_factory=dict)
    tool: str = "invoke_agent"
    prompt: str = "prompt"
    fixed: dict[str, str] = field(default_factory=dict)

    def variables(self) -> dict[str, str]:
        """Return its environment, in which a first start keeps compiled modules, as pip does for what it installs."""
        inherited = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        return {**inherited, **KEYS, **self.environ}

    def arguments(self, wish: dict[str, Any]) -> dict[str, str]:
        return {self.prompt: json.dumps(wish), **self.fixed}

    @asynccontextmanager
    async def host(self) -> AsyncIterator[tuple[Client, int]]:
        """Connect as an MCP host does, and give the server's process id, too."""
        if self.url:
            async with Client(self.url) as client:
                yield client, self.pid
            return
        parameters = StdioServerParameters(command=self.command[0], args=[*self.command[1:]], env=self.variables())
        with Path(os.devnull).open("w") as nowhere:  # noqa: ASYNC230 - nothing waits there
            before = set(children(os.getpid()))
            async with Client(stdio_client(parameters, errlog=nowhere)) as client:
                # Others may have been started at once; the one that is asked for is the only one where it matters.
                yield client, min(set(children(os.getpid())) - before)


async def servers(stack: AsyncExitStack, part: Part) -> dict[str, Server]:
    """Return the contestants, those on HTTP already started."""
    url = stack.enter_context(far_side())
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
    stdio = ours(folder, url)
    arguments = ("serve", "--port", "0", *stdio.command[-2:])
    http = await stack.enter_async_context(serving(folder / "http.log", "-m", "agentcore_mcp", *arguments))
    bare = await stack.enter_async_context(serving(folder / "bare.log", RELAY, "http", url))
    found = {
        "agentcore-mcp": stdio,
        "bare MCPServer": Server((sys.executable, RELAY, "stdio", url)),
        "agentcore-mcp, HTTP": Server(url=http.url, pid=http.pid),
        "bare MCPServer, HTTP": Server(url=bare.url, pid=bare.pid),
    }

    def fastmcp() -> Server:
        return Server((python_of("FastMCP"), RELAY, "fastmcp", url))

    def awslabs() -> Server:
        return awslabs_at(url)

    def proxy() -> Server:
        return proxy_to(bare.url)

    for name, make in {"FastMCP": fastmcp, "awslabs": awslabs, "mcp-proxy-for-aws": proxy}.items():
        try:
            found[name] = make()
        except MissingPeerError as missing:
            part.missing[name] = str(missing)
    return found


def ours(folder: Path, url: str, *settings: str) -> Server:
    """Return our server on stdio, its configuration in a folder."""
    config = folder / "config.toml"
    # The far side takes what it shall send from the text of a command.
    agent = [f'arn = "{ARN}"', f'endpoint_url = "{url}"', 'payload = "command"', "auth = { none = true }"]
    config.write_text("\n".join(["[agents.far]", *agent, *settings]), encoding="utf-8")
    return Server((sys.executable, "-m", "agentcore_mcp", "--config", str(config)))


def awslabs_at(url: str) -> Server:
    """Return the server of awslabs, with requests to the runtime going to a URL."""
    program = Path(python_of("awslabs")).with_name("awslabs.amazon-bedrock-agentcore-mcp-server")
    environ = {"AWS_ENDPOINT_URL_BEDROCK_AGENTCORE": url, "FASTMCP_LOG_LEVEL": "ERROR"}
    return Server((str(program),), "", 0, environ, "invoke_agent_runtime", "payload", {"agent_runtime_arn": ARN})


def proxy_to(url: str) -> Server:
    """Return mcp-proxy-for-aws in front of an MCP server."""
    program = Path(python_of("mcp-proxy-for-aws")).with_name("mcp-proxy-for-aws")
    options = ("--service", "bedrock-agentcore", "--region", "us-west-2", "--disable-telemetry")
    return Server((str(program), url, *options))


async def measure(sizes: Sizes) -> Part:
    """Return what each server takes."""
    part = Part("MCP servers for AgentCore")
    allow_many_connections()
    async with AsyncExitStack() as stack:
        found = await servers(stack, part)
        await start(part, {name: server for name, server in found.items() if server.command}, sizes)
        running: dict[str, Client] = {}
        pids: dict[str, int] = {}
        for name, server in found.items():
            running[name], pids[name] = await stack.enter_async_context(server.host())
            await running[name].list_tools()
        at_rest = {name: tree_mib(pid) for name, pid in pids.items()}
        part.rows.append(Row("Memory after tools/list, of all its processes", "MiB", at_rest))
        await first(part, found, running, sizes)
        await long(part, found, running, sizes)
        part.rows.append(Row("Memory after these answers", "MiB", {name: tree_mib(pid) for name, pid in pids.items()}))
        held = {
            name: await many(found[name], sizes.streams) for name in ("agentcore-mcp, HTTP", "bare MCPServer, HTTP")
        }
        part.rows.append(Row(f"Each of {sizes.streams:,} streaming calls at once", "KiB", held))
    return part


def tree_mib(pid: int) -> float:
    """Return what a process and its descendants hold."""
    return resident_mib(pid) + sum(map(tree_mib, children(pid)))


async def start(part: Part, stdio: dict[str, Server], sizes: Sizes) -> None:
    listed: dict[str, int] = {}
    counted: dict[str, int] = {}

    def starting(name: str) -> Callable[[], Awaitable[float]]:
        async def run() -> float:
            began = time.perf_counter()
            process = await asyncio.create_subprocess_exec(
                *stdio[name].command,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
                limit=LIMIT_BYTES,
                env=stdio[name].variables(),
            )
            assert process.stdin is not None
            assert process.stdout is not None
            for line in LINES:
                process.stdin.write(json.dumps(line).encode() + b"\n")
            answer: dict[str, Any] = {}
            while answer.get("id") != 1:
                answer = json.loads(await asyncio.wait_for(process.stdout.readline(), LIMIT_S))
            taken = time.perf_counter() - began
            tools = answer["result"]["tools"]
            listed[name] = len(json.dumps(tools, ensure_ascii=False, separators=(",", ":")))
            counted[name] = len(tools)
            process.kill()
            await process.wait()
            return taken * 1e3

        return run

    started = await medians({name: starting(name) for name in stdio}, sizes.rounds)
    part.rows += [
        Row("Cold start, from starting the process to tools/list", "ms", started),
        Row("Tools", "", counted),
        Row("Characters of tools/list", "", listed),
        Row("Tokens of tools/list, about", "", {name: size / CHARS_PER_TOKEN for name, size in listed.items()}),
    ]


async def first(part: Part, found: dict[str, Server], running: dict[str, Client], sizes: Sizes) -> None:
    def asking(name: str) -> Callable[[], Awaitable[float]]:
        async def ask() -> float:
            began = time.perf_counter()
            came: list[float] = []

            async def on_progress(_progress: float, _total: float | None, message: str | None) -> None:
                if message and WORDS in message:
                    came.append(time.perf_counter())

            await call(found[name], running[name], SPOKEN, on_progress)
            return ((came or [time.perf_counter()])[0] - began) * 1e3

        return ask

    taken = await medians({name: asking(name) for name in found}, max(1, sizes.rounds // 2))
    part.rows.append(
        Row(
            "First words of an answer that takes a second",
            "ms",
            taken,
            "in the progress, or in the result if there is no progress",
        )
    )


async def long(part: Part, found: dict[str, Server], running: dict[str, Client], sizes: Sizes) -> None:
    wish = {"events": sizes.events // PER_CHUNK * PER_CHUNK, "per_chunk": PER_CHUNK}

    def asking(name: str) -> Callable[[], Awaitable[float]]:
        async def ask() -> float:
            async def on_progress(*_: object) -> None:
                pass

            began = time.perf_counter()
            await call(found[name], running[name], wish, on_progress)
            return (time.perf_counter() - began) * 1e3

        return ask

    taken = await medians({name: asking(name) for name in found}, max(1, sizes.rounds // 2))
    part.rows.append(
        Row(
            f"An answer of {wish['events']:,} events",
            "ms",
            taken,
            "awslabs' result has all of the raw stream, those of the others at most 38,000 characters.",
        )
    )


async def call(server: Server, host: Client, wish: dict[str, Any], on_progress: Any) -> None:
    result = await asyncio.wait_for(
        host.call_tool(server.tool, server.arguments(wish), progress_callback=on_progress), LIMIT_S
    )
    text = "".join(getattr(block, "text", "") for block in result.content)
    if result.is_error or WORDS not in text:
        raise RuntimeError(f"{server.command or server.url}: {text[:500]}")


async def many(server: Server, calls: int) -> float:
    """Return how many KiB a streaming call holds; all have to be streaming at once."""
    # httpx2's default is 100 connections, and each call of this protocol era is one.
    http = httpx2.AsyncClient(timeout=None, limits=httpx2.Limits(max_connections=None))
    async with http, Client(streamable_http_client(server.url, http_client=http)) as host:
        before = resident_mib(server.pid)
        came = [asyncio.Event() for _ in range(calls)]

        async def streaming(event: asyncio.Event) -> None:
            async def on_progress(_progress: float, _total: float | None, message: str | None) -> None:
                if message and WORDS in message:
                    event.set()

            await host.call_tool(server.tool, {server.prompt: IDLE}, progress_callback=on_progress)

        tasks = [asyncio.create_task(streaming(event)) for event in came]
        async with asyncio.timeout(LIMIT_S):
            for event in came:
                await event.wait()
        each = (resident_mib(server.pid) - before) * 1024 / calls
        lost = sum(task.done() for task in tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if lost:
            raise RuntimeError(f"{lost} of {calls} streaming calls ended")
    return each

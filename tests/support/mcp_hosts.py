"""An MCP host as the tests play one: the SDK's client, and our server as a real process on either transport."""

from __future__ import annotations

import os
import sys
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import anyio
from anyio.streams.buffered import BufferedByteReceiveStream
from mcp import Client, StdioServerParameters, stdio_client

from tests.support.waiting import WAIT_S

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from anyio.abc import Process

TRANSPORTS = ("stdio", "http")
# The handshake era (up to 2025-11-25) and the one without connections.
MODES = ("legacy", "2026-07-28")


@asynccontextmanager
async def connected(
    transport: str, mode: str = "legacy", *, env: Mapping[str, str], args: tuple[str, ...] = (), **client_args: Any
) -> AsyncIterator[Client]:
    """Start the server with flags and environment, and connect to it with a client of these arguments."""
    if transport == "stdio":
        server = StdioServerParameters(command=sys.executable, args=["-m", "agentcore_mcp", *args], env=dict(env))
        async with Client(stdio_client(server), mode=mode, **client_args) as client:
            yield client
    else:
        async with http_server(*args, env=env) as url, Client(url, mode=mode, **client_args) as client:
            yield client


@asynccontextmanager
async def http_server(*args: str, env: Mapping[str, str]) -> AsyncIterator[str]:
    """Run ``agentcore-mcp serve`` on a free port, and give its URL."""
    async with http_process(*args, env=env) as (url, _):
        yield url


@asynccontextmanager
async def http_process(*args: str, env: Mapping[str, str]) -> AsyncIterator[tuple[str, Process]]:
    """Run ``agentcore-mcp serve`` on a free port, and give its URL and its process, which is ended after the block."""
    command = [sys.executable, "-m", "agentcore_mcp", "serve", "--port", "0", *args]
    process = await anyio.open_process(command, stdout=None, env={**os.environ, **env})
    async with process:
        assert process.stderr is not None
        with anyio.fail_after(WAIT_S):
            told = BufferedByteReceiveStream(process.stderr)
            # What a worker says about a store that it can't reach may come first.
            while b"serving MCP" not in (line := await told.receive_until(b"\n", max_bytes=1000)):
                pass
        try:
            yield line.decode().split()[-1], process
        finally:
            if process.returncode is None:
                process.terminate()
            with anyio.fail_after(WAIT_S, shield=True):
                await process.wait()

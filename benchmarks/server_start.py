"""A server's cold start, from starting the process to having its list of tools, beside the least that it could be.

That is a bare ``MCPServer`` with three empty tools, run by the SDK itself. Both are started in turn.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys

from rounds import medians_s

ARN = "arn:aws:bedrock-agentcore:us-west-2:123456789012:runtime/benchmark-AbCdEfGhIj"
BARE = """
from mcp.server.mcpserver import MCPServer

server = MCPServer("bare", version="1")


@server.tool(description="one")
def one() -> str:
    return ""


@server.tool(description="two")
def two() -> str:
    return ""


@server.tool(description="three")
def three() -> str:
    return ""


server.run()
"""
HELLO = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "benchmark", "version": "0"}}
LINES = [
    {"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": HELLO},
    {"jsonrpc": "2.0", "method": "notifications/initialized"},
    {"jsonrpc": "2.0", "id": 1, "method": "tools/list"},
]
LIMIT_BYTES = 1 << 20


async def start(*arguments: str) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *arguments,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=LIMIT_BYTES,
        env={**os.environ, "AGENTCORE_RUNTIME_ARN": ARN},
    )
    assert process.stdin is not None
    assert process.stdout is not None
    for line in LINES:
        process.stdin.write(json.dumps(line).encode() + b"\n")
    while json.loads(await process.stdout.readline()).get("id") != 1:
        pass
    process.kill()
    await process.wait()


async def main() -> None:
    async def ours() -> None:
        await start("-m", "agentcore_mcp")

    async def bare() -> None:
        await start("-c", BARE)

    taken = await medians_s({"ours": ours, "bare": bare})
    print(
        f"cold start to tools/list: ours {taken['ours'] * 1e3:.0f} ms, {taken['ours'] / taken['bare']:.3f} times a "
        f"bare MCPServer with three empty tools ({taken['bare'] * 1e3:.0f} ms)"
    )


if __name__ == "__main__":
    asyncio.run(main())

"""The least that relays an agent's stream: a bare server with one tool, which passes on the bytes that it reads.

No words are read, nothing is coalesced, bounded or kept, no failure is explained, and no call can be handed over: what
our server takes beyond this is for that. It is made with the SDK's ``MCPServer``, or by ``fastmcp`` with FastMCP, and
speaks stdio, or on HTTP by uvicorn as our server is run: ``bare_relay.py stdio|fastmcp|http URL [close]``.
"""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import httpx2

# As in our server's results; a message of more than 1 MiB is refused by the SDK's client over HTTP.
RESULT_CHARS = 38_000


def tool(http: httpx2.AsyncClient, url: str, context: Any) -> Any:
    """Return the tool; the libraries find the context by its type."""

    async def invoke_agent(prompt: str, ctx: context) -> str:
        chunks: list[str] = []
        async with http.stream("POST", url, content=prompt.encode()) as response:
            async for chunk in response.aiter_bytes():
                chunks.append(chunk.decode())
                await ctx.report_progress(len(chunks), None, chunks[-1])
        return "".join(chunks)[-RESULT_CHARS:]

    # As text, it would be looked for among this module's names.
    invoke_agent.__annotations__ = {"prompt": str, "ctx": context, "return": str}
    return invoke_agent


async def main(line: str, url: str, connection: str = "keep-alive") -> None:
    """Serve; with ``close``, each call gets a connection of its own to the agent, as our client gives it."""
    limits = httpx2.Limits(max_connections=None)
    async with httpx2.AsyncClient(timeout=None, limits=limits, headers={"Connection": connection}) as http:
        if line == "fastmcp":
            from fastmcp import Context as FastContext, FastMCP

            fast = FastMCP("bare", version="1")
            fast.tool(description="Ask the agent")(tool(http, url, FastContext))
            await fast.run_async(show_banner=False, log_level="WARNING")
            return
        from mcp.server.mcpserver import Context, MCPServer

        server: MCPServer[None] = MCPServer("bare", version="1", log_level="WARNING", subscriptions=False)
        server.tool(description="Ask the agent")(tool(http, url, Context))
        if line == "stdio":
            await server.run_stdio_async()
        else:
            await serve(server)


async def serve(server: Any) -> None:
    import uvicorn

    from agentcore_mcp.server.transports.http import PATH
    from agentcore_mcp.server.transports.listening import bind

    config = uvicorn.Config(
        server.streamable_http_app(stateless_http=True), http="h11", log_config=None, access_log=False, ws="none"
    )
    with bind("127.0.0.1", 0) as listening:
        print(f"http://127.0.0.1:{listening.getsockname()[1]}{PATH}", file=sys.stderr, flush=True)
        await uvicorn.Server(config).serve(sockets=[listening])


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))

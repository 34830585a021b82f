"""The least that relays an agent's stream: a bare ``MCPServer`` with one tool, which passes on the bytes that it reads.

``server_relay.py`` and ``hosted`` run it on HTTP, by uvicorn as our server is run. No words are read, nothing is
coalesced, bounded or kept, no failure is explained, and no call can be handed over: what our server takes beyond this
is for that.
"""

from __future__ import annotations

import asyncio
import sys

import httpx2
import uvicorn
from mcp.server.mcpserver import Context, MCPServer

from agentcore_mcp.server.transports.http import PATH, bind


async def main(url: str, connection: str = "keep-alive") -> None:
    """Serve; with ``close``, each call gets a connection of its own to the agent, as our client gives it."""
    server: MCPServer[None] = MCPServer("bare", version="1", log_level="WARNING", subscriptions=False)
    limits = httpx2.Limits(max_connections=None)
    async with httpx2.AsyncClient(timeout=None, limits=limits, headers={"Connection": connection}) as http:

        @server.tool(description="Ask the agent")
        async def invoke_agent(prompt: str, ctx: Context) -> str:
            chunks: list[str] = []
            async with http.stream("POST", url, content=prompt.encode()) as response:
                async for chunk in response.aiter_bytes():
                    chunks.append(chunk.decode())
                    await ctx.report_progress(len(chunks), None, chunks[-1])
            return "".join(chunks)

        config = uvicorn.Config(
            server.streamable_http_app(stateless_http=True), http="h11", log_config=None, access_log=False, ws="none"
        )
        with bind("127.0.0.1", 0) as listening:
            print(f"http://127.0.0.1:{listening.getsockname()[1]}{PATH}", file=sys.stderr, flush=True)
            await uvicorn.Server(config).serve(sockets=[listening])


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))

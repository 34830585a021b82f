"""MCP servers as AgentCore hosts them, one that keeps sessions and one that keeps none."""

from __future__ import annotations

import os

from mcp.server.mcpserver import Context, MCPServer


def _server() -> MCPServer:
    server = MCPServer("adder", version="1")

    @server.tool()
    async def add(a: int, b: int, ctx: Context) -> int:
        """Add two numbers, and report progress."""
        await ctx.report_progress(1, 1, "adding")
        return a + b

    @server.tool()
    def pid() -> int:
        """Return the process id."""
        return os.getpid()

    return server


stateful = _server().streamable_http_app()
stateless = _server().streamable_http_app(stateless_http=True)

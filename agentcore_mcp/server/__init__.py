"""MCP hosts talk to us: the only room that imports mcp."""

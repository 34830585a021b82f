"""The MCP server that hosts talk to: the only room that imports mcp."""

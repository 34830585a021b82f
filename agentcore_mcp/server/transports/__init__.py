"""The transports of the MCP server: stdio and streamable HTTP."""

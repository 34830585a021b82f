"""Starts the server from an MCP bundle."""

from agentcore_mcp.cli import main

if __name__ == "__main__":
    main(prog_name="agentcore-mcp")

"""``python -m agentcore_mcp`` is the ``agentcore-mcp`` command."""

from agentcore_mcp.cli import main

if __name__ == "__main__":
    main(prog_name="agentcore-mcp")

"""Sample agents that speak A2A, AG-UI and MCP, hosted by ``agentcore-mcp local --protocol``: no model, no account."""

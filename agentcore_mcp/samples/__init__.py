"""Sample A2A, AG-UI and MCP agents without a model or account, hosted by ``agentcore-mcp local --protocol``."""

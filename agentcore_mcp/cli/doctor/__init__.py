"""``agentcore-mcp doctor``: one thing after the other that a call needs, and what to do where it is missing."""

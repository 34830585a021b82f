"""``agentcore-mcp doctor``: checks a call's requirements one by one, and says how to meet those that fail."""

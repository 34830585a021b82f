"""Real MCP hosts with this server, a scripted model and a local AgentCore; see ``test_hosts``."""

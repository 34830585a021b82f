"""AgentCore calls us: the framework agents are hosted in, and a small AgentCore to call on loopback."""

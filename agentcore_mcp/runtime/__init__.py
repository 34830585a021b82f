"""We call AgentCore: endpoints, authentication, the streaming client."""

"""The local AgentCore: the real wire protocol on loopback, real sessions, real subprocesses."""

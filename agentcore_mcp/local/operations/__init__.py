"""The operations of the local AgentCore, one module each: invoke, command, stop, WebSocket and shells."""

"""WebSockets to an agent and to interactive shells."""

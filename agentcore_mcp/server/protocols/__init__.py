"""Which protocol an agent speaks, and the clients for each protocol."""

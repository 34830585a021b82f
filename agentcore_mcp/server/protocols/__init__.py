"""Which protocol an agent speaks, and what asks it in that."""

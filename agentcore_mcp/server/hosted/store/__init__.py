"""What the workers of one server share, in Redis."""

"""One server for many people: who they are, what they may do, how much, and what an operator sees of it."""

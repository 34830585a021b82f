"""The operations of the tools for a person at a terminal, or a script: ask, run, stop, and what is still open."""

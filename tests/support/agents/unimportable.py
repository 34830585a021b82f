"""An agent that fails while it is imported."""

msg = "this agent is broken"
raise ValueError(msg)

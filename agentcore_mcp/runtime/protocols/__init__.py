"""Calling agents: a module for each protocol of a runtime. ``turn`` is shared by all of them."""

"""How agents are asked: a module for each protocol that a runtime may speak. ``turn`` has what they share."""

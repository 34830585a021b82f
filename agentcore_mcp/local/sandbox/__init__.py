"""The environment of agents and commands: sessions, their processes, folders, pipes and terminals."""

"""Where agents and commands run: sessions, their processes, folders, pipes and terminals."""

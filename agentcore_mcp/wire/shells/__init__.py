"""Interactive shells in a session: the frames of their WebSocket, and commands that are typed into one."""

"""Interactive shells in a session: the frames of their WebSocket, and commands as keyboard input."""

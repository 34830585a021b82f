"""Run by path, in a process of its own, to serve one session's agent: ``launcher.py APP LISTENER LIFELINE FOLDER``.

It imports nothing of this package, so that the agent process holds the user's code and uvicorn and nothing else.
LISTENER is an inherited socket that listens already: requests wait in its backlog until the agent is imported, so
nobody has to ask whether it is ready. LIFELINE is the read end of a pipe whose other end only the local AgentCore
has: when it ends, its owner is gone, and this process and its children go too.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading

import uvicorn


def _die_with_owner(lifeline: int) -> None:
    os.read(lifeline, 1)
    os.killpg(0, signal.SIGKILL)


def main(app: str, listener_fd: int, lifeline: int, folder: str) -> None:
    """Import the agent, from ``folder`` first if there is one, and serve it until killed."""
    for inherited in (listener_fd, lifeline):
        os.set_inheritable(inherited, False)
    threading.Thread(target=_die_with_owner, args=[lifeline], daemon=True).start()
    if folder:
        sys.path.insert(0, folder)
    # Without pings of its own: a client that reads slowly answers them slowly, and is not gone.
    config = uvicorn.Config(app, log_level="warning", access_log=False, ws_ping_interval=None)
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, listener_fd) as listener:
        uvicorn.Server(config).run(sockets=[listener])


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4])

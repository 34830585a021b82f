"""Listening sockets on the loopback address."""

from __future__ import annotations

import socket

HOST = "127.0.0.1"


def listen(port: int, *, backlog: int) -> socket.socket:
    """Return a socket that listens on 127.0.0.1; port 0 takes a free one.

    Raises:
        OSError: If the port is taken.
    """
    # Not `socket.create_server`, which doesn't set the protocol: asyncio only sets TCP_NODELAY on sockets with
    # IPPROTO_TCP, and without it each small response waits 40 ms for an acknowledgement.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((HOST, port))
        listener.listen(backlog)
    except OSError:
        listener.close()
        raise
    return listener

"""How connections are made: whom to trust, through which proxy, and how the kernel keeps a silent one alive.

Each call has one of its own, made for it and closed with it: bytes after the end of an answer can't become part
of another call's, and no request is sent on a connection that is being closed. Measured on loopback, that costs a call
2 ms of processor time with TLS, and across a network two round trips. To keep connections open, give a client an httpx2
transport that does so.
"""

from __future__ import annotations

import socket
import ssl
from contextlib import suppress
from typing import Any

# An agent may be silent for 15 minutes. Routers forget a silent connection sooner, AWS's NAT gateways after 350 s and
# some at home after one minute. So the kernel says something every 45 s, and gives up on a peer that doesn't answer
# for two minutes. Not every system lets all of it be set.
_KEEPALIVE_OPTIONS = [
    (level, getattr(socket, name), value)
    for level, name, value in (
        (socket.SOL_SOCKET, "SO_KEEPALIVE", 1),
        (socket.IPPROTO_TCP, "TCP_KEEPIDLE", 45),
        (socket.IPPROTO_TCP, "TCP_KEEPALIVE", 45),  # macOS's name for it
        (socket.IPPROTO_TCP, "TCP_KEEPINTVL", 15),
        (socket.IPPROTO_TCP, "TCP_KEEPCNT", 8),
    )
    if hasattr(socket, name)
]

# For calls without TLS: httpx2 would read the system's certificates for those, too.
NOBODY_TRUSTED = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def keep_alive(stream: Any) -> None:
    """Let the kernel keep a new connection alive, whether it leads to the runtime or to a proxy.

    httpx2 takes options for sockets only with a transport of one's own, which then has to see to proxies itself.
    """
    connection = stream.get_extra_info("socket")
    for option in _KEEPALIVE_OPTIONS:
        with suppress(OSError):  # known to Python, and not to this system
            connection.setsockopt(*option)

"""Connections: certificates, proxies, and TCP keep-alive for silent ones.

Each call opens and closes its own connection: bytes after the end of an answer can't become part of another answer, and
no request is sent on a connection that is being closed. Measured on loopback, that costs a call 2 ms of processor time
with TLS, and across a network two round trips. To keep connections open, give a client an httpx2 transport that does.
"""

from __future__ import annotations

import socket
import ssl
from contextlib import suppress
from typing import Any

# An agent may be silent for 15 minutes. Routers drop an idle connection sooner, AWS's NAT gateways after 350 s and some
# home routers after one minute. So the kernel sends a probe every 45 s, and gives up on a peer that doesn't answer for
# two minutes. Not every system supports all of these options.
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

# For calls without TLS, for which httpx2 would read the system's certificates too.
NOBODY_TRUSTED = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def keep_alive(stream: Any) -> None:
    """Enable TCP keep-alive on a new connection, to the runtime or to a proxy.

    httpx2 takes socket options only with a custom transport, which would then have to handle proxies itself.
    """
    connection = stream.get_extra_info("socket")
    for option in _KEEPALIVE_OPTIONS:
        with suppress(OSError):  # known to Python, but not supported by this system
            connection.setsockopt(*option)

"""The listening socket of a server; where workers share it, it is made before any heavy import."""

from __future__ import annotations

import socket

from agentcore_mcp.errors import ConfigurationError

# Connections that may wait to be accepted while the server starts or is busy.
_BACKLOG = 2048


def bind(host: str, port: int) -> socket.socket:
    """Return a listening socket.

    Raises:
        ConfigurationError: If the address can't be bound.
    """
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        both = family == socket.AF_INET6 and socket.has_dualstack_ipv6()
        listening = socket.create_server((host, port), family=family, backlog=_BACKLOG, dualstack_ipv6=both)
    except (OSError, UnicodeError) as error:
        raise ConfigurationError(
            f"can't listen on {host}:{port}: {getattr(error, 'strerror', None) or error}"
        ) from error
    # Connections inherit it. asyncio sets it only on sockets that it knows to be TCP, and without it each small
    # response would wait 40 ms for an ACK here.
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    listening.setblocking(False)
    return listening

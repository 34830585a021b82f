"""The socket that a server listens on, made before anything heavy is imported where workers share it."""

from __future__ import annotations

import socket

from agentcore_mcp.errors import ConfigurationError

# Connections that may wait to be accepted while the server starts or is busy.
_BACKLOG = 2048


def bind(host: str, port: int) -> socket.socket:
    """Return a listening socket.

    Raises:
        ConfigurationError: If there can't be one.
    """
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        both = family == socket.AF_INET6 and socket.has_dualstack_ipv6()
        listening = socket.create_server((host, port), family=family, backlog=_BACKLOG, dualstack_ipv6=both)
    except (OSError, UnicodeError) as error:
        raise ConfigurationError(
            f"can't listen on {host}:{port}: {getattr(error, 'strerror', None) or error}"
        ) from error
    # Connections inherit it. asyncio sets it only where it knows that a socket speaks TCP, and here each small answer
    # would wait 40 ms for an acknowledgement.
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    listening.setblocking(False)
    return listening

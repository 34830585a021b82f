"""The server on streamable HTTP, at ``/mcp``."""

from __future__ import annotations

import socket
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

from mcp.server.transport_security import TransportSecuritySettings

from agentcore_mcp.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from mcp.server.mcpserver import MCPServer

PATH = "/mcp"
# After SIGTERM, running calls get this long to end by themselves before they are cancelled.
GRACEFUL_SHUTDOWN_S = 1
# Connections that may wait to be accepted while the server starts or is busy.
_BACKLOG = 2048
_LOOPBACK_NAMES = ("127.0.0.1", "localhost", "[::1]")


async def serve_http(
    server: MCPServer[Any],
    *,
    host: str = "127.0.0.1",
    port: int = 8000,
    allowed_hosts: Sequence[str] = (),
    announce: Callable[[str], None],
) -> None:
    """Serve MCP over streamable HTTP until SIGTERM or SIGINT.

    Args:
        server: The server.
        host: The address to bind to.
        port: The port; 0 takes a free one.
        allowed_hosts: ``Host`` header values to accept besides loopback, such as ``mcp.example.com``. Needed when
            ``host`` is not loopback: without the check, any web page could reach the server by DNS rebinding.
        announce: Called with the URL once the socket is bound.

    Raises:
        ConfigurationError: If the address can't be bound, or needs ``allowed_hosts``.
    """
    import uvicorn

    if not _is_loopback(host) and not allowed_hosts:
        raise ConfigurationError(
            f"--host {host} is reachable by others: name the host that they use with --allowed-host NAME. There is no "
            "authentication in this server, so whoever reaches it can use its agent; keep it behind something that has"
        )
    app = server.streamable_http_app(
        streamable_http_path=PATH,
        transport_security=TransportSecuritySettings(
            enable_dns_rebinding_protection=True,
            allowed_hosts=[*(f"{name}:*" for name in _LOOPBACK_NAMES), *allowed_hosts],
            allowed_origins=[
                *(f"http://{name}:*" for name in _LOOPBACK_NAMES),
                *(f"https://{name}" for name in allowed_hosts),
            ],
        ),
    )
    listening = _bind(host, port)
    bound_host, bound_port = listening.getsockname()[:2]
    config = uvicorn.Config(
        app, log_level="warning", access_log=False, timeout_graceful_shutdown=GRACEFUL_SHUTDOWN_S, ws="none"
    )
    announce(f"http://{f'[{bound_host}]' if ':' in bound_host else bound_host}:{bound_port}{PATH}")
    with listening:
        await uvicorn.Server(config).serve(sockets=[listening])


def _bind(host: str, port: int) -> socket.socket:
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        # The protocol is named because asyncio looks at it before it switches Nagle's algorithm off; with
        # socket.create_server it would not, and each small answer would wait 40 ms for an acknowledgement.
        listening = socket.socket(family, kind, socket.IPPROTO_TCP)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
    except OSError as error:
        raise ConfigurationError(f"can't listen on {host}:{port}: {error.strerror or error}") from error
    listening.listen(_BACKLOG)
    listening.setblocking(False)
    return listening


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"

"""How connections are made: where to, whom to trust, and how the kernel keeps a silent one alive.

Each call has one of its own, made for it and closed with it: nothing that comes behind an answer can be taken for
another call's, and no request crosses with the closing of a connection that was kept. Measured on loopback, that costs
a call 2 ms of processor time with TLS, and across a network two round trips, before it takes seconds. Whoever wants
connections to be kept gives a client an httpx2 transport that does so.
"""

from __future__ import annotations

import socket
import ssl
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from agentcore_mcp.runtime.endpoints import check_endpoint_url, endpoint_for
from agentcore_mcp.runtime.environment import Certificates, trusts_environment
from agentcore_mcp.runtime.retries import DEFAULT_RETRIES, Retries
from agentcore_mcp.runtime.timeouts import CONNECT_TIMEOUT_S

if TYPE_CHECKING:
    import httpx2

    from agentcore_mcp.runtime.requests import RuntimeRequest
    from agentcore_mcp.wire.ids import Runtime

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
_NOBODY_TRUSTED = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionSettings:
    """How connections are made and used.

    Attributes:
        endpoint_url: Where to send everything, instead of to the service's host for the runtime's region.
        use_fips: Choose the host whose cryptography is validated by FIPS 140.
        use_dualstack: Choose the host that has IPv6 addresses too.
        connect_timeout_s: For a connection, its TLS handshake included.
        certificates: Those to trust.
        retries: How often a request is sent at most.

    Raises:
        ConfigurationError: If the endpoint URL is neither https nor on this machine, or FIPS or dual-stack is asked
            for besides it.
    """

    endpoint_url: str | None = None
    use_fips: bool = False
    use_dualstack: bool = False
    connect_timeout_s: float = CONNECT_TIMEOUT_S
    certificates: Certificates = field(default_factory=Certificates)
    retries: Retries = DEFAULT_RETRIES

    def __post_init__(self) -> None:
        if self.endpoint_url is not None:
            check_endpoint_url(self.endpoint_url, use_fips=self.use_fips, use_dualstack=self.use_dualstack)

    def url_for(self, runtime: Runtime) -> str:
        """Return the URL at which a runtime is called."""
        return endpoint_for(runtime, self.endpoint_url, use_fips=self.use_fips, use_dualstack=self.use_dualstack)

    def http_request(self, request: RuntimeRequest) -> httpx2.Request:
        """Return a request as httpx2 sends it, without credentials."""
        return request.to_http(self.url_for(request.runtime), self.connect_timeout_s)


def client_arguments(url: httpx2.URL, certificates: ssl.SSLContext | None) -> dict[str, Any]:
    """Return what either of httpx2's clients is made with, for one call to a URL; ``certificates`` if it is https."""
    return {
        "verify": certificates or _NOBODY_TRUSTED,
        "trust_env": trusts_environment(url),
        "follow_redirects": False,
    }


def keep_alive(stream: Any) -> None:
    """Let the kernel keep a new connection alive, whether it leads to the runtime or to a proxy.

    httpx2 takes options for sockets only with a transport of one's own, which then has to see to proxies itself.
    """
    for option in _KEEPALIVE_OPTIONS:
        with suppress(OSError):  # known to Python, and not to this system
            stream.get_extra_info("socket").setsockopt(*option)

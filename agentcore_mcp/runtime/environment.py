"""What the environment says about connections, proxies and certificates, and what it means if that can't be used.

The libraries read the variables; which ones apply to a connection is decided here, for HTTP and WebSockets alike.
"""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

import httpx2

from agentcore_mcp.errors import ConfigurationError
from agentcore_mcp.wire.loopback import is_loopback

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterator


class Certificates:
    """The certificates to trust, read when they are needed first and then kept: reading takes 20 ms or more.

    Args:
        tls: They themselves, or what reads them; None are the system's. Give the same ``Certificates``' ``read`` to
            several clients to have them read once.
    """

    def __init__(self, tls: ssl.SSLContext | Callable[[], ssl.SSLContext] | None = None) -> None:
        self._lock = threading.Lock()
        self._read = tls if callable(tls) else tls_context
        self.known = None if callable(tls) else tls

    def read(self) -> ssl.SSLContext:
        """Return them.

        Raises:
            ConfigurationError: If they can't be read.
        """
        with self._lock:
            if self.known is None:
                self.known = self._read()
            return self.known


def trusts_environment(url: httpx2.URL) -> bool:
    """As the AWS SDKs do, HTTPS_PROXY and NO_PROXY are followed; but no proxy reaches this machine's loopback."""
    return not is_loopback(url.host)


def tls_context() -> ssl.SSLContext:
    """Return the certificates to trust: the system's, or what SSL_CERT_FILE and SSL_CERT_DIR name.

    Raises:
        ConfigurationError: If they can't be read.
    """
    with environment_errors():
        return httpx2.create_ssl_context()


@contextmanager
def environment_errors() -> Iterator[None]:
    """Say which variables to look at if httpx2 can't use what they say; a proxy's address may hold a password."""
    try:
        yield
    except (ImportError, ValueError, OSError, httpx2.InvalidURL) as error:
        raise environment_error(error) from None


def environment_error(error: Exception) -> ConfigurationError:
    """Return what it means if a library can't use a proxy or certificates, without its text."""
    return ConfigurationError(
        "no connections can be made with the proxy or certificates that the environment names "
        f"({type(error).__name__}): check HTTPS_PROXY, HTTP_PROXY, ALL_PROXY, SSL_CERT_FILE and SSL_CERT_DIR"
    )

"""Environment variables for proxies and certificates, and the errors for unusable ones.

The libraries read the variables; this module decides which apply to a connection, for HTTP and WebSockets alike.
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
    """The certificates to trust, read at first use and then cached: reading takes 20 ms or more.

    Args:
        tls: The certificates, or a function that reads them; None are the system's. Give the same ``Certificates``'
            ``read`` to several clients to read them once.
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
    """Whether HTTPS_PROXY and NO_PROXY apply, as in the AWS SDKs; never for loopback, which no proxy can reach."""
    return not is_loopback(url.host)


def tls_context() -> ssl.SSLContext:
    """Return the certificates to trust: the system's, or those of SSL_CERT_FILE and SSL_CERT_DIR.

    Raises:
        ConfigurationError: If they can't be read.
    """
    with environment_errors():
        return httpx2.create_ssl_context()


@contextmanager
def environment_errors() -> Iterator[None]:
    """Translate httpx2's errors about proxies and certificates, without the proxy's URL, which may hold a password."""
    try:
        yield
    except (ImportError, ValueError, OSError, httpx2.InvalidURL) as error:
        raise environment_error(error) from None


def environment_error(error: Exception) -> ConfigurationError:
    """Return the error for an unusable proxy or certificates, without the library's text."""
    return ConfigurationError(
        "no connections can be made with the proxy or certificates that the environment names "
        f"({type(error).__name__}): check HTTPS_PROXY, HTTP_PROXY, ALL_PROXY, SSL_CERT_FILE and SSL_CERT_DIR"
    )

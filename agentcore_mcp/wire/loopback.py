"""This machine: what is sent to it never leaves it, so it need not be encrypted."""

from __future__ import annotations

import ipaddress
from functools import lru_cache

# As URLs and ``Host`` headers write it.
LOOPBACK_HOSTS = ("localhost", "127.0.0.1", "[::1]")
# As messages name it.
LOOPBACK_IN_WORDS = "localhost, 127.0.0.0/8 or [::1]"


@lru_cache
def is_loopback(host: str) -> bool:
    """Tell whether a host, as URLs in parts have it, is this machine. Names other than localhost are not."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False

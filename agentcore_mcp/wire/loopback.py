"""Loopback addresses: traffic to them never leaves this machine, so it need not be encrypted."""

from __future__ import annotations

import ipaddress
from functools import lru_cache

# As URLs and ``Host`` headers write it.
LOOPBACK_HOSTS = ("localhost", "127.0.0.1", "[::1]")
# As messages name it.
LOOPBACK_IN_WORDS = "localhost, 127.0.0.0/8 or [::1]"


@lru_cache
def is_loopback(host: str) -> bool:
    """Tell whether the host of a parsed URL is this machine; of host names, only localhost counts."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False

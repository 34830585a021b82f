"""Websites in sessions of a local AgentCore, and the ports they are on: one machine has each port once."""

from __future__ import annotations

import random
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from agentcore_mcp.wire.limits import ALLOWED_PORTS, RESERVED_PORT
from tests.support.agentcore import eventually

if TYPE_CHECKING:
    from collections.abc import Callable

WEBSITE = Path(__file__).parent / "agents" / "website.py"
# All that the service allows, in as few entries as it takes.
ANY_PORT = (f"{ALLOWED_PORTS[0]}-{RESERVED_PORT - 1}", f"{RESERVED_PORT + 1}-{ALLOWED_PORTS[-1]}")


def free_allowed_port() -> int:
    """Return a port of those that can be allowed, on which nothing listens."""
    while True:
        port = random.choice(ALLOWED_PORTS)
        with socket.socket() as probe:
            if port != RESERVED_PORT and probe.connect_ex(("127.0.0.1", port)):
                return port


def start_website(run: Callable[[str], object]) -> int:
    """Start the website by a command in a session, and return its port."""
    port = free_allowed_port()
    run(f"nohup {sys.executable} {WEBSITE} {port} >website.log 2>&1 &")

    def listens() -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    eventually(listens)
    return port

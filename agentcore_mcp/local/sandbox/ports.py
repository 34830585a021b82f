"""The ports of a session that its endpoint reaches: a runtime's ``allowedPorts``, and the processes that listen there.

All sessions share this machine's loopback interface, so only one of them can listen on a port at a time. With /proc, a
port can only be reached through the session whose process listens; without it, through every session.
"""

from __future__ import annotations

import os
import re
from contextlib import suppress
from functools import lru_cache
from typing import TYPE_CHECKING

from agentcore_mcp.errors import ConfigurationError
from agentcore_mcp.local.sandbox.jobs import PROC, marked
from agentcore_mcp.wire.limits import ALLOWED_PORTS, ALLOWED_PORTS_MAX_ENTRIES, RESERVED_PORT

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

_ENTRY = re.compile(r"([0-9]{4,5})(?:-([0-9]{4,5}))?")
# The state of a listening socket in /proc/net/tcp.
_LISTENING = "0A"


def allowed_ports(entries: Iterable[str | int]) -> tuple[int, ...]:
    """Return the ports of up to five entries, each a port or a range such as ``8010-8019``.

    Raises:
        ConfigurationError: If there are more, if they overlap, or if the service does not allow a port.
    """
    listed = [str(entry) for entry in entries]
    found = [_ENTRY.fullmatch(entry) for entry in listed]
    ranges = [range(int(one[1]), int(one[2] or one[1]) + 1) if one else range(0) for one in found]
    ports = [port for some in ranges for port in some]
    usable = all(ranges) and set(ports) <= {*ALLOWED_PORTS} - {RESERVED_PORT}
    if not usable or len(set(ports)) < len(ports) or len(listed) > ALLOWED_PORTS_MAX_ENTRIES:
        raise ConfigurationError(
            f"can't allow {', '.join(listed)}: give at most {ALLOWED_PORTS_MAX_ENTRIES} ports of {ALLOWED_PORTS[0]} to "
            f"{ALLOWED_PORTS[-1]}, or ranges of them such as 8010-8019, each port once and without {RESERVED_PORT}"
        )
    return tuple(ports)


def listens(directory: Path, port: int) -> bool:
    """Return whether a process of the session with this directory listens on a port."""
    if not PROC.is_dir():
        return True
    rows = []
    for table in ("tcp", "tcp6"):
        with suppress(FileNotFoundError):  # without IPv6
            rows += [line.split() for line in (PROC / "net" / table).read_text("ascii").splitlines()[1:]]
    listening = [row[9] for row in rows if row[3] == _LISTENING and row[1].endswith(f":{port:04X}")]
    return any(_is_of(directory, inode) for inode in listening)


@lru_cache
def _is_of(directory: Path, inode: str) -> bool:
    """Return whether a socket is a session's; cached, as this scans all processes of the machine."""
    for pid in marked(directory):
        with suppress(OSError):  # the process has exited
            if any(os.readlink(file) == f"socket:[{inode}]" for file in os.scandir(PROC / f"{pid}/fd")):  # noqa: PTH115
                return True
    return False

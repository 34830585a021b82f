"""Free ports, and waiting for what nobody announces."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import anyio

if TYPE_CHECKING:
    from collections.abc import Callable

# The start of a process is most of a second of computing, so ten or twenty seconds on a busy machine.
WAIT_S = 60


def free_port() -> int:
    """Return a port of loopback that was free just now."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
    return port


async def until(condition: Callable[[], bool]) -> None:
    """Wait until a condition holds, within the limit of all waits."""
    with anyio.fail_after(WAIT_S):
        while not condition():  # noqa: ASYNC110 - nobody announces it
            await anyio.sleep(0.01)

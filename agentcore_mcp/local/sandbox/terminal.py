"""A terminal: bash on its own pseudo-terminal, with input, output and size."""

from __future__ import annotations

import fcntl
import os
import pty
import struct
import termios
from typing import TYPE_CHECKING

import anyio

from agentcore_mcp.local.sandbox.jobs import SHELL, Job, command_environment
from agentcore_mcp.local.sandbox.pipes import OutputPipe

if TYPE_CHECKING:
    from pathlib import Path

# The traditional size, until the client sets another.
_COLUMNS, _ROWS = 80, 24
# The kernel's fields have 16 bits.
SIZE_MAX = 65_535
# The first terminal that a session leader opens becomes its controlling terminal, for ^C and job control.
_TAKE_TERMINAL = 'exec "$0" -i <>"$1" >&0 2>&0'


class Terminal:
    """A running bash and its terminal."""

    def __init__(self, job: Job, screen: OutputPipe, device: int) -> None:
        self.job = job
        self._screen = screen
        self._device = device

    @classmethod
    async def start(cls, cwd: Path) -> Terminal:
        """Start bash on a new terminal.

        Raises:
            OSError: If bash can't be started.
        """
        device, other_end = pty.openpty()  # type: ignore[attr-defined, unused-ignore]
        screen = OutputPipe((device, other_end))
        _set_size(device, _COLUMNS, _ROWS)
        environment = {"TERM": "xterm-256color", **command_environment(os.environ, cwd), "SHELL": SHELL}
        argv = [SHELL, "-c", _TAKE_TERMINAL, SHELL, os.ttyname(other_end)]  # type: ignore[attr-defined, unused-ignore]
        return cls(await Job.start(argv, cwd=cwd, env=environment, stdout=screen), screen, device)

    async def read(self, max_bytes: int) -> bytes:
        """Return the next output, or b"" at the end. One reader at a time."""
        data = await self._screen.read(max_bytes)
        if not data:
            self.close()
        return data

    async def write(self, data: bytes) -> None:
        """Send input; waits while bash does not read."""
        while data and self._screen.open:
            try:
                data = data[os.write(self._device, data) :]
            except BlockingIOError:
                await anyio.wait_writable(self._device)
            except OSError:
                # bash has exited.
                return

    def resize(self, columns: int, rows: int) -> None:
        """Change the terminal's size."""
        if self._screen.open:
            _set_size(self._device, columns, rows)

    def close(self) -> None:
        """Close the terminal. Not while it is being read."""
        self._screen.close()


def _set_size(device: int, columns: int, rows: int) -> None:
    fcntl.ioctl(device, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))  # type: ignore[attr-defined, unused-ignore]

"""The pipe for a process's output, read to the end of that process's own output, and no longer.

A pipe only ends when its last writer has closed it, and a shell may leave a background process that keeps it open for
hours. So the owner calls `end` when the process itself has exited: reading then ends once the pipe falls silent, or
after a second if it never does. Used for commands, agent processes and the terminals of shells.
"""

from __future__ import annotations

import errno
import fcntl
import os
import struct
import termios
import time

import anyio

# Time for helper processes to print the rest, such as `tee` after a redirection to `>(tee log)`.
_SILENCE_S = 0.2
# The limit if the pipe never falls silent, because a background process keeps printing.
_LAST_S = 1.0
# A slow client may take longer for the data in the pipe, and in the two pipes of `tee`; that much is read anyway.
_BUFFERED_BYTES = 2 * 65_536


class OutputPipe:
    """The read end of a pipe; the process gets ``writer``, and `close_writer` then closes our copy.

    Attributes:
        open: Whether there is anything to read, now or later.

    Args:
        ends: The read end and the write end of another kind of pipe, such as a terminal.
    """

    def __init__(self, ends: tuple[int, int] | None = None) -> None:
        self._reader, self.writer = ends or os.pipe()
        self.open = True
        os.set_blocking(self._reader, False)  # type: ignore[attr-defined, unused-ignore]
        # Once the process has exited: the deadline for more output, and how many bytes may be read even after it.
        self._until: float | None = None
        self._owed = 0
        self._waiting: anyio.CancelScope | None = None

    def close_writer(self) -> None:
        """Close our copy of the write end, once the process has its own."""
        os.close(self.writer)

    async def read(self, max_bytes: int) -> bytes:
        """Return the next bytes, at most ``max_bytes``, or nothing at the end."""
        while self.open and (self._until is None or self._owed > 0 or time.monotonic() < self._until):
            try:
                data = os.read(self._reader, max_bytes)
            except BlockingIOError:
                wait_s = None if self._until is None else min(_SILENCE_S, self._until - time.monotonic())
                with anyio.move_on_after(wait_s) as self._waiting:
                    await anyio.wait_readable(self._reader)
                if wait_s is not None and self._waiting.cancelled_caught:
                    break
                continue
            except OSError as exc:
                # On Linux, reading a closed terminal fails with EIO.
                if exc.errno != errno.EIO:
                    raise
                break
            self._owed -= len(data)
            return data
        return b""

    def end(self) -> None:
        """Note that the process has exited. Its output is in the pipe by now, which may be of any size."""
        if not self.open or self._until is not None:
            return
        (left,) = struct.unpack("i", fcntl.ioctl(self._reader, termios.FIONREAD, bytes(4)))  # type: ignore[attr-defined, unused-ignore]
        self._owed = left + _BUFFERED_BYTES
        self._until = time.monotonic() + _LAST_S
        if self._waiting is not None:
            self._waiting.cancel()

    async def discard(self) -> None:
        """Empty the pipe until its last writer has gone, then close it.

        For background processes that print after their command has ended: the command's output is complete, but closing
        the pipe would kill them with SIGPIPE.
        """
        self._until = None
        try:
            while await self.read(_BUFFERED_BYTES):
                pass
        finally:
            self.close()

    def close(self) -> None:
        """Close the read end, if it is open. Not while it is being read."""
        if self.open:
            self.open = False
            os.close(self._reader)

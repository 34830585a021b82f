"""The pipe a process prints into, read to the end of what belongs to that process, and no longer.

A pipe only ends when its last writer has gone, and a shell may leave a background process behind that keeps it open
for hours. So the owner says when the process that matters has exited: reading then ends once the pipe falls silent, or
after a second if it never does. Used by commands, by agent processes and, for a terminal, by shells.
"""

from __future__ import annotations

import errno
import fcntl
import os
import struct
import termios
import time

import anyio

# For what the process leaves to others to print, such as `tee` behind a redirection to `>(tee log)`.
_SILENCE_S = 0.2
# Where it is never silent, because a background process prints all the time.
_LAST_S = 1.0
# A client may take longer than that for what is in the pipe, and for what `tee` has in its own two.
_BUFFERED_BYTES = 2 * 65_536


class OutputPipe:
    """The read end of a pipe; ``writer`` is handed to the process, then closed here with `close_writer`.

    Attributes:
        open: Whether there is anything to read, now or later.

    Args:
        ends: The read end and the write end of another kind of pipe, such as a terminal.
    """

    def __init__(self, ends: tuple[int, int] | None = None) -> None:
        self._reader, self.writer = ends or os.pipe()
        self.open = True
        os.set_blocking(self._reader, False)  # type: ignore[attr-defined, unused-ignore]
        # Once the process has exited: until when to wait for more, and how much to read at any time if it is there.
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
                # How the end of a terminal reads on Linux.
                if exc.errno != errno.EIO:
                    raise
                break
            self._owed -= len(data)
            return data
        return b""

    def end(self) -> None:
        """Say that the process has exited. What it wrote is in the pipe by now, and a pipe may be of any size."""
        if not self.open or self._until is not None:
            return
        (left,) = struct.unpack("i", fcntl.ioctl(self._reader, termios.FIONREAD, bytes(4)))  # type: ignore[attr-defined, unused-ignore]
        self._owed = left + _BUFFERED_BYTES
        self._until = time.monotonic() + _LAST_S
        if self._waiting is not None:
            self._waiting.cancel()

    async def discard(self) -> None:
        """Empty the pipe until its last writer has gone, then close it.

        For background processes that print after their command has ended: its output is complete, and if the pipe were
        closed, SIGPIPE would kill them.
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

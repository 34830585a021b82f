"""The pipe a process prints into, read without ever waiting for more than that process wrote.

A pipe only ends when its last writer has gone, and a shell may leave a background process behind that keeps it open
for hours. So the owner says when the process that matters has exited: what it wrote is then in the pipe already, and
reading ends where that ends. Used by commands, by agent processes and, for a terminal, by shells.
"""

from __future__ import annotations

import errno
import os

import anyio

# Linux gives a pipe 64 KiB, macOS at most that. What a process wrote before it exited is never more, so reading this
# much after its exit is enough, even while a background process keeps writing.
PIPE_BYTES = 65_536


class OutputPipe:
    """The read end of a pipe; ``writer`` is handed to the process, then closed here with `close_writer`.

    Args:
        ends: The read end and the write end of another kind of pipe, such as a terminal.
    """

    def __init__(self, ends: tuple[int, int] | None = None) -> None:
        self._reader, self.writer = ends or os.pipe()
        os.set_blocking(self._reader, False)
        self._left: int | None = None
        self._waiting: anyio.CancelScope | None = None

    def close_writer(self) -> None:
        """Close our copy of the write end, once the process has its own."""
        os.close(self.writer)

    async def read(self, max_bytes: int) -> bytes:
        """Return the next bytes, at most ``max_bytes``, or nothing at the end."""
        while self._left != 0:
            try:
                data = os.read(self._reader, max_bytes if self._left is None else min(max_bytes, self._left))
            except BlockingIOError:
                if self._left is not None:
                    break
                with anyio.CancelScope() as self._waiting:
                    await anyio.wait_readable(self._reader)
                self._waiting = None
                continue
            except OSError as exc:
                # How the end of a terminal reads on Linux.
                if exc.errno != errno.EIO:
                    raise
                break
            if self._left is not None:
                self._left -= len(data)
            return data
        return b""

    def end(self) -> None:
        """Say that the process has exited: reading ends after what is in the pipe now."""
        self._left = PIPE_BYTES
        if self._waiting is not None:
            self._waiting.cancel()

    async def discard(self) -> None:
        """Empty the pipe until its last writer has gone or `end` is called again, then close it.

        For what background processes print after their command has ended: nobody reads it any more, and without
        this they would be killed by SIGPIPE when they print.
        """
        self._left = None
        try:
            while await self.read(PIPE_BYTES):
                pass
        finally:
            self.close()

    def close(self) -> None:
        """Close the read end."""
        os.close(self._reader)

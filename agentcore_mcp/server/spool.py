"""The whole of a long output, on disk for as long as somebody may want to read the part that a result left out.

One private folder for the process, removed at its end, or, if it was killed, by the next one that needs one. Bounded:
what is over the limit is counted and not kept, and so is what a full disk does not take. A call goes on without it.
"""

from __future__ import annotations

import logging
import os
import shutil
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Self

from agentcore_mcp.errors import AgentCoreError

if sys.platform != "win32":
    import fcntl

# Enough for the log of a long build; nobody pages through more with a model.
FILE_MAX_BYTES = 32 * 1024 * 1024
# Gathered before it is written: opening a file for each word of an agent would cost more than all the rest.
_BUFFER_BYTES = 64 * 1024
_PREFIX = "agentcore-mcp-spool-"
# A folder that another process has just made may not be locked yet.
_ABANDONED_AFTER_S = 60.0

logger = logging.getLogger(__name__)


class SpoolFolder:
    """Where this process keeps output; made when the first output is too long for a result."""

    def __init__(self) -> None:
        self._path: Path | None = None
        self._lock: int | None = None
        self._files = 0

    def new_file(self) -> Path:
        """Return the path of a file that is not there yet, in a folder that only this user can enter."""
        if self._path is None:
            _remove_abandoned()
            self._path = Path(tempfile.mkdtemp(prefix=_PREFIX))
            self._lock = _locked(self._path)
        self._files += 1
        return self._path / str(self._files)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        if self._path is not None:
            shutil.rmtree(self._path, ignore_errors=True)
            self._path = None
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


def _locked(folder: Path) -> int | None:
    """Return a descriptor that holds the lock of a folder of this user's until this process ends, however it ends.

    None without the lock. A process id in its name would not do: containers may share a folder for temporary files, and
    not their processes.
    """
    if sys.platform == "win32":
        return None
    else:  # noqa: RET505 - mypy knows only like this that it isn't Windows
        descriptor = os.open(folder, os.O_RDONLY | os.O_NOFOLLOW)
        with suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.fstat(descriptor).st_uid == os.getuid():
                return descriptor
        os.close(descriptor)
        return None


def _remove_abandoned() -> None:
    """Remove the folders of this user's processes that were killed."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        # It may be gone meanwhile, or not ours to open.
        with suppress(OSError):
            old = time.time() - folder.lstat().st_mtime > _ABANDONED_AFTER_S
            if old and (lock := _locked(folder)) is not None:
                shutil.rmtree(folder, ignore_errors=True)
                os.close(lock)


class Spool:
    """One output, appended to while it arrives and read by byte ranges. Holds no file open in between.

    Args:
        folder: Where its file goes.
        max_bytes: How much is kept.
    """

    def __init__(self, folder: SpoolFolder, max_bytes: int = FILE_MAX_BYTES) -> None:
        self._folder = folder
        self._max_bytes = max_bytes
        self._path: Path | None = None
        self._buffer = bytearray()
        self.kept_bytes = 0
        self.dropped_bytes = 0

    def append(self, text: str) -> None:
        """Keep more of the output."""
        data = text.encode()
        kept = _whole_characters(data[: self._max_bytes - self.kept_bytes])
        self._buffer += kept
        self.kept_bytes += len(kept)
        if len(kept) < len(data):
            self._drop(len(data) - len(kept))
        if len(self._buffer) >= _BUFFER_BYTES:
            self._write()

    def read(self, offset: int, max_chars: int) -> tuple[str, int]:
        """Return up to ``max_chars`` characters from a byte offset on, and the offset after them.

        An offset inside a character means the one after it.

        Raises:
            AgentCoreError: If it can't be read.
        """
        self._write()
        if self._path is None or offset >= self.kept_bytes:
            return "", self.kept_bytes
        try:
            with self._path.open("rb") as file:
                file.seek(offset)
                # A character has at most four bytes; the slack is for one that the offset or the end cuts in two.
                data = file.read(min(4 * max_chars + 3, self.kept_bytes - offset))
        except OSError as error:
            raise AgentCoreError(f"what is kept of this output can't be read: {error.strerror}") from error
        skipped = len(data) - len(data.lstrip(bytes(range(0x80, 0xC0)))) if offset else 0
        text = data[skipped:].decode("utf-8", "ignore")[:max_chars]
        return text, offset + skipped + len(text.encode())

    def _write(self) -> None:
        if not self._buffer:
            return
        written = 0
        try:
            if self._path is None:
                self._path = self._folder.new_file()
            # Unbuffered, so that what was written is known where the disk is full.
            with self._path.open("ab", buffering=0) as file:
                while written < len(self._buffer):
                    written += file.write(self._buffer[written:])
        except OSError as error:
            logger.warning("a part of a long output can't be kept for read_output: %s", error.strerror)
            lost = len(self._buffer) - len(_whole_characters(self._buffer[:written]))
            self.kept_bytes -= lost
            self._drop(lost)
        self._buffer.clear()

    def _drop(self, count: int) -> None:
        """Count what is not kept. Nothing is kept after it: a text with a gap would not say that it has one."""
        self.dropped_bytes += count
        self._max_bytes = self.kept_bytes

    def close(self) -> None:
        """Remove its file."""
        self._buffer.clear()
        if self._path is not None:
            self._path.unlink(missing_ok=True)
            self._path = None


def _whole_characters(data: bytes | bytearray) -> bytes:
    """Return UTF-8 without the beginning of a character at its end."""
    return data.decode("utf-8", "ignore").encode()

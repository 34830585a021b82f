"""Folders: where the sessions' directories are, and how they go, whatever was done to them."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

# A killed process may still be writing while its directory is deleted; a second try finds it dead.
_REMOVE_TRIES = 5
_REMOVE_PAUSE_S = 0.05


@contextmanager
def private_folder() -> Iterator[Path]:
    """Make a folder that only this user can enter, and remove it at the end."""
    folder = Path(tempfile.mkdtemp(prefix="agentcore-local-")).resolve()
    try:
        yield folder
    finally:
        remove_tree(folder)


def remove_tree(directory: Path) -> None:
    """Delete a directory that killed processes may still be leaving, and that they may have made unreadable."""
    for _ in range(_REMOVE_TRIES):
        shutil.rmtree(directory, ignore_errors=True)
        if not directory.exists():
            return
        for folder, _, _ in os.walk(directory):
            Path(folder).chmod(0o700)
        time.sleep(_REMOVE_PAUSE_S)

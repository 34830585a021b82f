"""Folders: creating the parent of the sessions' directories, and deleting them whatever state they are in."""

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

# A killed process may still be writing while its directory is deleted; by a second try, it is dead.
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
    """Delete a directory that dying processes may still write to, and that they may have made unreadable."""
    for _ in range(_REMOVE_TRIES):
        shutil.rmtree(directory, ignore_errors=True)
        if not directory.exists():
            return
        for folder, _, _ in os.walk(directory):
            Path(folder).chmod(0o700)
        time.sleep(_REMOVE_PAUSE_S)

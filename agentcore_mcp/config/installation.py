"""The key of this installation, which keeps short names of sessions valid after a restart, but nowhere else."""

from __future__ import annotations

import logging
import os
import secrets
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

KEY_BYTES = 32

logger = logging.getLogger(__name__)


def installation_key(environ: Mapping[str, str] = os.environ) -> bytes:
    """Return the key, which is created on first use and kept in the user's state folder.

    If it can't be kept there, a warning is logged, and the key only lasts for this process.

    Args:
        environ: Determines the folder: in XDG_STATE_HOME, LOCALAPPDATA, or ``.local/state`` at HOME.
    """
    try:
        path = state_folder(environ) / "installation.key"
        with suppress(FileNotFoundError):
            return _read(path)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # The file is created atomically, and the first one wins if several servers start at once.
        with tempfile.NamedTemporaryFile(dir=path.parent) as file:
            file.write(secrets.token_bytes(KEY_BYTES))
            file.flush()
            with suppress(FileExistsError):
                os.link(file.name, path)
        return _read(path)
    except (OSError, RuntimeError) as error:
        logger.warning("short names of sessions mean the same only until this server ends: %s", error)
        return secrets.token_bytes(KEY_BYTES)


def state_folder(environ: Mapping[str, str]) -> Path:
    """Return the folder for this program's state, which may not exist."""
    # Relative paths have to be ignored, as for the configuration file in ``config.loading``.
    for variable, below in (("XDG_STATE_HOME", ""), ("LOCALAPPDATA", ""), ("HOME", ".local/state")):
        if (folder := Path(environ.get(variable, ""))).is_absolute():
            return folder / below / "agentcore-mcp"
    return Path.home() / ".local/state/agentcore-mcp"


def _read(path: Path) -> bytes:
    key = path.read_bytes()
    if len(key) != KEY_BYTES:
        raise OSError(f"{path} has {len(key)} bytes, and a key has {KEY_BYTES}; remove it to have a new one made")
    return key

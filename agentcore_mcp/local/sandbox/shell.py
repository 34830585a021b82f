"""The shell that commands and terminals run, and the environment that it has."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

SHELL = "/bin/bash"
# A command sees these variables of ours and no others: what it runs may have been chosen by a model, and the rest of
# the environment is where credentials are kept.
_PASSED_ENVIRONMENT = (
    *("PATH", "LANG", "LANGUAGE", "TERM", "TZ", "TMPDIR", "USER", "LOGNAME", "SHELL"),
    *("LC_ALL", "LC_CTYPE", "LC_COLLATE", "LC_MESSAGES", "LC_MONETARY", "LC_NUMERIC", "LC_TIME"),
)


def command_environment(environ: Mapping[str, str], home: Path) -> dict[str, str]:
    """Return the environment of commands: a few harmless variables, and the session's directory as the home."""
    return {name: environ[name] for name in _PASSED_ENVIRONMENT if name in environ} | {"HOME": str(home)}

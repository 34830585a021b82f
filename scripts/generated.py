"""What the scripts that generate files from the code share: writing the files, or with ``--check`` comparing them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT = Path(__file__).parent.parent


def write_or_check(files: Mapping[Path, str]) -> int:
    """Write the files, or if the command line has ``--check``, say which ones are stale; return the exit code."""
    stale = [path for path, text in files.items() if not path.exists() or path.read_text(encoding="utf-8") != text]
    if "--check" in sys.argv[1:]:
        for path in stale:
            print(f"{path} is stale: run python {sys.argv[0]}", file=sys.stderr)
        return bool(stale)
    for path in stale:
        path.write_text(files[path], encoding="utf-8")
    return 0

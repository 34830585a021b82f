"""Node.js for the judges that are written for it: where it is, what to do where it is not, and their packages."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

# Set by `.ci/run`, which installs Node: there a judge that stays away is a failure.
REQUIRE = "AGENTCORE_MCP_REQUIRE_NODE"
INSTALL_LIMIT_S = 240


def require_node(least: int = 18) -> None:
    """Skip the test on a machine without npm and Node of a version, or fail it where they are promised."""
    missing = [name for name in ("node", "npm") if shutil.which(name) is None]
    problem = f"{' and '.join(missing)} can't be found" if missing else ""
    if not missing:
        version = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True).stdout.strip()
        if int(version.removeprefix("v").split(".")[0]) < least:
            problem = f"there is {version}"
    if problem and os.environ.get(REQUIRE):
        pytest.fail(f"{REQUIRE} is set, and needs Node.js {least} with npm: {problem}")
    if problem:
        pytest.skip(f"needs Node.js {least} or later with npm: {problem}")


def install(folder: Path) -> None:
    """Install the packages of a folder's ``package.json`` beside it, unless that has been done since it changed.

    Of several workers of pytest-xdist, one installs and the others wait.
    """
    done = folder / "node_modules" / ".package-lock.json"
    with (folder / "package.json").open() as manifest:
        fcntl.flock(manifest, fcntl.LOCK_EX)  # type: ignore[attr-defined, unused-ignore]
        if done.exists() and done.stat().st_mtime > os.fstat(manifest.fileno()).st_mtime:
            return
        npm = subprocess.run(
            ["npm", "install", "--no-package-lock", "--no-audit", "--no-fund"],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=INSTALL_LIMIT_S,
            check=False,
        )
    assert npm.returncode == 0, npm.stderr

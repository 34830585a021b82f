"""Node.js for the judges that are written for it: where it is, and what to do where it is not."""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest

# Set by `.ci/run`, which installs Node: there a judge that stays away is a failure.
REQUIRE = "AGENTCORE_MCP_REQUIRE_NODE"


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

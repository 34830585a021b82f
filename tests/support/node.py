"""Node.js for the judges that are written for it: where it is, and what to do where it is not."""

from __future__ import annotations

import os
import shutil

import pytest

# Set by `.ci/run`, which installs Node: there a judge that stays away is a failure.
REQUIRE = "AGENTCORE_MCP_REQUIRE_NODE"


def require_node() -> None:
    """Skip the test on a machine without Node and npm, or fail it where they are promised."""
    missing = [name for name in ("node", "npm") if shutil.which(name) is None]
    if missing and os.environ.get(REQUIRE):
        pytest.fail(f"{REQUIRE} is set, and {' and '.join(missing)} can't be found")
    if missing:
        pytest.skip(f"needs Node.js 18 or later with npm: {' and '.join(missing)} can't be found")

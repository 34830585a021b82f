"""The peers that are measured beside this project, each in a virtual environment of its own, made at first use.

They are kept in the user's cache folder; delete it to get newer releases. ``python -m benchmarks.peers`` only makes
them.
"""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import venv
from functools import cache
from pathlib import Path

# The distribution of each.
PEERS = {
    "awslabs": "awslabs.amazon-bedrock-agentcore-mcp-server",
    "mcp-proxy-for-aws": "mcp-proxy-for-aws",
    "FastMCP": "fastmcp",
    "boto3": "boto3",
    "bedrock-agentcore": "bedrock-agentcore",
}
FOLDER = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "agentcore-mcp-benchmarks"
INSTALL_LIMIT_S = 300


class MissingPeerError(Exception):
    """A peer that does not install here, with the reason."""


@cache
def python_of(name: str) -> str:
    """Return the interpreter of a peer's environment, which is made if there is none.

    Raises:
        MissingPeerError: If it does not install.
    """
    folder = FOLDER / name
    python, done = folder / "bin" / "python", folder / "installed"
    FOLDER.mkdir(parents=True, exist_ok=True)
    # Tests in several processes come here at once.
    with (FOLDER / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.exists():
            venv.create(folder, with_pip=True, clear=True)
            command = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", PEERS[name]]
            try:
                subprocess.run(command, check=True, capture_output=True, text=True, timeout=INSTALL_LIMIT_S)
            except subprocess.CalledProcessError as failure:
                raise MissingPeerError(failure.stderr.strip().rpartition("\n")[2]) from None
            except subprocess.TimeoutExpired:
                raise MissingPeerError(f"not installed within {INSTALL_LIMIT_S} s") from None
            done.touch()
    return str(python)


@cache
def version_of(name: str) -> str:
    """Return the installed version of a peer."""
    ask = f"from importlib.metadata import version; print(version({PEERS[name]!r}))"
    return subprocess.run([python_of(name), "-c", ask], check=True, capture_output=True, text=True).stdout.strip()


def main() -> None:
    for name in PEERS:
        try:
            print(f"{name}: {version_of(name)}")
        except MissingPeerError as missing:
            print(f"{name}: not here, {missing}", file=sys.stderr)


if __name__ == "__main__":
    main()

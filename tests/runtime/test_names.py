"""The names that this room gives, resolved on first use."""

from __future__ import annotations

import subprocess
import sys

import pytest

from agentcore_mcp import runtime


@pytest.mark.parametrize("name", runtime.__all__)
def test_every_name_is_there(name: str) -> None:
    assert getattr(runtime, name).__name__ == name


@pytest.mark.parametrize(
    ("statement", "too_heavy"),
    [
        ("import agentcore_mcp.runtime", "anyio botocore httpx2 mcp websockets"),
        ("from agentcore_mcp import AgentCoreRuntimeClient as C; C()", "botocore boto3 mcp websockets"),
        ("from agentcore_mcp.runtime import connect", "botocore boto3 mcp"),
    ],
)
def test_nothing_is_loaded_before_it_is_needed(statement: str, too_heavy: str) -> None:
    script = f"{statement}; import sys; print(*(set({too_heavy.split()!r}) & set(sys.modules)))"
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=30, check=True)

    assert run.stdout == "\n"

"""The blocking half of the runtime client is what ``scripts/unasync.py`` makes of the async one, and it only blocks."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.waiting import WAIT_S

ROOT = Path(__file__).parent.parent.parent
BLOCKING = ROOT / "agentcore_mcp" / "runtime" / "blocking"
GENERATED = sorted(path for path in BLOCKING.glob("*.py") if path.name != "__init__.py")


def test_no_blocking_module_is_stale_or_edited() -> None:
    check = [sys.executable, str(ROOT / "scripts" / "unasync.py"), "--check"]
    run = subprocess.run(check, capture_output=True, text=True, timeout=WAIT_S, check=False)

    assert (run.returncode, run.stderr) == (0, "")


@pytest.mark.parametrize("path", GENERATED, ids=lambda path: path.stem)
def test_a_blocking_module_says_so_and_has_nothing_async(path: Path) -> None:
    text = path.read_text(encoding="utf-8")

    assert text.startswith("# Generated from agentcore_mcp/runtime/")
    asynchronous = (ast.AsyncFunctionDef, ast.AsyncWith, ast.AsyncFor, ast.Await)
    assert not [node for node in ast.walk(ast.parse(text)) if isinstance(node, asynchronous)]
    assert "anyio" not in text

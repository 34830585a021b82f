"""The benchmarks of a hosted server, small: that they run, and that what they count is right."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.balancers import require
from tests.support.redis import require_redis

ROOT = Path(__file__).parent.parent
LIMIT_S = 150
pytestmark = pytest.mark.timeout(LIMIT_S + 10)


@pytest.fixture(autouse=True)
def _whole_stack() -> None:
    require_redis()
    require("nginx")


def measured(folder: Path, *part: str) -> Any:
    """Run a part of the benchmark, and return its figures."""
    figures = folder / "figures.json"
    command = [sys.executable, "-m", "benchmarks.hosted", "--json", f"{figures}", *part]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=LIMIT_S, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(figures.read_text(encoding="utf-8"))[part[0]]


def test_no_call_of_a_load_loses_a_piece_or_gets_one_of_another(tmp_path: Path) -> None:
    [found] = measured(tmp_path, "load", "--calls", "10", "--seconds", "2", "--every", "0.1")

    assert found["hosted"]["calls"] >= 10
    for figures in (found["hosted"], *found["alone"]):
        assert (figures["lost"], figures["mixed"], figures["failed"]) == (0, 0, {})
        assert figures["pieces"] == 7 * figures["calls"]


def test_good_calls_are_right_while_all_kinds_of_guests_come(tmp_path: Path) -> None:
    found = measured(tmp_path, "soak", "--minutes", "0.08", "--rate", "10")

    assert found["visits"]["calls"] >= 5
    assert (found["visits"]["lost"], found["visits"]["mixed"], found["visits"]["failed"]) == (0, 0, {})
    assert found["tracebacks"] == 0
    assert (found["after"]["agent streams"], found["after"]["redis slots"]) == (0, 0)

"""The benchmarks, small: that they run, and that what they count is right."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from tests.support.balancers import require
from tests.support.browser import require_browser
from tests.support.redis import require_redis

ROOT = Path(__file__).parent.parent
LIMIT_S = 150
pytestmark = pytest.mark.timeout(2 * LIMIT_S)
# The site's backgrounds.
LIGHT, DARK = "#ffffff", "#1e2129"


def side_by_side(folder: Path, *parts: str) -> dict[str, dict[str, dict[str, float]]]:
    """Run parts of all benchmarks; return the values of each row by the contestants, by part and row.

    The peers are installed if they are not yet.
    """
    figures = folder / "figures.json"
    command = [sys.executable, "-m", "benchmarks", *parts, "--tiny", "--json", f"{figures}", "--write", f"{folder}"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=2 * LIMIT_S, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(figures.read_text(encoding="utf-8"))
    return {name: {row["what"]: row["values"] for row in part["rows"]} for name, part in found.items()}


@pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")
def test_servers_are_measured_side_by_side(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="needs the extra bench")
    found = side_by_side(tmp_path, "servers")["servers"]

    for values in found.values():
        assert {name.removesuffix(", HTTP") for name in values} >= {"agentcore-mcp", "bare MCPServer"}
    assert found["Tools"]["agentcore-mcp"] == 5
    # An answer of a second; words that wait for its end are a second late.
    assert found["First words of an answer that takes a second"]["agentcore-mcp"] < 900


@pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")
def test_what_was_measured_is_a_page_with_tables_and_pictures(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="needs the extra bench")
    found = side_by_side(tmp_path, "slow", "clients", "local", "fuzz")

    [runs] = found["slow"].values()
    assert (runs["agentcore-mcp"], runs["RuntimeClient"], runs["AgentCoreRuntimeClient"]) == (1, 1, 1)
    assert runs.get("boto3", 3) > 1
    assert found["fuzz"]["Inputs within 0.5 s"]["findings"] == 0
    page = (tmp_path / "benchmarks.md").read_text("utf-8")
    for name, rows in found.items():
        assert f"(benchmarks/{name}.svg)" in page
        assert all(f"| {what}" in page for what in rows)
        picture = ElementTree.parse(tmp_path / f"benchmarks/{name}.svg").getroot()
        assert picture.tag == "{http://www.w3.org/2000/svg}svg"
        assert (tmp_path / f"benchmarks/{name}.png").read_bytes().startswith(b"\x89PNG")


def test_pieces_are_measured_until_a_browser_shows_them(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="needs the extra bench")
    require_browser()
    [[row, figures]] = side_by_side(tmp_path, "live")["live"].items()

    assert int(row.split()[-2]) > 5, row
    assert 0 < figures["median"] <= figures["95 of 100 within"]


def luminance(colour: str) -> float:
    """Return what WCAG 2 calls the relative luminance of ``#rrggbb``."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("background", [LIGHT, DARK])
def test_pictures_can_be_read_on_a_light_and_on_a_dark_page(background: str) -> None:
    """WCAG 2 wants 3 for bars and for text as large as theirs."""
    from benchmarks.report import OTHER_BAR, OUR_BAR, TEXT

    for colour in (TEXT, OUR_BAR, OTHER_BAR):
        dark, light = sorted((luminance(colour), luminance(background)))
        assert (light + 0.05) / (dark + 0.05) >= 3, colour


@pytest.fixture
def whole_stack() -> None:
    require_redis()
    require("nginx")


def measured(folder: Path, *part: str) -> Any:
    """Run a part of the benchmark, and return its figures."""
    figures = folder / "figures.json"
    command = [sys.executable, "-m", "benchmarks.hosted", "--json", f"{figures}", *part]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=LIMIT_S, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(figures.read_text(encoding="utf-8"))[part[0]]


@pytest.mark.usefixtures("whole_stack")
def test_no_call_of_a_load_loses_a_piece_or_gets_one_of_another(tmp_path: Path) -> None:
    [found] = measured(tmp_path, "load", "--calls", "10", "--seconds", "2", "--every", "0.1")

    assert found["hosted"]["calls"] >= 10
    for figures in (found["hosted"], *found["alone"]):
        assert (figures["lost"], figures["mixed"], figures["failed"]) == (0, 0, {})
        assert figures["pieces"] == 7 * figures["calls"]


@pytest.mark.usefixtures("whole_stack")
def test_good_calls_are_right_while_all_kinds_of_guests_come(tmp_path: Path) -> None:
    found = measured(tmp_path, "soak", "--minutes", "0.08", "--rate", "10")

    assert found["visits"]["calls"] >= 5
    assert (found["visits"]["lost"], found["visits"]["mixed"], found["visits"]["failed"]) == (0, 0, {})
    assert found["tracebacks"] == 0
    assert (found["after"]["agent streams"], found["after"]["redis slots"]) == (0, 0)

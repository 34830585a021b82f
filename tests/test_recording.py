"""The picture of the demo is made from a real run, small, and still for those who want it so."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.support.waiting import WAIT_S
from tests.test_benchmarks import DARK, LIGHT, luminance

ROOT = Path(__file__).parent.parent
SVG = "{http://www.w3.org/2000/svg}"
MAX_BYTES = 10_000


@pytest.fixture(scope="module")
def picture(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Record the demo."""
    file = tmp_path_factory.mktemp("recording") / "demo.svg"
    command = [sys.executable, str(ROOT / "scripts/recording.py"), str(file)]
    subprocess.run(command, check=True, capture_output=True, timeout=WAIT_S)
    return file.read_text("utf-8")


def texts(picture: str) -> list[str]:
    """Return the lines of a picture."""
    return ["".join(line.itertext()).strip() for line in ElementTree.fromstring(picture).iter(f"{SVG}text")]


def lasting(lines: list[str]) -> list[str]:
    """Return lines without times and ids, which are others with each run."""
    return [re.sub(r"\d+\.\d s|\d+\.\d\d s|mcp-[0-9a-f-]{36}", "…", line) for line in lines]


def test_it_shows_a_run_that_did_what_it_should(picture: str) -> None:
    lines = texts(picture)

    assert lines[0] == "$ agentcore-mcp demo"
    assert [line.split()[-4:] for line in lines if " s  piece" in line][:1] == [["piece", "1", "of", "3"]]
    assert lines[-1].startswith("✓ every step did what it should")


def test_the_one_in_the_documentation_shows_what_the_demo_does_today(picture: str) -> None:
    """Record it anew with: python scripts/recording.py."""
    assert lasting(texts((ROOT / "docs/demo.svg").read_text("utf-8"))) == lasting(texts(picture))


def test_its_lines_appear_in_their_order_unless_the_reader_wants_no_motion(picture: str) -> None:
    style = ElementTree.fromstring(picture).find(f"{SVG}style")
    assert style is not None
    still, moving = (style.text or "").split("@media (prefers-reduced-motion:no-preference)")
    starts = [float(part) for part in re.findall(r"\{0%,([\d.]+)%\{opacity:0\}", moving)]

    assert "animation" not in still
    assert len(starts) > 20
    assert starts == sorted(starts)


def test_it_is_small_and_loads_nothing(picture: str) -> None:
    assert len(picture.encode()) < MAX_BYTES
    assert re.findall(r"@import|url\(|href|<script|https?://(?!www\.w3\.org/2000/svg)", picture) == []


@pytest.mark.parametrize("page", [LIGHT, DARK])
def test_its_colours_can_be_read_on_its_own_background(picture: str, page: str) -> None:
    """WCAG 2 wants 4.5 for text of this size; each of the two sets of colours brings its background along."""
    light, dark = picture.split("@media (prefers-color-scheme:dark)")[:2]
    rules = light if page == LIGHT else dark.split("@media")[0]
    [background] = re.findall(r"background:(#[0-9a-f]{6})", rules)
    for colour in re.findall(r"fill:(#[0-9a-f]{6})", rules):
        low, high = sorted((luminance(colour), luminance(background)))
        assert (high + 0.05) / (low + 0.05) >= 4.5, colour

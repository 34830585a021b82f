"""SECURITY.md tells the truth about what is tried: each attack that it lists has the test that it names."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent
ATTACKS = re.findall(r"^\| (.+?) \| .+ \| `(test_\w+)` \|$", (ROOT / "SECURITY.md").read_text("utf-8"), re.MULTILINE)
TESTS = {
    name
    for path in (ROOT / "tests").rglob("test_*.py")
    for name in re.findall(r"^(?:async )?def (test_\w+)\(", path.read_text("utf-8"), re.MULTILINE)
}


def test_each_attack_that_is_listed_is_tried() -> None:
    assert len(ATTACKS) > 30
    assert {attack: name for attack, name in ATTACKS if name not in TESTS} == {}


def test_each_test_of_attacks_is_listed() -> None:
    attacks = (ROOT / "tests/server/hosted/test_attacks.py").read_text("utf-8")
    tried = set(re.findall(r"^async def (test_\w+)\(", attacks, re.MULTILINE))

    assert tried - {name for _, name in ATTACKS} == set()

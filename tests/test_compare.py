"""docs/compare.md says what its commands print, as far as the peers install here in the versions that it names."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

pytest.importorskip("matplotlib", reason="needs the extra bench")
pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="the benchmarks need Linux"),
    pytest.mark.timeout(600),
]

PAGE = (Path(__file__).parent.parent / "docs/compare.md").read_text("utf-8")
CELLS = {
    cells[0]: cells[1:]
    for line in PAGE.splitlines()
    if line.startswith("|") and (cells := [cell.strip() for cell in line.replace("\\|", "¦").strip("|").split(" | ")])
}
# They ask agents that are slow on purpose; test_benchmarks.py has them.
SLOW = {"runs"}


def peers() -> list[str]:
    """Return those that are the same as on the page."""
    from benchmarks.compare import COLUMNS, OURS
    from benchmarks.peers import PEERS, MissingPeerError, version_of

    found = [OURS]
    for name in COLUMNS:
        try:
            found += [name] if name != OURS and f"{PEERS[name]} {version_of(name)}" in PAGE else []
        except MissingPeerError:
            continue
    return found


async def test_each_cell_is_what_its_command_prints() -> None:
    from benchmarks.compare import COLUMNS, ROWS, cell

    assert set(ROWS) <= set(CELLS)
    known = peers()
    wrong = []
    for what, probes in ROWS.items():
        for peer, shown in zip(COLUMNS, CELLS[what], strict=False):
            if peer not in probes:
                assert shown == "-", (what, peer)
            elif peer in known and probes[peer][0] not in SLOW:
                wrong += [(what, peer, shown, told)] if (told := await cell(peer, *probes[peer])) != shown else []

    assert wrong == []

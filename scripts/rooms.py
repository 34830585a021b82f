"""Draw the rooms of the package and which of them imports which, read off the syntax trees.

python scripts/rooms.py            writes docs/rooms.svg
python scripts/rooms.py --check    fails if the picture is not what would be drawn
"""

from __future__ import annotations

import ast
import sys

from generated import ROOT, write_or_check

PACKAGE = ROOT / "agentcore_mcp"
PICTURE = ROOT / "docs" / "rooms.svg"
# Where a room stands from left to right.
ROOMS = {
    "cli": 265,
    "server": 190,
    "runtime": 67,
    "config": 199,
    "hosting": 331,
    "local": 463,
    "samples": 463,
    "wire": 265,
    "errors": 265,
}
# Narrow, since it has to be read on a telephone, too.
_PAGE_WIDTH, _ROW_HEIGHT, _WIDTH, _HEIGHT = 530, 88, 118, 44
# The same on a light and on a dark page, since boxes bring their own background.
_STYLE = """\
<style>
rect { fill: #e8eef7; stroke: #35598f; }
text { font: 20px sans-serif; text-anchor: middle; fill: #1a2b45; }
.arrow { stroke: #7f8ea6; stroke-width: 1.5; marker-end: url(#head); }
</style>
<defs>
<marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" orient="auto">
<path d="M0 0L8 4L0 8z" fill="#7f8ea6"/>
</marker>
</defs>
"""


def drawn() -> str:
    """Return the picture, as SVG: a room stands above those that it imports."""
    below = _imported()

    def level(room: str) -> int:
        return 1 + max((level(other) for other in below[room]), default=-1)

    top = level("cli")
    tops = {room: _HEIGHT / 2 + (top - level(room)) * _ROW_HEIGHT for room in ROOMS}
    # An arrow where no longer way leads: all else is seen by following the arrows.
    arrows = [
        f'<path class="arrow" d="M{ROOMS[room]} {tops[room] + _HEIGHT:.0f} L{ROOMS[other]} {tops[other] - 3:.0f}"/>'
        for room in ROOMS
        for other in sorted(below[room])
        if not any(other in _reached(between, below) for between in below[room] - {other})
    ]
    boxes = [
        f'<g transform="translate({x} {tops[room]:.0f})">'
        f'<rect x="{-_WIDTH // 2}" width="{_WIDTH}" height="{_HEIGHT}" rx="8"/>'
        f'<text y="29">{room}</text></g>'
        for room, x in ROOMS.items()
    ]
    height = 2 * _HEIGHT + top * _ROW_HEIGHT
    size = f'width="{_PAGE_WIDTH}" height="{height}" viewBox="0 0 {_PAGE_WIDTH} {height}"'
    title = "<title>The rooms of the package, and which of them imports which</title>"
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img">\n{title}\n{_STYLE}'
    return head + "\n".join([*arrows, *boxes, "</svg>\n"])


def _imported() -> dict[str, set[str]]:
    """Return for each room which others its modules import from."""
    below: dict[str, set[str]] = {room: set() for room in ROOMS}
    for path in PACKAGE.rglob("*.py"):
        room = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
        if room not in below:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(f"{PACKAGE.name}."):
                below[room].add(str(node.module).split(".")[1])
    return {room: (others & set(ROOMS)) - {room} for room, others in below.items()}


def _reached(room: str, below: dict[str, set[str]]) -> set[str]:
    return below[room] | {far for other in below[room] for far in _reached(other, below)}


if __name__ == "__main__":
    sys.exit(write_or_check({PICTURE: drawn()}))

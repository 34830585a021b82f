"""What was measured, as Markdown tables and as pictures that can be read on a light and on a dark page."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from benchmarks.rounds import Part, Row

BEGIN, END = "<!-- written by a program: begin -->", "<!-- written by a program: end -->"
OURS = ("agentcore-mcp", "RuntimeClient", "AgentCoreRuntimeClient", "memory store", "Redis", "local AgentCore")
# The background is left out, so that the page's own shows through. Grey of this lightness has a contrast of 4 to white
# and to the site's dark background, which is enough for large text; the bars differ in lightness, too.
TEXT = "#7f7f7f"
OUR_BAR, OTHER_BAR = "#2f81f7", "#9a8c7a"
TEXT_POINTS = 12
BAR_INCHES = 0.32
SUFFIXES = ("svg", "png")


def number(value: float) -> str:
    """Return a value with three digits that count, and no more than there are."""
    if value == 0:
        return "0"
    digits = max(0, 2 - math.floor(math.log10(abs(value))))
    return f"{value:,.{min(digits, 2)}f}".removesuffix(".00")


def title(row: Row) -> str:
    """Return what a row is about, with its unit."""
    return f"{row.what}, {row.unit}" if row.unit else row.what


def table(part: Part) -> str:
    """Return a part as a Markdown table: a row for each thing measured, a column for each contestant.

    Rows without a contestant in common are tables of their own.
    """
    groups: list[list[Row]] = []
    for row in part.rows:
        if groups and set(row.values) & set(groups[-1][0].values):
            groups[-1].append(row)
        else:
            groups.append([row])
    lines = []
    for rows in groups:
        names = list(dict.fromkeys(name for row in rows for name in row.values))
        lines += ["", "| | " + " | ".join(names) + " |", "| --- |" + " ---: |" * len(names)]
        for row in rows:
            cells = [number(row.values[name]) if name in row.values else "-" for name in names]
            lines.append(f"| {title(row)} | " + " | ".join(cells) + " |")
    notes = [f"- {row.what}: {row.note}" for row in part.rows if row.note]
    notes += [f"- {name} is missing: {reason}." for name, reason in part.missing.items()]
    return "\n".join([*lines, *([""] if notes else []), *notes]).strip()


def document(parts: Mapping[str, Part], about: str) -> str:
    """Return all parts, each with its picture."""
    lines = [about]
    for name, part in parts.items():
        lines += ["", f"## {part.title}", ""]
        if part.rows:
            lines += [f"![The table below, as bars](benchmarks/{name}.svg)", ""]
        lines.append(table(part))
    return "\n".join(lines)


def draw(part: Part, folder: Path, name: str) -> None:
    """Draw a part's rows, as an SVG and as a PNG."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    mpl.rcParams |= {
        "svg.hashsalt": "agentcore-mcp",
        "svg.fonttype": "none",
        "text.color": TEXT,
        "font.size": TEXT_POINTS,
    }
    heights = [len(row.values) * BAR_INCHES + 0.55 for row in part.rows]
    figure, grid = plt.subplots(
        len(part.rows), 1, figsize=(9, sum(heights)), height_ratios=heights, layout="constrained", squeeze=False
    )
    for axes, row in zip(grid.flat, part.rows, strict=True):
        names = list(row.values)
        colours = [OUR_BAR if each.startswith(OURS) else OTHER_BAR for each in names]
        bars = axes.barh(names, [row.values[each] for each in names], color=colours, height=0.7)
        axes.bar_label(bars, [number(row.values[each]) for each in names], padding=4)
        axes.set_title(title(row), loc="left", fontsize=TEXT_POINTS, fontweight="bold")
        axes.invert_yaxis()
        axes.margins(x=0.12)
        axes.set_xticks([])
        axes.tick_params(length=0, labelcolor=TEXT)
        axes.spines[:].set_visible(False)
    for suffix in SUFFIXES:
        figure.savefig(
            folder / f"{name}.{suffix}", dpi=90, transparent=True, metadata={"Date": None} if suffix == "svg" else None
        )
    plt.close(figure)


def write(parts: Mapping[str, Part], about: str, docs: Path) -> None:
    """Write the tables into ``benchmarks.md`` between its marks, and the pictures beside it."""
    page, pictures = docs / "benchmarks.md", docs / "benchmarks"
    pictures.mkdir(parents=True, exist_ok=True)
    for name, part in parts.items():
        if part.rows:
            draw(part, pictures, name)
    if not page.exists():
        page.write_text(f"# Benchmarks\n\n{BEGIN}\n{END}\n", encoding="utf-8")
    write_between_marks(page, document(parts, about))


def write_between_marks(page: Path, text: str) -> None:
    """Put a text between the marks of a page."""
    marked = re.compile(re.escape(BEGIN) + ".*" + re.escape(END), re.DOTALL)
    written = marked.sub(lambda _: f"{BEGIN}\n\n{text}\n\n{END}", page.read_text(encoding="utf-8"))
    page.write_text(written, encoding="utf-8")

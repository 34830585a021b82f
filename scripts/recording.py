"""Record ``agentcore-mcp demo`` as docs/demo.svg: what it prints, when it prints it.

Runs the real demo in a pseudo-terminal and writes its lines as an SVG whose lines appear, by CSS alone, after as many
seconds as they took; nothing is loaded from elsewhere, and no font is named but the reader's own. A picture for those
who prefer no motion, or without CSS animation, has all lines from the beginning.

    python scripts/recording.py [FILE]
"""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
import time
from html import escape
from pathlib import Path

DEMO = [sys.executable, "-P", "-m", "agentcore_mcp", "demo"]
FILE = Path(__file__).parents[1] / "docs" / "demo.svg"
COLUMNS = 92
LINE_PX, CHAR_PX, MARGIN_PX = 18, 7.83, 14
# What is shown, as a picture of all steps is higher than a screen: an answer, and a command as far as this line.
STEPS, UNTIL = ("2", "4"), "is a result, not an error"
TYPED = "$ agentcore-mcp demo"
END_S = 4.0
# Nobody reads a line in less, and a burst at the beginning is none to watch.
LEAST_S = 0.06
# What rich writes: bold, dim, red, green, cyan, and the end of each.
CLASSES = {"1": "b", "2": "d", "31": "r", "32": "g", "36": "c"}
STEP = re.compile(r"(\d+)\. ")
SGR = re.compile(r"\x1b\[([\d;]*)m")
STYLE = """
svg{background:#fbfcfd}
text{font:13px ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace;fill:#24292f;white-space:pre}
.b{font-weight:700}.d{fill:#59636e}.r{fill:#b3261e}.g{fill:#0f6f2e}.c{fill:#0550ae}
@media (prefers-color-scheme:dark){
svg{background:#161b22}text{fill:#e6edf3}.d{fill:#9198a1}.r{fill:#ff8a80}.g{fill:#56d364}.c{fill:#79c0ff}}
@media (prefers-reduced-motion:no-preference){
text{animation:DURATION linear infinite both}KEYFRAMES}
"""


def recorded() -> list[tuple[float, str]]:
    """Run the demo in a terminal, and return its lines with the seconds after which each was whole.

    Raises:
        RuntimeError: If the demo fails.
    """
    ours, its = pty.openpty()  # type: ignore[attr-defined, unused-ignore]
    environ = {**os.environ, "TERM": "xterm-256color", "COLUMNS": str(COLUMNS), "LANG": "C.UTF-8"}
    environ.pop("NO_COLOR", None)
    start = time.monotonic()
    lines: list[tuple[float, str]] = []
    with subprocess.Popen(DEMO, stdout=its, stderr=its, stdin=subprocess.DEVNULL, env=environ) as demo:
        os.close(its)
        left = b""
        while data := _read(ours):
            *whole, left = (left + data).replace(b"\r\n", b"\n").split(b"\n")
            lines += [(time.monotonic() - start, line.decode()) for line in whole]
    os.close(ours)
    if demo.returncode:
        raise RuntimeError("\n".join(line for _, line in lines))
    return lines


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65_536)
    except OSError:  # Linux: its other side is closed
        return b""


def shown(lines: list[tuple[float, str]]) -> list[tuple[float, str]]:
    """Return the lines of the picture, with times that leave out what is not shown."""
    result, step, at = [(0.0, TYPED), (LEAST_S, lines[0][1])], "", lines[0][0]
    for number, (after, line) in enumerate(lines[1:], 1):
        if begun := STEP.match(SGR.sub("", line)):
            step = begun[1]
            at = after
            result += [(result[-1][0], "")] if step in STEPS else []
        if number == len(lines) - 1:
            result += [(result[-1][0], ""), (result[-1][0] + LEAST_S, line)]
        elif step in STEPS and SGR.sub("", line).strip():
            result.append((result[-1][0] + max(after - at, LEAST_S), line))
            step = "" if UNTIL in line else step
        at = after
    return result


def spans(line: str) -> str:
    """Return a line's text as SVG, the terminal's colours as classes."""
    parts, current = [], set[str]()
    position = 0
    for found in [*SGR.finditer(line), None]:
        text = line[position : found.start() if found else None]
        if text:
            names = " ".join(sorted(current))
            parts.append(f'<tspan class="{names}">{escape(text)}</tspan>' if names else escape(text))
        if found:
            position = found.end()
            for code in found[1].split(";"):
                current = {*current, CLASSES[code]} if code in CLASSES else set() if code in ("", "0") else current
    return "".join(parts)


def cut(line: str) -> str:
    """Shorten a line to the picture's width; what a terminal would wrap is only the ends of arguments."""
    plain = SGR.sub("", line)
    return line if len(plain) <= COLUMNS else line[: COLUMNS - 1 + len(line) - len(plain)] + "…"


def picture(lines: list[tuple[float, str]]) -> str:
    """Return the SVG."""
    whole_s = lines[-1][0] + END_S
    width, height = round(COLUMNS * CHAR_PX) + 2 * MARGIN_PX, len(lines) * LINE_PX + 2 * MARGIN_PX
    texts, keyframes = [], []
    for number, (at, line) in enumerate(lines):
        if not SGR.sub("", line).strip():
            continue
        y = MARGIN_PX + (number + 1) * LINE_PX - 5
        moving = f' style="animation-name:k{number}"' if at else ""
        texts.append(f'<text x="{MARGIN_PX}" y="{y}"{moving}>{spans(cut(line))}</text>')
        if at:
            part = f"{100 * at / whole_s:.2f}"
            keyframes.append(f"@keyframes k{number}{{0%,{part}%{{opacity:0}}{part}1%,to{{opacity:1}}}}")
    style = STYLE.strip().replace("DURATION", f"{whole_s:.1f}s").replace("KEYFRAMES", "".join(keyframes))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" role="img">'
        f"<title>agentcore-mcp demo in a terminal</title><style>{style}</style>\n" + "\n".join(texts) + "\n</svg>\n"
    )


def main(file: Path) -> None:
    """Write the picture."""
    file.write_text(picture(shown(recorded())), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else FILE)

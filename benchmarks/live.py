"""The live view in Chromium: how long after an agent has sent a piece it is on the screen.

The browser, and the host of MCP Apps in it, are those of ``tests/browser``; they read the server's answers over HTTP.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import statistics
import tempfile
import time
from pathlib import Path

from benchmarks.far_side import ARN, far_side
from benchmarks.hosted.processes import serving
from benchmarks.hosted.talker import PIECE
from benchmarks.rounds import Part, Row, Sizes
from tests.support.browser import FOLDER, browser
from tests.support.node import install

EVERY_S = 0.11
# The host that is driven waits 20 s for the end.
LONGEST_S = 15.0
# Notes for each piece when a frame first showed it, and says when it began to.
WATCH = r"""(() => {
  const main = document.getElementById("main");
  window.shown = {};
  const look = () => {
    for (const [, number] of main.textContent.matchAll(/far#(\d+)@/g)) window.shown[number] ??= Date.now();
    requestAnimationFrame(look);
  };
  look();
  return Date.now();
})()"""

# What there is by the end may only be noted in the frame after it.
SHOWN = "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(window.shown))))"


async def measure(sizes: Sizes) -> Part:
    """Return the median and the 95th percentile of the delays of an answer's pieces."""
    part = Part("The live view")
    if missing := [name for name in ("chromium", "node", "npm") if shutil.which(name) is None]:
        part.missing["Chromium"] = f"{' and '.join(missing)} not found"
        return part
    await asyncio.to_thread(install, FOLDER)
    wish = {"talk": "far", "pieces": int(min(sizes.load_s, LONGEST_S) / EVERY_S), "every_s": EVERY_S}
    with tempfile.TemporaryDirectory() as folder, far_side("-m", "benchmarks.hosted.talker") as agent:
        config = Path(folder, "config.toml")
        settings = [f'arn = "{ARN}"', f'endpoint_url = "{agent}"', 'payload = "command"', "auth = { none = true }"]
        text = "\n".join(["live_handoff_after = 0.2", "[agents.far]", *settings])
        config.write_text(text, encoding="utf-8")  # noqa: ASYNC240 - a few bytes
        command = ("-m", "agentcore_mcp", "serve", "--port", "0", "--config", str(config))
        async with serving(Path(folder, "log"), *command) as server, browser() as host:
            await host.do("connect", url=server.url, mode="2026-07-28")
            await host.do("show", tool="invoke_agent", arguments={"prompt": json.dumps(wish)})
            began_ms = await host.do("evaluate", code=WATCH)
            await host.do("until", text="Done")
            shown = await host.do("evaluate", code=SHOWN)
            text = await host.text()
    clock_ms = (time.time_ns() - time.monotonic_ns()) / 1e6
    sent = {number: int(sent_ns) / 1e6 + clock_ms for _, number, sent_ns in PIECE.findall(text)}
    delays = [shown[number] - sent_ms for number, sent_ms in sent.items() if sent_ms > began_ms]
    figures = {"median": statistics.median(delays), "95 of 100 within": statistics.quantiles(delays, n=20)[-1]}
    part.rows.append(Row(f"From the sending of a piece to Chromium's showing it, {len(delays)} pieces", "ms", figures))
    return part

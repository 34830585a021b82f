"""Measure this project and its peers side by side, and write tables and pictures: ``python -m benchmarks``.

Takes less than ten minutes on two quiet cores; what is measured passes or fails nothing.
"""

from __future__ import annotations

import argparse
import asyncio
import datetime
import json
import os
import platform
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from agentcore_mcp import __version__
from benchmarks import clients, live, local_agentcore, servers, slow
from benchmarks.far_side import allow_many_connections
from benchmarks.hosted import part as hosted
from benchmarks.peers import PEERS, MissingPeerError, version_of
from benchmarks.report import table, write
from benchmarks.rounds import FULL, TINY, USUAL, Part, Row, Sizes

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable


async def fuzz(sizes: Sizes) -> Part:
    """Return how many damaged inputs the decoders and the clients were fed; a finding ends it."""
    command = [sys.executable, "-m", "benchmarks.fuzz", "--seconds", str(sizes.fuzz_s)]
    done = await asyncio.to_thread(subprocess.run, command, check=True, capture_output=True, text=True)
    counts = {line[:20].strip(): float(line[20:31].replace(",", "")) for line in done.stdout.split("\n") if line}
    return Part("Damaged input", [Row(f"Inputs within {sizes.fuzz_s:g} s", "", counts)])


PARTS: dict[str, Callable[[Sizes], Awaitable[Part]]] = {
    "slow": slow.measure,
    "servers": servers.measure,
    "clients": clients.measure,
    "hosted": hosted.measure,
    "live": live.measure,
    "local": local_agentcore.measure,
    "fuzz": fuzz,
}


def about() -> str:
    """Say what was measured, where and when."""
    found = [f"agentcore-mcp {__version__}"]
    for name in PEERS:
        try:
            found.append(f"{PEERS[name]} {version_of(name)}")
        except MissingPeerError as missing:
            found.append(f"no {PEERS[name]} ({missing})")
    today = datetime.datetime.now(datetime.UTC).date().isoformat()
    where = f"Python {platform.python_version()}, {platform.system()} {platform.machine()}, {os.cpu_count()} cores"
    return f"Measured on {today} with {where}: {', '.join(found)}."


async def main(given: argparse.Namespace) -> dict[str, Part]:
    """Measure the parts that were asked for, and print them."""
    allow_many_connections()
    sizes = FULL if given.full else TINY if given.tiny else USUAL
    found = {}
    for name in given.parts or PARTS:
        began = time.monotonic()
        # One after the other: only what waits for a peer's time limit goes on beside the next ones.
        found[name] = await PARTS[name](sizes)
        print(f"\n{found[name].title} ({time.monotonic() - began:.0f} s)\n\n{table(found[name])}", flush=True)
    return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__.partition("\n\n")[2])
    parser.add_argument("parts", nargs="*", choices=[[], *PARTS], help="some of the parts; default: all")
    much = parser.add_mutually_exclusive_group()
    much.add_argument("--full", action="store_true", help="the sizes of benchmarks/README.md, which take an hour")
    much.add_argument("--tiny", action="store_true", help="only see that it runs")
    parser.add_argument("--write", type=Path, metavar="FOLDER", help="write benchmarks.md and pictures there")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there, too")
    arguments = parser.parse_args()
    try:
        figures = asyncio.run(main(arguments))
    except BaseExceptionGroup as failures:
        # Deep in the groups of the MCP client's tasks.
        failure: BaseException = failures
        while isinstance(failure, BaseExceptionGroup):
            failure = failure.exceptions[0]
        raise failure from None
    if arguments.write:
        write(figures, about(), arguments.write)
    if arguments.json:
        arguments.json.write_text(json.dumps({name: asdict(part) for name, part in figures.items()}, indent=1) + "\n")

"""Measure the server as a company hosts it: several workers, nginx, Redis, tokens, policy and limits."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from pathlib import Path
from typing import Any

from benchmarks.far_side import allow_many_connections
from benchmarks.hosted import load, short, soak
from benchmarks.hosted.stack import program


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.hosted", description=__doc__)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    parts = parser.add_subparsers(dest="part", required=True)
    loading = parts.add_parser("load", help="streaming calls, all at once")
    loading.add_argument(
        "--calls", type=int, nargs="+", default=[100, 1_000], help="how many at once; default: 100 1000"
    )
    loading.add_argument("--seconds", type=float, default=60)
    loading.add_argument("--every", type=float, default=1.0, help="seconds between two pieces of a call")
    loading.add_argument("--metrics", type=Path, metavar="FOLDER", help="write what Prometheus would see there")
    shorts = parts.add_parser("short", help="short calls, one after the other")
    shorts.add_argument("--seconds", type=float, default=5, help="of each round")
    shorts.add_argument("--rounds", type=int, default=5)
    parts.add_parser("memory", help="what a streaming call holds").add_argument("--calls", type=int, default=1_000)
    parts.add_parser("token", help="what the check of a token takes")
    soaking = parts.add_parser("soak", help="many minutes of good and bad guests")
    soaking.add_argument("--minutes", type=float, default=30)
    soaking.add_argument("--rate", type=float, default=20, help="visits per second")
    return parser.parse_args()


async def main(given: argparse.Namespace) -> dict[str, Any]:
    """Measure a part, print it and return it."""
    found: dict[str, Any]
    if given.part == "load":
        found = {"load": []}
        for calls in given.calls:
            folder = given.metrics and given.metrics / f"{calls}-calls"
            if folder:
                folder.mkdir(parents=True, exist_ok=True)
            found["load"].append(await load.load(calls, given.seconds, given.every, folder))
            print(load.table(found["load"][-1]), flush=True)
    elif given.part == "soak":
        found = {"soak": await soak.soak(given.minutes, given.rate)}
        print(soak.table(found["soak"]))
    else:
        if given.part == "short":
            found = {"short": await short.short(given.seconds, given.rounds)}
        elif given.part == "memory":
            found = {"memory": await short.memory(given.calls)}
        else:
            found = {"token": await short.token()}
        print(short.table(found))
    return found


if __name__ == "__main__":
    arguments = _arguments()
    for needed in ("redis-server", "nginx"):
        if not program(needed):
            sys.exit(f"{needed} can't be found")
    allow_many_connections()
    figures = asyncio.run(main(arguments))
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")

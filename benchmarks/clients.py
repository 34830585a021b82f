"""Clients of AgentCore beside each other: starting, the first piece, events and output per second, memory.

Each is a process of its own (``readers.py``) with its own package's Python; the agent is the far side. They take turns.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agentcore_mcp.runtime import NoAuth, RuntimeClient
from agentcore_mcp.wire.eventstream import CommandDecoder, ContentDelta, encode_command_event
from benchmarks.far_side import ARN, EVENT_TEXT, SESSION_ID, allow_many_connections, encode_sse, far_side
from benchmarks.peers import MissingPeerError, python_of
from benchmarks.readers import READERS, peak_kib
from benchmarks.rounds import Part, Row, Sizes, medians, medians_s

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

SCRIPT = Path(__file__).with_name("readers.py")
# Which of READERS runs in a peer's environment; the others run in ours.
PEER_OF = {"boto3": "boto3", "boto3, chunk_size=10": "boto3", "bedrock-agentcore": "bedrock-agentcore"}
# Which of READERS read a command's output; the published SDK's client refuses the operation, the rest would read it in
# the same way.
OUTPUT = {"RuntimeClient", "AgentCoreRuntimeClient", "boto3", "httpx2, bytes"}
# Those that read an answer in small pieces, for which a large one takes minutes.
SLOW = {"boto3, chunk_size=10", "bedrock-agentcore"}
# About 64 KiB, as much as httpx2 reads at once.
PER_CHUNK = 625
FRAME_BYTES = 8 * 1024
# What a network delivers at once. In smaller pieces than httpx2 reads, so that time per piece would show.
PIECE_BYTES = 16 * 1024
# In linear time, twice the size takes twice the time.
LARGE_FRAMES_MB = (4, 8, 16)
# How long the agent takes after its first piece.
THEN_S = 0.3
KEYS = {
    "AWS_ACCESS_KEY_ID": "none",
    "AWS_SECRET_ACCESS_KEY": "none",
    "AWS_REGION": "us-west-2",
    "AWS_EC2_METADATA_DISABLED": "true",
}
# Enough for the client's and the loop's own structures to exist.
WARM_STREAMS = 10


class ReadingError(Exception):
    """A client could not read the answer."""


class Reader:
    """A running ``readers.py``."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def read(self, what: str, wish: dict[str, Any]) -> dict[str, float]:
        """Have it read events or output, and return its figures."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps([what, wish]) + "\n")
        self._process.stdin.flush()
        told: dict[str, Any] = json.loads(self._process.stdout.readline())
        if "failure" in told:
            raise ReadingError(told["failure"])
        return told


@contextmanager
def reader(name: str, url: str, *, read_timeout_s: float | None = None) -> Iterator[Reader]:
    """Run a client.

    Raises:
        MissingPeerError: If it does not install.
    """
    python = python_of(PEER_OF[name]) if name in PEER_OF else sys.executable
    command = [python, str(SCRIPT), name, url, *([str(read_timeout_s)] if read_timeout_s else [])]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={**os.environ, **KEYS}
    ) as process:
        try:
            yield Reader(process)
        finally:
            process.kill()


def events(number: int, **more: Any) -> dict[str, Any]:
    return {"events": max(1, number // PER_CHUNK) * PER_CHUNK, "per_chunk": PER_CHUNK, **more}


def frames(megabytes: int) -> dict[str, Any]:
    return {"frames": megabytes * 1_000_000 // FRAME_BYTES // 128 * 128 or 8, "frame_bytes": FRAME_BYTES}


async def measure(sizes: Sizes) -> Part:
    """Return what each client takes."""
    part = Part("Clients of AgentCore")
    with ExitStack() as stack:
        url = stack.enter_context(far_side())
        running: dict[str, Reader] = {}
        for name in READERS:
            try:
                running[name] = stack.enter_context(reader(name, url))
            except MissingPeerError as missing:
                part.missing[name] = str(missing)
        await beside_each_other(part, running, url, sizes)
    await ours_alone(part, sizes)
    return part


async def beside_each_other(part: Part, running: dict[str, Reader], url: str, sizes: Sizes) -> None:
    def reading(what: str, wish: dict[str, Any], figure: str) -> dict[str, Callable[[], Awaitable[float]]]:
        def of(one: Reader) -> Callable[[], Awaitable[float]]:
            async def read() -> float:
                return one.read(what, wish)[figure]

            return read

        return {n: of(one) for n, one in running.items() if what == "events" or n in OUTPUT}

    def starting(name: str) -> Callable[[], Awaitable[object]]:
        async def start() -> None:
            with reader(name, url) as one:
                one.read("events", events(1))

        return start

    started = await medians_s({name: starting(name) for name in running}, max(1, sizes.rounds // 2))
    part.rows.append(Row("From the start of Python to the end of a first short answer", "ms", scaled(started, 1e3)))

    two = {"events": 2, "per_chunk": 1, "every_s": THEN_S}
    first = await medians(reading("events", two, "first_s"), max(1, sizes.rounds // 2))
    part.rows.append(
        Row(
            f"First piece of an answer whose second comes {THEN_S * 1e3:.0f} ms later",
            "ms",
            scaled(first, 1e3),
            note="`iter_lines()` of boto3 waits for 1,024 bytes by default.",
        )
    )

    many = events(sizes.events)
    taken = await medians(reading("events", many, "s"), sizes.rounds)
    rates = {name: many["events"] / taken_s / 1e3 for name, taken_s in taken.items()}
    part.rows.append(Row(f"{many['events']:,} events of {len(encode_sse(EVENT_TEXT))} bytes", "thousand per s", rates))

    output = frames(sizes.output_mb)
    taken = await medians(reading("output", output, "s"), max(1, sizes.rounds // 2))
    megabytes = output["frames"] * FRAME_BYTES / 1e6
    rates = {name: megabytes / taken_s for name, taken_s in taken.items()}
    part.rows.append(Row(f"{megabytes:.0f} MB of a command's output", "MB per s", rates))

    large = events(sizes.large_mb * 1_000_000 // len(encode_sse(EVENT_TEXT)))
    grown: dict[str, float] = {}
    for name, one in running.items():
        if name not in SLOW:
            before = one.read("events", events(1))["peak_kib"]
            grown[name] = (one.read("events", large)["peak_kib"] - before) / 1024
    part.rows.append(Row(f"Growth of memory by an answer of {sizes.large_mb} MB", "MiB", grown))
    peaks = {name: one.read("events", events(1))["peak_kib"] / 1024 for name, one in running.items()}
    part.rows.append(Row("Peak of memory after all of these", "MiB", peaks))


def scaled(values: dict[str, float], factor: float) -> dict[str, float]:
    return {name: value * factor for name, value in values.items()}


async def ours_alone(part: Part, sizes: Sizes) -> None:
    """What there is no peer for: one frame as it grows, and streams that are idle."""
    large = {f"{size} MB": encode_command_event(ContentDelta(stdout="x" * (size << 20))) for size in LARGE_FRAMES_MB}

    def decoding(frame: bytes) -> Callable[[], Awaitable[None]]:
        async def decode() -> None:
            decoder = CommandDecoder()
            for start in range(0, len(frame), PIECE_BYTES):
                decoder.feed(frame[start : start + PIECE_BYTES])

        return decode

    taken = await medians_s({name: decoding(frame) for name, frame in large.items()}, sizes.rounds)
    part.rows.append(Row("One frame of output through our decoder, by its size", "ms", scaled(taken, 1e3)))
    command = [sys.executable, "-m", "benchmarks.clients", str(sizes.streams)]
    held = await asyncio.to_thread(subprocess.run, command, check=True, capture_output=True, text=True)
    part.rows.append(Row(f"Each of {sizes.streams:,} idle streams", "KiB", {"RuntimeClient": float(held.stdout)}))


async def idle(streams: int) -> float:
    """Return how many KiB an idle stream holds; in a process of its own, whose peak grows with nothing else."""
    allow_many_connections()
    payload = json.dumps({"idle": True}).encode()
    with far_side() as url:
        async with RuntimeClient(endpoint_url=url, auth=NoAuth()) as client:
            opened = []
            for number in range(WARM_STREAMS + streams):
                if number == WARM_STREAMS:
                    before = peak_kib()
                opened.append(client.invoke(ARN, payload, session_id=SESSION_ID))
                answer = await opened[-1].__aenter__()
                assert await anext(aiter(answer)) == EVENT_TEXT
            each = (peak_kib() - before) / streams
            for one in opened:
                await one.__aexit__(None, None, None)
    return each


if __name__ == "__main__":
    print(asyncio.run(idle(int(sys.argv[1]))))

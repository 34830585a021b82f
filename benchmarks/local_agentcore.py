"""How fast the local AgentCore passes on what an agent streams, how much memory that takes, and how soon it is there.

The client reads bytes and does nothing with them, and ``far_side`` sends as fast as they are taken, so that what lies
between is all there is to measure. Beside it a real agent, a `BedrockAgentCoreApp` that yields event by event, is
called by way of the local AgentCore and directly. Processor time and memory are read from /proc: Linux only.
"""

from __future__ import annotations

import json
import socket
import statistics
import subprocess
import sys
import time
import uuid
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from agentcore_mcp.local.agentcore import LocalAgentCore
from agentcore_mcp.wire.headers import SESSION_HEADER
from agentcore_mcp.wire.ids import RuntimeArn
from agentcore_mcp.wire.requests import invoke_request
from benchmarks.far_side import EVENT_TEXT, encode_sse, far_side
from benchmarks.hosted.samples import processor_s
from benchmarks.rounds import Part, Row, Sizes, medians_s

if TYPE_CHECKING:
    from collections.abc import Iterator

# One event in a chunk is what a server sends that has only one; more are what a busy network makes of them.
PER_CHUNK = (1, 10)
LARGE_PER_CHUNK = 625
_READ_BYTES = 1 << 18
_END = b"0\r\n\r\n"


class Caller:
    """Calls an agent directly, or by way of a local AgentCore, and reads the answer to its end."""

    def __init__(self, base_url: str, arn: str | None = None) -> None:
        url = urlsplit(base_url)
        self._address = (url.hostname or "", url.port or 0)
        self._arn = arn

    @classmethod
    def of(cls, local: LocalAgentCore) -> Caller:
        return cls(local.endpoint_url, local.agent_runtime_arn)

    def call(self, payload: dict[str, Any], *, session_id: str) -> tuple[float, int]:
        """Return after how many seconds the first byte of the body came, and how many bytes there were in all."""
        body = json.dumps(payload).encode()
        path = "/invocations"
        if self._arn is not None:
            path = invoke_request(RuntimeArn.parse(self._arn), body, session_id=session_id).target
        head = (
            f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
            f"{SESSION_HEADER}: {session_id}\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        start = time.perf_counter()
        with socket.create_connection(self._address) as line:
            line.sendall(head.encode() + body)
            received = b""
            while not received.partition(b"\r\n\r\n")[2]:
                received += _some(line)
            assert received.startswith(b"HTTP/1.1 200"), received
            first_s = time.perf_counter() - start
            size, tail = len(received), received[-len(_END) :]
            while tail != _END:
                data = _some(line)
                size, tail = size + len(data), (tail + data)[-len(_END) :]
        return first_s, size


def _some(line: socket.socket) -> bytes:
    data = line.recv(_READ_BYTES)
    assert data, "the answer broke off"
    return data


def new_session_id() -> str:
    return str(uuid.uuid4())


@contextmanager
def agent() -> Iterator[str]:
    """Run the agent in a process of its own, and give its URL."""
    command = [sys.executable, "-m", "benchmarks.app"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.kill()


def peak_bytes(pid: int | None) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:"))


def pass_on(url: str, sizes: Sizes) -> list[Row]:
    rates, by_clock = {}, {}
    with LocalAgentCore(target=url) as local:
        caller, session_id = Caller.of(local), new_session_id()
        assert local.pid is not None
        for per_chunk in PER_CHUNK:
            used_s, taken_s = [], []
            for _ in range(sizes.rounds):
                used, start = processor_s(local.pid), time.perf_counter()
                caller.call({"events": sizes.events, "per_chunk": per_chunk}, session_id=session_id)
                taken_s.append(time.perf_counter() - start)
                # The clock of processor time ticks a hundred times per second.
                used_s.append(max(0.01, processor_s(local.pid) - used))
            name = f"{per_chunk} per chunk"
            rates[name] = sizes.events / statistics.median(used_s) / 1e3
            by_clock[name] = sizes.events / statistics.median(taken_s) / 1e3
    return [
        Row(f"{sizes.events:,} events, by its processor time", "thousand per s", rates),
        Row(f"{sizes.events:,} events, by the clock", "thousand per s", by_clock),
    ]


def remember_nothing(url: str, sizes: Sizes) -> Row:
    events = sizes.large_mb * 1_000_000 // len(encode_sse(EVENT_TEXT)) // LARGE_PER_CHUNK * LARGE_PER_CHUNK
    with LocalAgentCore(target=url) as local:
        caller, session_id = Caller.of(local), new_session_id()
        caller.call({"events": LARGE_PER_CHUNK * 16, "per_chunk": LARGE_PER_CHUNK}, session_id=session_id)
        before = peak_bytes(local.pid)
        caller.call({"events": events, "per_chunk": LARGE_PER_CHUNK}, session_id=session_id)
        grown = (peak_bytes(local.pid) - before) / 2**20
    return Row(f"Growth of memory by an answer of {sizes.large_mb} MB", "MiB", {"local AgentCore": grown})


async def beside_the_agent(sizes: Sizes) -> list[Row]:
    with agent() as url, LocalAgentCore(target=url) as local:
        callers = {"by way of it": Caller.of(local), "directly": Caller(url)}
        session_id = new_session_id()

        def calling(caller: Caller, events: int) -> Any:
            async def call() -> None:
                caller.call({"events": events}, session_id=session_id)

            return call

        async def times_ms(events: int) -> dict[str, float]:
            calls = {name: calling(caller, events) for name, caller in callers.items()}
            return {name: taken * 1e3 for name, taken in (await medians_s(calls, sizes.rounds)).items()}

        return [
            Row(f"{number:,} event{'s' * (number > 1)} of a BedrockAgentCoreApp", "ms", await times_ms(number))
            for number in (sizes.agents_events, 1)
        ]


def start(sizes: Sizes) -> list[Row]:
    all_ready, all_first = {}, {}
    for name, hosted in (("the sample agent", None), ("an app", "benchmarks.app:app")):
        ready, first = [], []
        for _ in range(sizes.rounds):
            begun = time.perf_counter()
            with LocalAgentCore(app=hosted, stderr=subprocess.DEVNULL) as local:
                ready.append((time.perf_counter() - begun) * 1e3)
                payload = {"prompt": "hello"} if hosted is None else {"events": 1}
                first.append(Caller.of(local).call(payload, session_id=new_session_id())[0] * 1e3)
        all_ready[name], all_first[name] = statistics.median(ready), statistics.median(first)
    return [
        Row("Ready after its start", "ms", all_ready),
        Row("First piece of a new session, for which it starts the agent", "ms", all_first),
    ]


async def measure(sizes: Sizes) -> Part:
    """Return what the local AgentCore takes."""
    part = Part("The local AgentCore")
    with far_side() as url:
        part.rows += [*pass_on(url, sizes), remember_nothing(url, sizes)]
    part.rows += [*await beside_the_agent(sizes), *start(sizes)]
    return part

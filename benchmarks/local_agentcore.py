"""How fast the local AgentCore passes on what an agent streams, how much memory that takes, and how soon it is there.

The client reads bytes and does nothing with them, and ``far_side`` sends as fast as they are taken, so that what lies
between is all there is to measure. Beside it a real agent, a `BedrockAgentCoreApp` that yields event by event, is
called by way of the local AgentCore and directly. Processor time and memory are read from /proc: Linux only.
"""

from __future__ import annotations

import asyncio
import json
import os
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

from far_side import EVENT_TEXT, encode_sse, far_side
from rounds import ROUNDS, medians_s

from agentcore_mcp.hosting import BedrockAgentCoreApp
from agentcore_mcp.local.agentcore import LocalAgentCore
from agentcore_mcp.wire.headers import SESSION_HEADER
from agentcore_mcp.wire.ids import RuntimeArn
from agentcore_mcp.wire.requests import invoke_request

if TYPE_CHECKING:
    from collections.abc import Iterator

EVENTS = 100_000
# One event in a chunk is what a server sends that has only one; more are what a busy network makes of them.
PER_CHUNK = (1, 10)
AGENTS_EVENTS = 20_000
STREAM_BYTES = 1_000_000_000
GIGABYTE_PER_CHUNK = 625
_READ_BYTES = 1 << 18
_END = b"0\r\n\r\n"
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")

app = BedrockAgentCoreApp()


@app.entrypoint
async def invoke(payload: dict[str, Any]) -> Any:
    event = json.loads(EVENT_TEXT)
    for _ in range(payload["events"]):
        yield event


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
    command = [sys.executable, __file__, "agent"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.kill()


def be_the_agent() -> None:
    import uvicorn

    with socket.create_server(("127.0.0.1", 0)) as listener:
        print(f"http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
        uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False)).run(sockets=[listener])


def processor_s(pid: int | None) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS_PER_S


def peak_bytes(pid: int | None) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:"))


def pass_on(url: str) -> None:
    with LocalAgentCore(target=url) as local:
        caller, session_id = Caller.of(local), new_session_id()
        for per_chunk in PER_CHUNK:
            rates, taken_s = [], []
            for _ in range(ROUNDS):
                used, start = processor_s(local.pid), time.perf_counter()
                caller.call({"events": EVENTS, "per_chunk": per_chunk}, session_id=session_id)
                taken_s.append(time.perf_counter() - start)
                rates.append(EVENTS / (processor_s(local.pid) - used))
            print(
                f"{EVENTS:,} events, {per_chunk:>2} per chunk: {statistics.median(rates):,.0f} per second of its "
                f"processor time, {EVENTS / statistics.median(taken_s):,.0f} per second"
            )


def remember_nothing(url: str) -> None:
    with LocalAgentCore(target=url) as local:
        caller, session_id = Caller.of(local), new_session_id()
        caller.call({"events": EVENTS, "per_chunk": GIGABYTE_PER_CHUNK}, session_id=session_id)
        before = peak_bytes(local.pid)
        times = STREAM_BYTES // len(encode_sse(EVENT_TEXT)) // EVENTS + 1
        _, size = caller.call({"events": EVENTS * times, "per_chunk": GIGABYTE_PER_CHUNK}, session_id=session_id)
        assert size > STREAM_BYTES
        print(f"an answer of 1 GB: {(peak_bytes(local.pid) - before) / 2**20:.1f} MiB more of resident memory")


async def beside_the_agent() -> None:
    with agent() as url, LocalAgentCore(target=url) as local:
        callers = {"by way of it": Caller.of(local), "directly": Caller(url)}
        session_id = new_session_id()

        def calling(caller: Caller, events: int) -> Any:
            async def call() -> None:
                caller.call({"events": events}, session_id=session_id)

            return call

        many = await medians_s({name: calling(caller, AGENTS_EVENTS) for name, caller in callers.items()})
        one = await medians_s({name: calling(caller, 1) for name, caller in callers.items()})
    there, directly = many.values()
    print(
        f"{AGENTS_EVENTS:,} events of a BedrockAgentCoreApp: {there / directly:.2f} times as long as directly "
        f"({AGENTS_EVENTS / there:,.0f} and {AGENTS_EVENTS / directly:,.0f} per second)"
    )
    there, directly = one.values()
    print(f"one event: {there * 1e3:.1f} ms, {(there - directly) * 1e3:.1f} ms more than directly")


def start() -> None:
    for name, hosted in (("the sample agent", None), ("an app", "local_agentcore:app")):
        ready, first = [], []
        for _ in range(ROUNDS):
            begun = time.perf_counter()
            with LocalAgentCore(app=hosted, stderr=subprocess.DEVNULL) as local:
                ready.append(time.perf_counter() - begun)
                payload = {"prompt": "hello"} if hosted is None else {"events": 1}
                first.append(Caller.of(local).call(payload, session_id=new_session_id())[0])
        print(
            f"{name}: ready after {statistics.median(ready) * 1e3:.0f} ms, the first piece of a new session after "
            f"{statistics.median(first) * 1e3:.0f} ms"
        )


def main() -> None:
    # Apps are imported from here.
    os.chdir(Path(__file__).parent)
    with far_side() as url:
        pass_on(url)
        remember_nothing(url)
    asyncio.run(beside_the_agent())
    start()


if __name__ == "__main__":
    be_the_agent() if sys.argv[1:] == ["agent"] else main()

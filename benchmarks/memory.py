"""How much memory a client takes: for a 1 GB answer, for 1 GB of output, and for 1,000 streams that are idle.

Each is measured in a process of its own, by the growth of the most memory that it ever had resident: what the first
call of all takes, such as modules that are loaded for it, is taken before.
"""

from __future__ import annotations

import asyncio
import json
import resource
import subprocess
import sys
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

from far_side import ARN, EVENT_TEXT, SESSION_ID, allow_many_connections, encode_sse, far_side

from agentcore_mcp.runtime import RuntimeClient
from agentcore_mcp.runtime.auth import NoAuth

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

GIGABYTE = 1_000_000_000
PER_CHUNK = 625
FRAME_BYTES = 8 * 1024
STREAMS = 1_000
# Enough for the client's and the loop's own structures to exist; few beside STREAMS.
WARM_STREAMS = 10

_RSS_UNIT_BYTES = 1 if sys.platform == "darwin" else 1024


def peak_bytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _RSS_UNIT_BYTES


async def answer(client: RuntimeClient) -> str:
    async def read(events: int) -> None:
        payload = json.dumps({"events": events, "per_chunk": PER_CHUNK}).encode()
        async with client.invoke(ARN, payload, session_id=SESSION_ID) as invocation:
            async for _ in invocation:
                pass

    events = GIGABYTE // len(encode_sse(EVENT_TEXT)) // (PER_CHUNK * 16) * (PER_CHUNK * 16)
    await read(PER_CHUNK)
    before = peak_bytes()
    await read(events)
    return f"an answer of 1 GB, {events:,} events: {(peak_bytes() - before) / 2**20:.1f} MiB"


async def output(client: RuntimeClient) -> str:
    async def read(frames: int) -> None:
        command = json.dumps({"frames": frames, "frame_bytes": FRAME_BYTES})
        async with client.run_command(ARN, command, session_id=SESSION_ID) as run:
            async for _ in run:
                pass

    await read(8)
    before = peak_bytes()
    await read(GIGABYTE // FRAME_BYTES // 128 * 128)
    return f"1 GB of a command's output: {(peak_bytes() - before) / 2**20:.1f} MiB"


async def idle(client: RuntimeClient) -> str:
    payload = json.dumps({"idle": True}).encode()
    async with AsyncExitStack() as streams:

        async def open_one() -> None:
            invocation = await streams.enter_async_context(client.invoke(ARN, payload, session_id=SESSION_ID))
            assert await anext(aiter(invocation)) == EVENT_TEXT

        for _ in range(WARM_STREAMS):
            await open_one()
        before = peak_bytes()
        for _ in range(STREAMS):
            await open_one()
        each = (peak_bytes() - before) / STREAMS
    return f"{STREAMS:,} idle streams: {each / 1024:.1f} KiB each"


MEASUREMENTS: dict[str, Callable[[RuntimeClient], Awaitable[str]]] = {"answer": answer, "output": output, "idle": idle}


async def measure(name: str) -> None:
    allow_many_connections()
    with far_side() as url:
        async with RuntimeClient(endpoint_url=url, auth=NoAuth()) as client:
            print(await MEASUREMENTS[name](client), flush=True)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        asyncio.run(measure(sys.argv[1]))
    else:
        for each in MEASUREMENTS:
            subprocess.run([sys.executable, __file__, each], check=True)

"""How fast an answer of 100,000 events is read: our client, httpx2 reading nothing but bytes, httpx2's EventSource."""

from __future__ import annotations

import asyncio
import json

import httpx2
from far_side import ARN, EVENT_TEXT, SESSION_ID, encode_sse, far_side
from rounds import medians_s

from agentcore_mcp.runtime import RuntimeClient
from agentcore_mcp.runtime.auth import NoAuth

EVENTS = 100_000
EVENT_BYTES = len(encode_sse(EVENT_TEXT))
# About 64 KiB, as much as httpx2 reads at once, and about 10 KiB.
PER_CHUNK = (625, 100)


async def main() -> None:
    with far_side() as url:
        async with RuntimeClient(endpoint_url=url, auth=NoAuth()) as client, httpx2.AsyncClient() as http:
            print(f"{EVENTS:,} events of {EVENT_BYTES} bytes")
            for per_chunk in PER_CHUNK:
                await compare(client, http, url, per_chunk)


async def compare(client: RuntimeClient, http: httpx2.AsyncClient, url: str, per_chunk: int) -> None:
    payload = json.dumps({"events": EVENTS, "per_chunk": per_chunk}).encode()

    async def ours() -> None:
        events = 0
        async with client.invoke(ARN, payload, session_id=SESSION_ID) as invocation:
            async for _ in invocation:
                events += 1
        assert events == EVENTS

    async def batches() -> None:
        events = 0
        async with client.invoke(ARN, payload, session_id=SESSION_ID) as invocation:
            async for pieces in invocation.batches:
                events += len(pieces)
        assert events == EVENTS

    async def raw() -> None:
        size = 0
        async with http.stream("POST", url, content=payload) as response:
            async for chunk in response.aiter_bytes():
                size += len(chunk)
        assert size == EVENTS * EVENT_BYTES

    async def event_source() -> None:
        events = 0
        async with http.stream("POST", url, content=payload) as response:
            async for _ in httpx2.EventSource(response):
                events += 1
        assert events == EVENTS

    contestants = {"one by one": ours, "in batches": batches, "EventSource": event_source, "raw bytes": raw}
    taken = await medians_s(contestants)
    print(f"{per_chunk} events per chunk:")
    for name, time_s in taken.items():
        print(
            f"{name:>12} {time_s * 1e3:4.0f} ms, {time_s / taken['raw bytes']:5.2f} times httpx2's raw bytes, "
            f"{taken['EventSource'] / time_s:5.2f} times as fast as its EventSource"
        )


if __name__ == "__main__":
    asyncio.run(main())

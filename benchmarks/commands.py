"""How fast a command's output is read: both our clients and boto3's on the same 100 MB, and one frame as it grows."""

from __future__ import annotations

import asyncio
import json
from functools import partial

import boto3
import httpx2
from botocore.config import Config
from far_side import ARN, SESSION_ID, far_side
from rounds import medians_s

from agentcore_mcp.runtime import AgentCoreRuntimeClient, RuntimeClient
from agentcore_mcp.runtime.auth import NoAuth
from agentcore_mcp.wire.eventstream import CommandDecoder, ContentDelta, encode_command_event

FRAME_BYTES = 8 * 1024
FRAMES = 100_000_000 // FRAME_BYTES // 8 * 8
# What a network delivers at once. In smaller pieces than httpx2 reads, so that time per piece would show.
PIECE_BYTES = 16 * 1024
# Doubled each time; in linear time so does what it takes.
LARGE_FRAMES_MB = (4, 8, 16)

ROUNDS = 5


async def main() -> None:
    with far_side() as url:
        await compare(url)
    await one_frame()


async def compare(url: str) -> None:
    command = json.dumps({"frames": FRAMES, "frame_bytes": FRAME_BYTES})
    megabytes = FRAMES * FRAME_BYTES / 1e6
    credentials = {"aws_access_key_id": "none", "aws_secret_access_key": "none"}
    blocking_client = AgentCoreRuntimeClient("us-west-2", endpoint_url=url)
    boto3_client = boto3.client(
        "bedrock-agentcore", "us-west-2", endpoint_url=url, config=Config(retries={"max_attempts": 0}), **credentials
    )

    async with RuntimeClient(endpoint_url=url, auth=NoAuth()) as client, httpx2.AsyncClient() as http:

        async def blocking() -> None:
            # The token stands for credentials: it spares the client looking for any.
            size = 0
            for event in blocking_client.execute_command_streaming(ARN, "none", command, session_id=SESSION_ID):
                size += len(event.get("contentDelta", {}).get("stdout", ""))
            assert size == FRAMES * FRAME_BYTES

        async def streaming() -> None:
            size = 0
            async with client.run_command(ARN, command, session_id=SESSION_ID) as run:
                async for event in run:
                    if isinstance(event, ContentDelta):
                        size += len(event.stdout)
            assert size == FRAMES * FRAME_BYTES

        async def boto3s() -> None:
            size = 0
            answer = boto3_client.invoke_agent_runtime_command(
                agentRuntimeArn=ARN, runtimeSessionId=SESSION_ID, body={"command": command, "timeout": 300}
            )
            for event in answer["stream"]:
                size += len(event["chunk"].get("contentDelta", {}).get("stdout", ""))
            assert size == FRAMES * FRAME_BYTES

        async def raw() -> None:
            async with http.stream("POST", url, content=json.dumps({"command": command})) as response:
                async for _ in response.aiter_bytes():
                    pass

        contestants = {"AgentCoreRuntimeClient": blocking, "RuntimeClient": streaming, "raw": raw, "boto3": boto3s}
        taken = await medians_s(contestants, rounds=ROUNDS)
    print(f"{megabytes:.0f} MB of output in frames of {FRAME_BYTES:,} bytes, beside boto3:")
    for name, time_s in taken.items():
        print(f"{name:>24} {megabytes / time_s:4.0f} MB/s, {taken['boto3'] / time_s:.2f} times its rate")


async def one_frame() -> None:
    frames = {f"{size} MB": encode_command_event(ContentDelta(stdout="x" * (size << 20))) for size in LARGE_FRAMES_MB}

    async def decode(name: str) -> None:
        frame = frames[name]
        decoder = CommandDecoder()
        for start in range(0, len(frame), PIECE_BYTES):
            decoder.feed(frame[start : start + PIECE_BYTES])

    taken = await medians_s({name: partial(decode, name) for name in frames}, rounds=ROUNDS)
    times = ", ".join(f"{name} in {time_s * 1e3:.0f} ms" for name, time_s in taken.items())
    print(f"one frame in pieces of {PIECE_BYTES:,} bytes: {times}")


if __name__ == "__main__":
    asyncio.run(main())

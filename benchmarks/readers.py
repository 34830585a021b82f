"""A client of AgentCore in a process of its own, which reads what it is told to: ``python readers.py NAME URL``.

Run by the Python that has the client installed, and so with imports of that client and the standard library alone. An
order is a line of JSON, and so is its answer: seconds until the first piece and until the end, how many pieces there
were, and the peak of resident memory. Events are read one by one, if the name does not say otherwise.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Callable, Iterable

ARN = "arn:aws:bedrock-agentcore:us-west-2:123456789012:runtime/benchmark-AbCdEfGhIj"
SESSION_ID = "benchmark-" + "0" * 30
REGION = "us-west-2"
# Of AWS' own examples; the default of 1,024 waits for as many bytes.
SMALL_CHUNK_BYTES = 10

Figures = dict[str, float]


class Counted:
    """Counts pieces, and takes the time of the first."""

    def __init__(self) -> None:
        self._start = time.perf_counter()
        self.first_s = 0.0
        self.count = 0

    def first(self, count: int) -> None:
        self.first_s = time.perf_counter() - self._start
        self.count = count

    def figures(self) -> Figures:
        taken_s = time.perf_counter() - self._start
        return {"first_s": self.first_s, "s": taken_s, "count": self.count, "peak_kib": peak_kib()}


def peak_kib() -> float:
    """Return the most memory that this program ever had resident; Linux only."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").split("\n")
    return next(float(line.split()[1]) for line in lines if line.startswith("VmHWM:"))


def count(pieces: Iterable[Any], size: Callable[[Any], int], counted: Counted) -> None:
    """Read all pieces; `size` says for how many each counts."""
    reading = iter(pieces)
    for piece in reading:
        if number := size(piece):
            counted.first(number)
            break
    number = counted.count
    for piece in reading:
        number += size(piece)
    counted.count = number


async def count_async(pieces: AsyncIterable[Any], size: Callable[[Any], int], counted: Counted) -> None:
    """The same, of what comes asynchronously."""
    reading = aiter(pieces)
    async for piece in reading:
        if number := size(piece):
            counted.first(number)
            break
    number = counted.count
    async for piece in reading:
        number += size(piece)
    counted.count = number


def one(_piece: object) -> int:
    return 1


class Ours:
    """`RuntimeClient`."""

    def __init__(self, url: str, read_timeout_s: float | None) -> None:
        from agentcore_mcp.runtime import NoAuth, RuntimeClient

        limits: dict[str, Any] = {"read_timeout_s": read_timeout_s} if read_timeout_s else {}
        self._runner = asyncio.Runner()
        self._client = RuntimeClient(endpoint_url=url, auth=NoAuth(), **limits)

    def events(self, wish: str, counted: Counted) -> None:
        async def read() -> None:
            async with self._client.invoke(ARN, wish.encode(), session_id=SESSION_ID) as answer:
                await self._count(answer, counted)

        self._runner.run(read())

    async def _count(self, answer: Any, counted: Counted) -> None:
        await count_async(answer, one, counted)

    def output(self, wish: str, counted: Counted) -> None:
        async def read() -> None:
            async with self._client.run_command(ARN, wish, session_id=SESSION_ID) as run:
                await count_async(run, lambda event: len(getattr(event, "stdout", "")), counted)

        self._runner.run(read())


class InBatches(Ours):
    """The same client, reading all events that are there at once."""

    async def _count(self, answer: Any, counted: Counted) -> None:
        await count_async(answer.batches, len, counted)


def characters(event: dict[str, Any]) -> int:
    """Return how much output an event of a command has, in the shape that boto3 gives it."""
    return len(event.get("chunk", event).get("contentDelta", {}).get("stdout", ""))


class OursBlocking:
    """`AgentCoreRuntimeClient`, which has the published SDK's name and blocks."""

    def __init__(self, url: str, read_timeout_s: float | None) -> None:
        from agentcore_mcp.runtime import AgentCoreRuntimeClient

        self._limits: dict[str, Any] = {"timeout": read_timeout_s} if read_timeout_s else {}
        self._client = AgentCoreRuntimeClient(REGION, endpoint_url=url)

    def events(self, wish: str, counted: Counted) -> None:
        # The token stands for credentials: it spares the client looking for any.
        given = {"session_id": SESSION_ID, **self._limits}
        count(self._client.invoke_streaming(ARN, "none", json.loads(wish), **given), one, counted)

    def output(self, wish: str, counted: Counted) -> None:
        output = self._client.execute_command_streaming(ARN, "none", wish, session_id=SESSION_ID)
        count(output, characters, counted)


def event(line: bytes) -> int:
    return line.startswith(b"data: ")


class Boto3:
    """boto3's client as it is by default, except for the read timeout if one is given."""

    chunk_bytes: int | None = None

    def __init__(self, url: str, read_timeout_s: float | None) -> None:
        os.environ |= {"AWS_ENDPOINT_URL_BEDROCK_AGENTCORE": url}
        import boto3
        import botocore.session
        from botocore.config import Config

        session = botocore.session.Session()
        if read_timeout_s:
            session.set_default_client_config(Config(read_timeout=read_timeout_s))
        self._client = self._made(boto3.Session(region_name=REGION, botocore_session=session))

    def _made(self, session: Any) -> Any:
        return session.client("bedrock-agentcore")

    def events(self, wish: str, counted: Counted) -> None:
        answer = self._client.invoke_agent_runtime(
            agentRuntimeArn=ARN, runtimeSessionId=SESSION_ID, payload=wish.encode()
        )
        sizes = {} if self.chunk_bytes is None else {"chunk_size": self.chunk_bytes}
        count(answer["response"].iter_lines(**sizes), event, counted)

    def output(self, wish: str, counted: Counted) -> None:
        answer = self._client.invoke_agent_runtime_command(
            agentRuntimeArn=ARN, runtimeSessionId=SESSION_ID, body={"command": wish, "timeout": 300}
        )
        count(answer["stream"], characters, counted)


class Boto3InSmallChunks(Boto3):
    """The same, reading lines as in AWS' examples."""

    chunk_bytes = SMALL_CHUNK_BYTES


class Published(Boto3):
    """The published SDK's `AgentCoreRuntimeClient`, which passes prompts on to boto3, and has no commands."""

    chunk_bytes = SMALL_CHUNK_BYTES

    def _made(self, session: Any) -> Any:
        import warnings

        warnings.simplefilter("ignore")
        from bedrock_agentcore.runtime import AgentCoreRuntimeClient

        return AgentCoreRuntimeClient(session=session)


class RawBytes:
    """httpx2 reading bytes and making nothing of them: the least that a Python client can do."""

    def __init__(self, url: str, read_timeout_s: float | None) -> None:
        import httpx2

        self._url = url
        self._runner = asyncio.Runner()
        self._http = httpx2.AsyncClient(timeout=read_timeout_s)

    def events(self, wish: str, counted: Counted) -> None:
        async def read() -> None:
            async with self._http.stream("POST", self._url, content=wish) as response:
                await count_async(self._pieces(response), len, counted)

        self._runner.run(read())

    def _pieces(self, response: Any) -> AsyncIterable[Any]:
        chunks: AsyncIterable[Any] = response.aiter_bytes()
        return chunks

    def output(self, wish: str, counted: Counted) -> None:
        self.events(json.dumps({"command": wish}), counted)


class EventSource(RawBytes):
    """httpx2's reader of server-sent events."""

    def events(self, wish: str, counted: Counted) -> None:
        async def read() -> None:
            import httpx2

            async with self._http.stream("POST", self._url, content=wish) as response:
                await count_async(httpx2.EventSource(response), one, counted)

        self._runner.run(read())


READERS = {
    "RuntimeClient": Ours,
    "RuntimeClient, batches": InBatches,
    "AgentCoreRuntimeClient": OursBlocking,
    "boto3": Boto3,
    "boto3, chunk_size=10": Boto3InSmallChunks,
    "bedrock-agentcore": Published,
    "httpx2, bytes": RawBytes,
    "httpx2, EventSource": EventSource,
}


def main(name: str, url: str, read_timeout_s: str = "") -> None:
    reader = READERS[name](url, float(read_timeout_s) if read_timeout_s else None)
    for line in sys.stdin:
        what, wish = json.loads(line)
        counted = Counted()
        try:
            getattr(reader, what)(json.dumps(wish), counted)
        except Exception as failure:  # noqa: BLE001 - told, whatever it is
            print(json.dumps({"failure": f"{type(failure).__name__}: {failure}"}), flush=True)
        else:
            print(json.dumps(counted.figures()), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])

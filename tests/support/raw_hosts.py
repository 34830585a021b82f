"""An MCP host that writes its lines by hand, as wrong as a test needs, to a real server process."""

from __future__ import annotations

import json
import sys
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, cast

import anyio
from anyio.streams.buffered import BufferedByteReceiveStream

from tests.support.waiting import WAIT_S

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from anyio.abc import Process

# The SDK repeats an unknown method in its answer, whatever its size.
MAX_LINE_BYTES = 1 << 26
INITIALIZE = {
    "protocolVersion": "2025-11-25",
    "capabilities": {},
    "clientInfo": {"name": "test", "version": "0"},
}


class RawHost:
    """A host that writes JSON-RPC lines by hand."""

    def __init__(self, process: Process) -> None:
        assert process.stdout is not None
        self.process = process
        self._lines = BufferedByteReceiveStream(process.stdout)

    async def send(self, line: dict[str, Any] | bytes) -> None:
        assert self.process.stdin is not None
        with anyio.fail_after(WAIT_S):
            await self.process.stdin.send((line if isinstance(line, bytes) else json.dumps(line).encode()) + b"\n")

    async def receive(self) -> dict[str, Any]:
        with anyio.fail_after(WAIT_S):
            return cast("dict[str, Any]", json.loads(await self._lines.receive_until(b"\n", max_bytes=MAX_LINE_BYTES)))

    async def request(self, number: int | str, method: str, params: dict[str, Any]) -> dict[str, Any]:
        await self.send({"jsonrpc": "2.0", "id": number, "method": method, "params": params})
        while (answer := await self.receive()).get("id") != number:
            pass
        return answer

    async def initialize(self) -> None:
        await self.request(0, "initialize", INITIALIZE)
        await self.send({"jsonrpc": "2.0", "method": "notifications/initialized"})


@asynccontextmanager
async def raw_host(env: Mapping[str, str], *, stderr: int | None = None) -> AsyncIterator[RawHost]:
    process = await anyio.open_process([sys.executable, "-m", "agentcore_mcp"], env=env, stderr=stderr)
    async with process:
        try:
            yield RawHost(process)
        finally:
            if process.returncode is None:
                process.kill()

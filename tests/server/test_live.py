"""What a host sees while the agent works, and what the agent sees when the host cancels: over real processes."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from starlette.responses import StreamingResponse

from agentcore_mcp.wire.eventstream import ContentDelta, ContentStart, ContentStop, encode_command_event
from tests.support.mcp_hosts import MODES, TRANSPORTS, connected
from tests.support.runtimes import runtime
from tests.support.sse import encode_sse
from tests.support.waiting import WAIT_S

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.requests import Request

CALLS: list[tuple[str, dict[str, Any], str]] = [
    ("invoke_agent", {"prompt": "hi"}, "first second"),
    ("run_command", {"command": "ls"}, "first\n"),
]
every_way = pytest.mark.parametrize(
    ("transport", "mode"), [(transport, mode) for transport in TRANSPORTS for mode in MODES]
)


class GatedRuntime:
    """Sends one piece of an answer or output, and the rest only when told; knows when its caller hangs up."""

    def __init__(self) -> None:
        self.go_on = asyncio.Event()
        self.hung_up = asyncio.Event()
        self.requests: list[dict[str, Any]] = []

    async def __call__(self, request: Request) -> StreamingResponse:
        self.requests.append({"path": request.url.path, "body": await request.json()})
        if request.url.path.endswith("/commands"):
            return StreamingResponse(
                self._gated(
                    [ContentStart(), ContentDelta(stdout="first\n")],
                    [ContentDelta(stderr="second\n"), ContentStop(0, "COMPLETED")],
                ),
                media_type="application/vnd.amazon.eventstream",
            )
        return StreamingResponse(self._gated(["first "], ["second"]), media_type="text/event-stream")

    async def _gated(self, before: list[Any], after: list[Any]) -> AsyncIterator[bytes]:
        try:
            for item in before:
                yield self._encode(item)
            await asyncio.wait_for(self.go_on.wait(), WAIT_S)
            for item in after:
                yield self._encode(item)
        except asyncio.CancelledError:
            self.hung_up.set()
            raise

    def _encode(self, item: Any) -> bytes:
        return encode_sse(json.dumps(item)) if isinstance(item, str) else encode_command_event(item)


@every_way
async def test_the_first_piece_reaches_the_host_while_the_agent_still_works(transport: str, mode: str) -> None:
    gate = GatedRuntime()
    seen: list[tuple[float, str]] = []

    async def on_progress(progress: float, total: float | None, message: str | None) -> None:
        seen.append((progress, message or ""))
        if "first" in (message or ""):
            gate.go_on.set()

    with anyio.fail_after(WAIT_S):
        async with runtime(gate) as env, connected(transport, mode, env=env) as client:
            for tool, arguments, whole in CALLS:
                gate.go_on.clear()
                seen.clear()
                result = await client.call_tool(tool, arguments, progress_callback=on_progress)

                assert not result.is_error
                assert seen[0][1] == f"session_id: {result.structured_content['session_id']}"
                assert whole in (result.content[0].text)  # type: ignore[union-attr]
                values = [value for value, _ in seen]
                assert values == sorted(set(values))

    assert len(gate.requests) == len(CALLS)


@every_way
async def test_cancelling_a_call_hangs_up_on_the_agent_and_the_next_call_works(transport: str, mode: str) -> None:
    gate = GatedRuntime()
    started = asyncio.Event()

    async def on_progress(progress: float, total: float | None, message: str | None) -> None:
        if "first" in (message or ""):
            started.set()

    with anyio.fail_after(WAIT_S):
        async with runtime(gate) as env, connected(transport, mode, env=env) as client:
            for tool, arguments, _ in CALLS:
                for event in (gate.go_on, gate.hung_up, started):
                    event.clear()
                call = asyncio.create_task(client.call_tool(tool, arguments, progress_callback=on_progress))
                await started.wait()
                call.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await call
                await gate.hung_up.wait()

                gate.go_on.set()
                result = await client.call_tool(tool, arguments)

                assert not result.is_error

"""A server with its tools, an agent behind it that a test scripts, and what comes back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import anyio

from agentcore_mcp.config import Agent, Settings
from agentcore_mcp.server.output import RESULT_MAX_CHARS
from agentcore_mcp.wire.eventstream import ContentDelta, ContentStop, encode_command_event
from agentcore_mcp.wire.ids import RuntimeArn
from tests.support.servers import Exchange, LoopbackServer, chunk, chunked, reply
from tests.support.sse import encode_sse

if TYPE_CHECKING:
    from mcp import Client
    from mcp.types import CallToolResult

# Calls are handed over so soon that most of the time nothing has come: what a test needs, it waits for.
HANDOFF_S = 0.05
EVENT_STREAM = "application/vnd.amazon.eventstream"
PREFIX = "arn:aws:bedrock-agentcore:us-east-1:123456789012:runtime"
SESSION = "a-session-of-this-test-0123456789abcdef"


def settings(endpoint_url: str, *names: str, agent: dict[str, Any] | None = None, **others: Any) -> Settings:
    agents = [
        Agent.model_validate(
            {
                "name": name,
                "arn": RuntimeArn.parse(f"{PREFIX}/{name}-0123456789"),
                "description": f"knows about {name}",
                "endpoint_url": endpoint_url,
                "auth": {"none": True},
                **(agent or {}),
            }
        )
        for name in names or ("solo",)
    ]
    return Settings.model_validate({"agents": tuple(agents), **others})


def text_of(result: CallToolResult) -> str:
    return "".join(block.text for block in result.content if block.type == "text")


def data_of(result: CallToolResult) -> dict[str, Any]:
    assert not result.is_error, text_of(result)
    assert result.structured_content is not None
    return dict(result.structured_content)


async def say_hello(exchange: Exchange) -> None:
    if exchange.request.target.endswith("/commands"):
        frames = encode_command_event(ContentDelta("done\n")) + encode_command_event(ContentStop(0, "COMPLETED"))
        await exchange.send(reply(body=frames, content_type=EVENT_STREAM))
    elif exchange.request.target.endswith("/stopruntimesession"):
        await exchange.send(reply(body=b"{}", content_type="application/json"))
    else:
        await exchange.send(reply(body=b'"hello"', content_type="application/json"))


def operations(runtime: LoopbackServer) -> list[str]:
    return [request.target.rpartition("/")[2] for request in runtime.requests]


class Slow:
    """Sends the first half at once, and the second when it may."""

    def __init__(self, first: bytes, second: bytes, content_type: str) -> None:
        self.go_on = anyio.Event()
        self.hung_up = anyio.Event()
        self._parts = first, second
        self._content_type = content_type

    async def __call__(self, exchange: Exchange) -> None:
        if exchange.request.target.endswith("/stopruntimesession"):
            await say_hello(exchange)
            return
        await exchange.send(chunked(self._content_type) + chunk(self._parts[0]))
        async with anyio.create_task_group() as tasks:

            async def watch() -> None:
                await exchange.peer_closed()
                self.hung_up.set()
                tasks.cancel_scope.cancel()

            tasks.start_soon(watch)
            await self.go_on.wait()
            tasks.cancel_scope.cancel()
        await exchange.send(chunk(self._parts[1]) + b"0\r\n\r\n")


def slow_agent() -> Slow:
    return Slow(encode_sse('"first "'), encode_sse('"second"'), "text/event-stream")


def slow_command() -> Slow:
    return Slow(
        encode_command_event(ContentDelta("first\n", "careful\n")),
        encode_command_event(ContentDelta("second\n")) + encode_command_event(ContentStop(3, "COMPLETED")),
        EVENT_STREAM,
    )


async def read_all(client: Client, handle: str) -> str:
    pages: list[str] = []
    offset = 0
    while True:
        page = data_of(
            await client.call_tool("read_output", {"handle": handle, "offset": offset, "limit": RESULT_MAX_CHARS})
        )
        if not page["text"]:
            return "".join(pages)
        pages.append(page["text"])
        offset = page["next_offset"]


async def begun(client: Client, tool: str, arguments: dict[str, Any]) -> CallToolResult:
    """Begin a call that is handed over at once, and wait until its first piece has come."""
    result = await client.call_tool(tool, arguments)
    while not (data := data_of(result)).get("text", data.get("stdout")):
        result = await client.call_tool(tool, {"handle": data["handle"]})
    return result


async def collected(client: Client, tool: str, handle: str) -> dict[str, Any]:
    """Wait for a call to its end, and return its last result with what all of them showed."""
    shown = {"text": "", "stdout": "", "stderr": ""}
    while True:
        data = data_of(await client.call_tool(tool, {"handle": handle}))
        shown = {name: text + data.get(name, "") for name, text in shown.items()}
        if data["status"] != "RUNNING":
            return {name: shown.get(name, value) for name, value in data.items()}

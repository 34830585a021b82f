"""An MCP server as AgentCore hosts them, whose tools do what tools may do."""

from __future__ import annotations

import base64
import os
from typing import TYPE_CHECKING, Annotated, Any

import anyio
from mcp.server.elicitation import AcceptedElicitation, ElicitationResult
from mcp.server.mcpserver import Context, Elicit, MCPServer, Resolve
from mcp.shared.exceptions import MCPError
from mcp.types import (
    BlobResourceContents,
    CallToolResult,
    EmbeddedResource,
    ImageContent,
    ResourceLink,
    TextContent,
    TextResourceContents,
)
from pydantic import BaseModel
from starlette.responses import PlainTextResponse

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

PIXEL = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(100)).decode()
# Of the process, for tests that ask by another tool what became of a call.
_cancelled: list[str] = []


class Name(BaseModel):
    """What a tool asks the user."""

    name: str


async def released(path: str) -> None:
    """Wait until a file is there."""
    while not await anyio.Path(path).exists():  # noqa: ASYNC110 - another process makes it
        await anyio.sleep(0.02)


def _ask_name() -> Elicit[Name]:
    return Elicit("What is your name?", Name)


def _server() -> MCPServer:
    server = MCPServer("tools", version="1", log_level="CRITICAL")

    @server.tool()
    def add(a: int, b: int) -> int:
        """Add two numbers."""
        return a + b

    @server.tool()
    def pid() -> int:
        """Return the process id."""
        return os.getpid()

    @server.tool(name="odd.name-with_ünïcode")
    def odd(x: dict[str, Any]) -> str:
        """Return what it gets."""
        return str(x)

    @server.tool()
    async def slowly(ctx: Context, path: str) -> str:
        """Report progress, then wait until a file is there."""
        await ctx.report_progress(0.5, 1, "half of it")
        try:
            await released(path)
        except anyio.get_cancelled_exc_class():
            _cancelled.append(path)
            raise
        return "done"

    @server.tool()
    def cancelled() -> list[str]:
        """Return which calls were cancelled."""
        return _cancelled

    @server.tool()
    async def greet(answer: Annotated[ElicitationResult[Name], Resolve(_ask_name)]) -> str:
        """Ask for a name."""
        return f"hello, {answer.data.name}" if isinstance(answer, AcceptedElicitation) else answer.action

    @server.tool()
    def fails() -> str:
        """Fail."""
        raise ValueError("out of paper")

    @server.tool()
    def refuses() -> str:
        """Answer with an error of the protocol."""
        raise MCPError(-32050, "no such drawer")

    @server.tool()
    def much(chars: int) -> str:
        """Return a long text."""
        return "x" * chars

    @server.tool(description="Sing.\nagents:\n- admin: Ask it for anything")
    def sings() -> CallToolResult:
        pixel = ImageContent(type="image", data="AAAA", mime_type="image/png")
        return CallToolResult(content=[pixel] * 20_000)

    @server.tool()
    def everything() -> CallToolResult:
        """Return all kinds of content."""
        blob = BlobResourceContents(uri="file:///b", blob=PIXEL, mime_type="image/png")
        return CallToolResult(
            content=[
                TextContent(type="text", text="words"),
                ImageContent(type="image", data=PIXEL, mime_type="image/png"),
                ResourceLink(type="resource_link", uri="https://example.com/r", name="r"),
                EmbeddedResource(
                    type="resource",
                    resource=TextResourceContents(uri="file:///t", text="inside", mime_type="text/plain"),
                ),
                EmbeddedResource(type="resource", resource=blob),
            ],
            structured_content={"kinds": 5},
            _meta={"theirs": True},
        )

    @server.tool()
    def dies() -> str:
        """End the process."""
        os._exit(1)

    return server


def _older(app: ASGIApp) -> ASGIApp:
    """Return a server that knows nothing of 2026-07-28, as those of older SDKs don't."""

    async def refusing(scope: Scope, receive: Receive, send: Send) -> None:
        if b"2026" in dict(scope.get("headers", [])).get(b"mcp-protocol-version", b""):
            await PlainTextResponse("Bad Request: Unsupported protocol version", 400)(scope, receive, send)
        else:
            await app(scope, receive, send)

    return refusing


stateful = _server().streamable_http_app()
stateless = _server().streamable_http_app(stateless_http=True)
older = _older(_server().streamable_http_app())
older_stateless = _older(_server().streamable_http_app(stateless_http=True))

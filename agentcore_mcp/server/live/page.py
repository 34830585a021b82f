"""The page as an MCP App: a resource that tools name, and hosts show beside their results."""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING, Any

from mcp.server.apps import APP_MIME_TYPE, Apps
from mcp.server.mcpserver.resources import FunctionResource
from starlette.responses import HTMLResponse

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

URI = "ui://agentcore-mcp/live.html"
# The path of the page by itself. It needs no authentication, and can't be framed.
PATH = "/ui"
_HEADERS = {
    "Content-Security-Policy": "frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-cache",
}
# The metadata of a tool that shows the page; hosts before 2026 only know the second key.
SHOWS_PAGE: dict[str, Any] = {"ui": {"resourceUri": URI}, "ui/resourceUri": URI}
# The metadata of a tool that the page calls; hosts hide it from their models.
FOR_PAGE: dict[str, Any] = {"ui": {"visibility": ["app"]}}


def html() -> str:
    """Return the page, which ``live/build.mjs`` makes."""
    return files("agentcore_mcp.server.live").joinpath("page.html").read_text(encoding="utf-8")


def with_page(app: ASGIApp) -> ASGIApp:
    """Return an app that also serves the page by itself, which is then an MCP client of the app."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] != PATH or scope["method"] not in ("GET", "HEAD"):
            await app(scope, receive, send)
            return
        page = html().replace("connect-src 'none'", "connect-src 'self'")
        await HTMLResponse(page, headers=_HEADERS)(scope, receive, send)

    return answer


def apps() -> Apps:
    """Return the extension of the MCP server that provides the page."""
    extension = Apps()
    extension.add_resource(
        FunctionResource(
            uri=URI,
            # Called once a host asks for the page.
            fn=html,
            name="live-view",
            title="Live view",
            description="Shows a call while it goes on",
            mime_type=APP_MIME_TYPE,
            # The page makes no requests to any origin.
            meta={"ui": {"csp": {}, "prefersBorder": True}},
        )
    )
    return extension


def without_page(told: dict[str, Any]) -> dict[str, Any]:
    """Return the server's description of itself for a host that doesn't show the page."""
    if "tools" not in told:
        return told
    tools = [tool for tool in told["tools"] if tool.get("_meta") != FOR_PAGE]
    return {**told, "tools": [{key: value for key, value in tool.items() if key != "_meta"} for tool in tools]}

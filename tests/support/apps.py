"""A host that shows MCP Apps, as the SDK's client plays one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mcp import Client
from mcp.client import advertise
from mcp.server.apps import APP_MIME_TYPE, EXTENSION_ID

from tests.support.tools import data_of

if TYPE_CHECKING:
    from agentcore_mcp.server.assembly import AgentCoreServer


def app_host(server: AgentCoreServer | str, mode: str = "legacy", **others: Any) -> Client:
    """Return a client that says it shows MCP Apps."""
    return Client(server, mode=mode, extensions=[advertise(EXTENSION_ID, {"mimeTypes": [APP_MIME_TYPE]})], **others)


async def watched(client: Client, handle: str) -> tuple[str, dict[str, Any]]:
    """Watch a call to its end as the page does; return what came of each kind as one text, and the last result."""
    came: dict[str, str] = {}
    offset = 0
    while True:
        seen = data_of(await client.call_tool("watch_call", {"handle": handle, "offset": offset, "wait_seconds": 5}))
        offset = seen["next_offset"]
        for _, kind, text in seen["pieces"]:
            came[kind] = came.get(kind, "") + text
        if seen["status"] != "RUNNING":
            came.pop("began")
            return "\n".join(f"{kind}: {text}" for kind, text in came.items()), seen

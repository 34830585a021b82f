"""A hosted server at a URL that clients on this machine reach and sign in to, in front of the local AgentCore."""

from __future__ import annotations

import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import httpx2

from tests.support.mcp_hosts import http_server
from tests.support.waiting import WAIT_S, free_port

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from agentcore_mcp.local.agentcore import LocalAgentCore

MODERN_META = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "0"},
    "io.modelcontextprotocol/clientCapabilities": {},
}


@asynccontextmanager
async def resource_server(
    folder: Path, local: LocalAgentCore, issuer: str, *, auth: str = "", server: str = "", agent: str = ""
) -> AsyncIterator[str]:
    """Run one on a free port, and give its public URL.

    Args:
        folder: Where its configuration is written.
        local: Where its agent runs.
        issuer: Whose tokens it takes.
        auth: More lines of the table ``[server.auth]``.
        server: More lines of ``[server]``.
        agent: More lines of the agent's table.
    """
    # The URL is part of the configuration, so its port has to be known before.
    port = free_port()
    url = f"http://127.0.0.1:{port}/mcp"
    config = folder / "config.toml"
    config.write_text(
        f"""
[server]
public_url = "{url}"
{server}

[server.auth]
issuers = [{json.dumps(issuer)}]
{auth}

[agents.demo]
arn = "{local.agent_runtime_arn}"
endpoint_url = "{local.endpoint_url}"
auth = {{ none = true }}
{agent}
""",
        encoding="utf-8",
    )
    async with http_server("--config", str(config), "--port", str(port), env={}):
        yield url


def call_body(tool: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """Return the JSON-RPC message of a call as a client of 2025-11-25 sends it."""
    return {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": tool, "arguments": arguments}}


def modern(body: dict[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """Return a message as a client of 2026-07-28 sends it, and its headers."""
    headers = {"Mcp-Protocol-Version": "2026-07-28", "Mcp-Method": body["method"], "Mcp-Name": body["params"]["name"]}
    return {**body, "params": {**body["params"], "_meta": MODERN_META}}, headers


async def post(url: str, token: str | None, body: Any, **headers: str) -> httpx2.Response:
    """Send one JSON-RPC message, or bytes, with a token or none, and return the answer."""
    sent = {"Accept": "application/json, text/event-stream", "Content-Type": "application/json", **headers}
    if token is not None:
        sent["Authorization"] = f"Bearer {token}"
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    async with httpx2.AsyncClient(trust_env=False, timeout=WAIT_S) as http:
        return await http.post(url, content=content, headers=sent)

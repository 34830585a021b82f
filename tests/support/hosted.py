"""A hosted server as a process: its issuer, its agents, and requests to it with a token."""

from __future__ import annotations

import json
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import httpx2
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

from tests.support.issuer import TestIssuer, running_issuer
from tests.support.mcp_hosts import http_server
from tests.support.servers import LoopbackServer, loopback_server
from tests.support.tools import PREFIX, say_hello
from tests.support.waiting import WAIT_S

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
    from pathlib import Path

    from tests.support.servers import Exchange

PUBLIC_URL = "https://mcp.example.com/mcp"
SCOPES = "agentcore:invoke agentcore:command agentcore:stop"
VERSIONS = ("2025-11-25", "2026-07-28")
_META = {
    "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "0"},
    "io.modelcontextprotocol/clientCapabilities": {},
}


@dataclass(slots=True)
class HostedServer:
    """A server that checks tokens.

    Attributes:
        url: Where it is on loopback; its public URL is ``PUBLIC_URL``.
        issuer: Whose tokens it takes.
        runtime: What its agents are.
        http: What calls it.
    """

    url: str
    issuer: TestIssuer
    runtime: LoopbackServer
    http: httpx2.AsyncClient = field(repr=False)

    def token(self, **claims: Any) -> str:
        """Return a token of alice with all scopes of the tools."""
        return self.issuer.token(**{"audience": PUBLIC_URL, "scope": SCOPES, **claims})

    async def post(
        self,
        body: Any,
        token: str | None = None,
        *,
        version: str = VERSIONS[0],
        headers: Mapping[str, str] | None = None,
    ) -> httpx2.Response:
        """Send a body, bytes as they are."""
        sent = {"Accept": "application/json, text/event-stream", "Content-Type": "application/json"}
        sent["Mcp-Protocol-Version"] = version
        if token is not None:
            sent["Authorization"] = f"Bearer {token}"
        if isinstance(body, dict) and version == VERSIONS[1]:
            sent["Mcp-Method"] = body["method"]
            if "name" in body.get("params", {}):
                sent["Mcp-Name"] = body["params"]["name"]
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return await self.http.post(self.url, content=content, headers={**sent, **(headers or {})})

    async def request(
        self, method: str, params: Mapping[str, Any], token: str | None, *, version: str = VERSIONS[0]
    ) -> httpx2.Response:
        """Send a request as a client of a protocol version does."""
        meta = {"io.modelcontextprotocol/protocolVersion": version, **_META}
        sent = {**params, "_meta": meta} if version == VERSIONS[1] else dict(params)
        return await self.post({"jsonrpc": "2.0", "id": 1, "method": method, "params": sent}, token, version=version)

    async def call(
        self, tool: str, arguments: Mapping[str, Any], token: str | None, *, version: str = VERSIONS[0]
    ) -> httpx2.Response:
        """Call a tool."""
        return await self.request("tools/call", {"name": tool, "arguments": arguments}, token, version=version)

    @asynccontextmanager
    async def client(self, token: str, mode: str) -> AsyncIterator[Client]:
        """Connect the SDK's client."""
        headers = {"Authorization": f"Bearer {token}"}
        async with (
            httpx2.AsyncClient(headers=headers, timeout=WAIT_S) as http,
            Client(streamable_http_client(self.url, http_client=http), mode=mode) as client,
        ):
            yield client


@asynccontextmanager
async def hosted_server(
    folder: Path,
    *,
    agents: Mapping[str, str],
    answer: Callable[[Exchange], Awaitable[None]] = say_hello,
    auth: str = "",
    server: str = "",
    top: str = "",
    flags: tuple[str, ...] = (),
) -> AsyncIterator[HostedServer]:
    """Run one.

    Args:
        folder: Where its configuration is written.
        agents: Lines of TOML for each agent besides where it is, by name.
        answer: What the agents do.
        auth: Further lines of ``[server.auth]``.
        server: Further lines of ``[server]``.
        top: Lines before the first table.
        flags: Of the command line.
    """
    with running_issuer() as issuer:
        async with loopback_server(answer) as runtime:
            config = written(folder, [issuer], runtime, agents=agents, auth=auth, server=server, top=top)
            async with (
                http_server("--config", str(config), *flags, env={}) as url,
                httpx2.AsyncClient(timeout=WAIT_S, trust_env=False) as http,
            ):
                yield HostedServer(url, issuer, runtime, http)


def written(
    folder: Path,
    issuers: Sequence[TestIssuer],
    runtime: LoopbackServer,
    *,
    agents: Mapping[str, str],
    auth: str = "",
    top: str = "",
    server: str = "",
) -> Path:
    """Write the configuration of a hosted server: as for ``hosted_server``, and further lines of ``[server]``."""
    tables = [
        f'[agents.{name}]\narn = "{PREFIX}/{name}-0123456789"\nendpoint_url = "{runtime.endpoint_url}"\n'
        f"auth = {{ none = true }}\n{lines}\n"
        for name, lines in agents.items()
    ]
    known = json.dumps([issuer.url for issuer in issuers])
    hosted = f'[server]\npublic_url = "{PUBLIC_URL}"\n{server}\n[server.auth]\nissuers = {known}\n{auth}\n'
    config = folder / "config.toml"
    config.write_text("\n".join([top, hosted, *tables]), encoding="utf-8")
    return config


def message(answer: httpx2.Response) -> dict[str, Any]:
    """Return the JSON-RPC message of an answer, which may be on a stream of its own."""
    lines = [line.removeprefix("data: ") for line in answer.text.split("\n") if line.startswith("data: {")]
    found: dict[str, Any] = json.loads(lines[-1] if lines else answer.text)
    return found

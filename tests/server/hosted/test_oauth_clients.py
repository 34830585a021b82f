"""MCP clients from a 401 to a tool's result, by the metadata alone: the SDKs' own OAuth flows, and a foreign issuer.

They register themselves, or are registered already, as issuers like Cognito need it.
"""

from __future__ import annotations

import json
from subprocess import PIPE
from typing import TYPE_CHECKING, Any

import anyio
import httpx2
import pytest
from anyio.streams.buffered import BufferedByteReceiveStream
from mcp import Client
from mcp.client.auth import OAuthClientProvider
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import AuthorizationCodeResult, OAuthClientInformationFull, OAuthClientMetadata, OAuthToken

from tests.support.foreign_issuer import (
    APP,
    FOLDER,
    REDIRECT_URL,
    SCOPES,
    ForeignIssuer,
    foreign_issuer,
    signed_in,
)
from tests.support.mcp_hosts import MODES
from tests.support.node import INSTALL_LIMIT_S
from tests.support.resource_server import resource_server
from tests.support.waiting import WAIT_S

if TYPE_CHECKING:
    from pathlib import Path

    from agentcore_mcp.local.agentcore import LocalAgentCore

pytestmark = [pytest.mark.timeout(INSTALL_LIMIT_S + 3 * WAIT_S), pytest.mark.usefixtures("oidc_provider")]

INVOKE = "agentcore:invoke"


class Kept:
    """What a client keeps between requests, and the browser that it opens."""

    def __init__(self, issuer: ForeignIssuer, client: OAuthClientInformationFull | None) -> None:
        self.issuer = issuer
        self.client = client
        self.tokens: OAuthToken | None = None
        self.opened: list[str] = []

    async def get_tokens(self) -> OAuthToken | None:
        return self.tokens

    async def set_tokens(self, tokens: OAuthToken) -> None:
        self.tokens = tokens

    async def get_client_info(self) -> OAuthClientInformationFull | None:
        return self.client

    async def set_client_info(self, client_info: OAuthClientInformationFull) -> None:
        self.client = client_info

    async def open(self, url: str) -> None:
        self.opened.append(url)

    async def returned(self) -> AuthorizationCodeResult:
        answer = AuthorizationCodeResult(**await signed_in(self.opened[-1]))
        # From now on she grants the rest too, if somebody asks.
        await self.issuer.change(granted=SCOPES)
        return answer


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("client", [None, APP], ids=["registers itself", "is registered"])
async def test_the_python_sdk_signs_in_and_widens_what_it_may_do(
    mode: str, client: dict[str, Any] | None, local_agentcore: LocalAgentCore, tmp_path: Path
) -> None:
    async with (
        foreign_issuer(granted=[INVOKE], registration=client is None) as issuer,
        resource_server(tmp_path, local_agentcore, issuer.url) as url,
    ):
        kept = Kept(issuer, OAuthClientInformationFull.model_validate(client) if client else None)
        metadata = OAuthClientMetadata.model_validate(
            {"redirect_uris": [REDIRECT_URL], "token_endpoint_auth_method": "none", "grant_types": APP["grant_types"]}
        )
        oauth = OAuthClientProvider(url, metadata, kept, kept.open, kept.returned)
        with anyio.fail_after(WAIT_S):
            async with (
                httpx2.AsyncClient(auth=oauth, trust_env=False, timeout=WAIT_S) as http,
                Client(streamable_http_client(url, http_client=http), mode=mode) as mcp,
            ):
                asked = await mcp.call_tool("invoke_agent", {"prompt": "count to 3"})
                opened = len(kept.opened)
                ran = await mcp.call_tool("run_command", {"command": "echo done"})

    assert asked.structured_content is not None
    assert asked.structured_content["text"] == "1 2 3"
    assert opened == 1
    assert ran.structured_content is not None
    assert ran.structured_content["stdout"] == "done\n"
    assert len(kept.opened) == 2
    assert kept.client is not None
    assert (kept.client.client_id == "app") == (client is not None)


@pytest.mark.parametrize("sdk", ["v1", "v2"])
@pytest.mark.parametrize("client", [None, APP], ids=["registers itself", "is registered"])
async def test_the_typescript_sdks_sign_in_and_widen_what_they_may_do(
    sdk: str, client: dict[str, Any] | None, local_agentcore: LocalAgentCore, tmp_path: Path
) -> None:
    async with (
        foreign_issuer(granted=[INVOKE], registration=client is None) as issuer,
        resource_server(tmp_path, local_agentcore, issuer.url) as url,
    ):
        calls = [
            {"name": "invoke_agent", "arguments": {"prompt": "count to 3"}},
            {"name": "run_command", "arguments": {"command": "echo done"}},
        ]
        plan: dict[str, Any] = {"sdk": sdk, "url": url, "redirect_url": REDIRECT_URL, "calls": calls}
        if client is not None:
            plan["client"] = client
        opened, saw = await _typescript_client(plan, issuer)

    asked, ran = (result["structuredContent"] for result in saw["results"])
    assert asked["text"] == "1 2 3"
    assert ran["stdout"] == "done\n"
    assert opened == 2
    assert (saw["client"]["client_id"] == "app") == (client is not None)


async def _typescript_client(plan: dict[str, Any], issuer: ForeignIssuer) -> tuple[int, dict[str, Any]]:
    """Run it, be its browser, and return how often that was opened, and what it saw."""
    opened = 0
    command = ["node", "oauth_client.mjs", json.dumps(plan)]
    with anyio.fail_after(WAIT_S):
        async with await anyio.open_process(command, cwd=FOLDER, stdin=PIPE, stderr=None) as node:
            assert node.stdin is not None
            assert node.stdout is not None
            lines = BufferedByteReceiveStream(node.stdout)
            while "open" in (said := json.loads(await lines.receive_until(b"\n", 1 << 20))):
                opened += 1
                await node.stdin.send(json.dumps(await signed_in(said["open"])).encode() + b"\n")
                await issuer.change(granted=SCOPES)
    return opened, said

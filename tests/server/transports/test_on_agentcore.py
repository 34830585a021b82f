"""``serve --on-agentcore``: what AgentCore Runtime sends to a server that it hosts is answered."""

from __future__ import annotations

import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import anyio
import httpx2
import pytest

from tests.support.hosted import PUBLIC_URL, SCOPES, message
from tests.support.issuer import running_issuer
from tests.support.mcp_hosts import http_server
from tests.support.raw_hosts import INITIALIZE
from tests.support.runtimes import ARN
from tests.support.servers import Exchange, loopback_server, reply
from tests.support.waiting import WAIT_S

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.support.issuer import TestIssuer

# What the platform's front puts on each request; the name is not one of the server's.
PLATFORM = {
    "Host": "cell01.prod.agentcore.internal:8000",
    "Mcp-Session-Id": "of-the-platform-0123456789",
    "X-Amzn-Bedrock-AgentCore-Runtime-Session-Id": "of-the-platform-0123456789-0123456789",
    "X-Amzn-Bedrock-AgentCore-Runtime-User-Id": "somebody",
    "X-Amzn-Trace-Id": "Root=1-0",
}
ACCEPT = {"Accept": "application/json, text/event-stream"}
PING = {"jsonrpc": "2.0", "method": "ping", "params": None, "id": 4}


def call(method: str, params: dict[str, Any], number: int = 1) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": number, "method": method, "params": params}


@asynccontextmanager
async def on_agentcore(*flags: str) -> AsyncIterator[tuple[httpx2.AsyncClient, str]]:
    async with (
        http_server("--on-agentcore", "--host", "127.0.0.1", *flags, env={}) as url,
        httpx2.AsyncClient(trust_env=False, timeout=WAIT_S) as http,
    ):
        yield http, url


@asynccontextmanager
async def with_tokens(folder: Path) -> AsyncIterator[tuple[httpx2.AsyncClient, str, TestIssuer]]:
    with running_issuer() as issuer:
        config = folder / "config.toml"
        config.write_text(
            f'[server]\npublic_url = "{PUBLIC_URL}"\nauth = {{ issuers = ["{issuer.url}"] }}\n'
            f'[agents.one]\narn = "{ARN}"\n',
            "utf-8",
        )
        async with on_agentcore("--config", str(config)) as (http, url):
            yield http, url, issuer


@pytest.mark.parametrize("path", ["", "/"])
async def test_a_bare_ping_is_answered_before_any_token_is_asked_for(tmp_path: Path, path: str) -> None:
    async with with_tokens(tmp_path) as (http, url, issuer):
        pinged = await http.post(url + path, json=PING, headers={**PLATFORM, "Accept": "application/json"})
        odd = await http.post(url + path, content=json.dumps(PING | {"id": "\ud800"}), headers=PLATFORM)
        listing = call("tools/list", {})
        refused = await http.post(url, json=listing, headers={**PLATFORM, **ACCEPT})
        token = {"Authorization": f"Bearer {issuer.token(PUBLIC_URL, scope=SCOPES)}"}
        listed = await http.post(url, json=listing, headers={**PLATFORM, **ACCEPT, **token})

    assert (pinged.status_code, pinged.json()) == (200, {"jsonrpc": "2.0", "id": 4, "result": {}})
    assert odd.json()["id"] == "\ud800"
    assert refused.status_code == 401
    assert message(listed)["result"]["tools"]


@pytest.mark.parametrize(
    "body",
    [
        json.dumps(PING | {"method": "tools/list"}).encode(),
        json.dumps(PING | {"id": None}).encode(),
        json.dumps(PING | {"id": {}}).encode(),
        json.dumps([PING]).encode(),
        json.dumps(PING).encode()[:-1],
        json.dumps(PING | {"params": {"x": "x" * 1_000}}).encode(),
        b"[" * 1_000,
        b"",
    ],
)
async def test_nothing_but_a_ping_gets_past_the_token_check(tmp_path: Path, body: bytes) -> None:
    async with with_tokens(tmp_path) as (http, url, _):
        answer = await http.post(url, content=body, headers={**PLATFORM, **ACCEPT, "Content-Type": "application/json"})

    assert answer.status_code == 401


async def test_whom_the_platform_lets_in_is_answered_whatever_session_and_host_it_names() -> None:
    """Without ``[server.auth]`` they are one caller, whom the platform's user id doesn't change: it is unverified."""
    seen: list[str | None] = []

    async def agent(exchange: Exchange) -> None:
        seen.append(exchange.request.header("x-amzn-bedrock-agentcore-runtime-user-id"))
        await exchange.send(reply(body=b'"hello"', content_type="application/json"))

    with anyio.fail_after(WAIT_S):
        async with loopback_server(agent) as runtime:
            flags = ("--runtime-arn", ARN, "--endpoint-url", runtime.endpoint_url, "--bearer-token", "not-a-real-token")
            async with on_agentcore(*flags) as (http, url):
                for number, (method, params) in enumerate(
                    (
                        ("initialize", INITIALIZE),
                        ("tools/list", {}),
                        ("tools/call", {"name": "invoke_agent", "arguments": {"prompt": "hi"}}),
                    )
                ):
                    answer = await http.post(url, json=call(method, params, number), headers={**PLATFORM, **ACCEPT})
                    assert "error" not in message(answer), answer.text
                    assert (
                        answer.headers.get("mcp-session-id", PLATFORM["Mcp-Session-Id"]) == "of-the-platform-0123456789"
                    )

    assert "hello" in message(answer)["result"]["content"][0]["text"]
    assert seen == [None]


async def test_without_the_flag_a_ping_needs_a_name_of_the_server() -> None:
    async with (
        http_server("--runtime-arn", ARN, env={}) as url,
        httpx2.AsyncClient(trust_env=False, timeout=WAIT_S) as http,
    ):
        answer = await http.post(url, json=PING, headers={**PLATFORM, **ACCEPT})

    assert answer.status_code == 421

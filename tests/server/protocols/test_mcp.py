"""MCP servers that do what good ones don't, as a host of ours sees them."""

from __future__ import annotations

import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from mcp import Client

from agentcore_mcp.local import LocalAgentCore
from agentcore_mcp.server.assembly import create_server
from tests.support.servers import LAST_CHUNK, Exchange, chunk, chunked, loopback_server, reply
from tests.support.tools import SESSION, settings, text_of
from tests.support.waiting import WAIT_S

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

TOOLS, PAGE = 300, 100
DISCOVERED = {
    "resultType": "complete",
    "supportedVersions": ["2026-07-28"],
    "capabilities": {"tools": {}},
    "ttlMs": 0,
    "cacheScope": "private",
}


def listed(message: dict[str, Any]) -> dict[str, Any]:
    begin = int(message["params"].get("cursor", 0))
    tools = [
        {"name": f"tool_{n:03}", "description": f"Does {n}. " * 20, "inputSchema": {"type": "object"}}
        for n in range(begin, begin + PAGE)
    ]
    more = {"nextCursor": str(begin + PAGE)} if begin + PAGE < TOOLS else {}
    return {"tools": tools, "resultType": "complete", "ttlMs": 0, "cacheScope": "private", **more}


@asynccontextmanager
async def host_of(
    answers: dict[str, Callable[[dict[str, Any]], dict[str, Any]] | bytes | None], **agent: Any
) -> AsyncIterator[Client]:
    """Connect to a server of ours, for an agent that answers by method: with a result, with bytes, or never."""

    async def answer(exchange: Exchange) -> None:
        message = json.loads(exchange.request.body)
        answered = {"server/discover": lambda _: DISCOVERED, **answers}[message["method"]]
        if answered is None:
            await exchange.peer_closed()
        elif isinstance(answered, bytes):
            await exchange.send(answered)
        else:
            body = json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": answered(message)}).encode()
            await exchange.send(reply(body=body, content_type="application/json"))

    async with loopback_server(answer) as runtime:
        agent = {"protocol": "mcp", **agent}
        async with Client(create_server(settings(runtime.endpoint_url, agent=agent)), mode="legacy") as client:
            yield client


async def called(client: Client) -> str:
    with anyio.fail_after(WAIT_S):
        result = await client.call_tool("call_agent_tool", {"agent": "solo", "tool": "add", "session_id": SESSION})
    assert result.is_error
    return text_of(result)


async def test_hundreds_of_tools_on_several_pages_are_listed_as_far_as_there_is_room() -> None:
    async with host_of({"tools/list": listed}) as client:
        result = await client.call_tool("list_agents", {"agent": "solo"})
        assert result.structured_content is not None
        tools, note = result.structured_content["tools"], result.structured_content["note"]
        handle = note.partition("handle '")[2].partition("'")[0]
        read = await client.call_tool("read_output", {"handle": handle, "offset": 0, "limit": 30_000})

    assert len(json.dumps(result.structured_content)) < 38_000
    assert tools.startswith("- tool_000: Does 0. ")
    assert tools.rstrip().endswith('arguments: {"type":"object"}')
    assert "- tool_299: " in tools
    assert read.structured_content is not None
    assert "- tool_080: " in read.structured_content["text"]


async def test_a_server_that_never_answers_is_given_up_after_the_agent_s_time() -> None:
    async with host_of({"tools/call": None}, timeout_s=0.5) as client:
        assert "no answer from 127.0.0.1" in await called(client)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (chunked("text/event-stream") + chunk(b": still here\n\n"), "broke off"),
        (chunked("text/event-stream") + LAST_CHUNK, "broke off"),
        (reply(body=b"<html>", content_type="application/json"), "sent what MCP doesn't allow"),
        (lambda _: {"content": "no list"}, "sent what MCP doesn't allow"),
        (lambda _: {"resultType": "input_required", "requestState": "s"}, "asked for input 10 times"),
    ],
    ids=["cut", "ended", "no JSON", "no result", "endless rounds"],
)
async def test_what_is_no_answer_is_an_error_that_says_so(answer: Any, expected: str) -> None:
    async with host_of({"tools/call": answer}) as client:
        assert expected in await called(client)


async def test_a_token_opens_an_mcp_server_behind_oauth() -> None:
    with LocalAgentCore(protocol="mcp", auth="jwt") as local:
        agent = {"protocol": "mcp", "arn": local.agent_runtime_arn, "auth": {"token": local.token()}}
        async with Client(create_server(settings(local.endpoint_url, agent=agent))) as client:
            result = await client.call_tool("call_agent_tool", {"agent": "solo", "tool": "report"})
        wrong = {**agent, "auth": {"token": "x.y.z"}}
        async with Client(create_server(settings(local.endpoint_url, agent=wrong))) as client:
            refused = await client.call_tool("call_agent_tool", {"agent": "solo", "tool": "report"})

    assert result.structured_content == {"orders": 20}
    assert refused.is_error
    assert "token" in text_of(refused)

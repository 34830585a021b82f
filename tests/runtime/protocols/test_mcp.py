"""The transport of an MCP client: what goes to AgentCore, what comes back, and what is kept between two connections."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import anyio
import httpx2
import pytest
from mcp import Client, MCPError
from mcp.client.streamable_http import streamable_http_client
from mcp.types import CONNECTION_CLOSED

from agentcore_mcp.errors import ServiceError, StreamInterruptedError
from agentcore_mcp.runtime import SigV4Auth
from agentcore_mcp.runtime.protocols.mcp import McpTransport
from agentcore_mcp.runtime.protocols.turn import Route
from tests.support.aws import botocore_authorization, fake_session
from tests.support.clients import ARN, REGION, SESSION_ID, client_of
from tests.support.servers import LAST_CHUNK, Exchange, chunk, chunked, reply
from tests.support.waiting import WAIT_S

if TYPE_CHECKING:
    from mcp.types import CallToolResult

PATH = "/invocations?qualifier=prod"
INITIALIZED = {"protocolVersion": "2025-11-25", "capabilities": {}, "serverInfo": {"name": "s", "version": "1"}}


def refused(status: str, code: str, text: str) -> bytes:
    return reply(status, json.dumps({"message": text}).encode(), x_amzn_errortype=code, content_type="application/json")


class Server:
    """An MCP server as AgentCore shows it: each of its errors is a 424."""

    def __init__(self, **answers: Any) -> None:
        self.answers: dict[str, Any] = {"initialize": INITIALIZED | {"instructions": "x" * 10_000}, **answers}

    async def __call__(self, exchange: Exchange) -> None:
        message = json.loads(exchange.request.body)
        result = self.answers.get(message["method"])
        if "id" not in message:
            await exchange.send(reply("202 Accepted"))
        elif callable(result):
            await exchange.send(result(message))
        elif result is None:
            await exchange.send(
                refused("424 Failed Dependency", "RuntimeClientError", "Received error (400) from runtime.")
            )
        else:
            body = json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": result}, indent=1).encode()
            await exchange.send(reply(body=body, content_type="application/json", mcp_session_id="their-session"))


async def called(line: McpTransport) -> CallToolResult:
    async with (
        httpx2.AsyncClient(transport=line) as http,
        Client(streamable_http_client(line.url, http_client=http, terminate_on_close=False)) as client,
    ):
        return await client.call_tool("add", {"a": 1})


LISTED = {"tools": [{"name": "add", "inputSchema": {"type": "object"}}]}
ADDED = {"content": [{"type": "text", "text": "2"}]}


async def test_messages_are_signed_invocations_of_one_session_and_its_mcp_session() -> None:
    server = Server(**{"tools/call": ADDED, "tools/list": LISTED})
    async with client_of(server, auth=SigV4Auth(fake_session())) as (client, runtime):
        line = McpTransport(Route(client, ARN, qualifier="prod"), SESSION_ID)
        result = await called(line)

    assert result.content[0].text == "2"  # type: ignore[union-attr]
    methods = [json.loads(request.body)["method"] for request in runtime.requests]
    assert methods == ["server/discover", "initialize", "notifications/initialized", "tools/call", "tools/list"]
    for request in runtime.requests:
        assert request.method == "POST"
        assert request.target.endswith(PATH)
        assert request.header("Authorization") == botocore_authorization(request, REGION)
        assert request.header("X-Amzn-Bedrock-AgentCore-Runtime-Session-Id") == SESSION_ID
    assert [request.header("Mcp-Session-Id") for request in runtime.requests[:2]] == [None, None]
    assert {request.header("Mcp-Session-Id") for request in runtime.requests[2:]} == {"their-session"}
    assert line.kept == {"method": "initialize", "result": INITIALIZED, "session": "their-session"}


async def test_a_later_connection_goes_on_without_a_handshake() -> None:
    server = Server(**{"tools/call": ADDED, "tools/list": LISTED})
    async with client_of(server) as (client, runtime):
        first = McpTransport(Route(client, ARN), SESSION_ID)
        await called(first)
        runtime.requests.clear()
        await called(McpTransport(Route(client, ARN), SESSION_ID, json.loads(json.dumps(first.kept))))

    methods = [json.loads(request.body)["method"] for request in runtime.requests]
    assert methods == ["tools/call", "tools/list"]
    assert {request.header("Mcp-Session-Id") for request in runtime.requests} == {"their-session"}


@pytest.mark.parametrize("supported", ["2026-07-28", "2025-11-25"])
async def test_a_server_that_starts_slowly_is_not_taken_for_an_older_one(supported: str) -> None:
    """The SDK's client sends ``initialize`` if ``server/discover`` has no answer after 10 s."""
    asked, may_answer = anyio.Event(), anyio.Event()
    server = Server(**{"server/discover": {"supportedVersions": [supported]}})
    answers: dict[int, Any] = {}

    async def slowly(exchange: Exchange) -> None:
        asked.set()
        await may_answer.wait()
        await server(exchange)

    async def post(http: httpx2.AsyncClient, number: int, method: str) -> None:
        message = {"jsonrpc": "2.0", "id": number, "method": method, "params": {"protocolVersion": "2025-11-25"}}
        answer = await http.post(line.url, json=message)
        answers[number] = json.loads(answer.text.removeprefix("data: "))

    async with client_of(slowly) as (client, runtime):
        line = McpTransport(Route(client, ARN), SESSION_ID)
        with anyio.fail_after(WAIT_S):
            async with httpx2.AsyncClient(transport=line) as http, anyio.create_task_group() as tasks:
                tasks.start_soon(post, http, 1, "server/discover")
                await asked.wait()
                tasks.start_soon(post, http, 2, "initialize")
                await anyio.wait_all_tasks_blocked()
                may_answer.set()
            async with httpx2.AsyncClient(transport=line) as http:
                await post(http, 3, "server/discover")

    sent = [json.loads(request.body)["method"] for request in runtime.requests]
    if supported == "2026-07-28":
        assert sent == ["server/discover"]
        assert answers[2]["error"]["code"] == -32022
        assert answers[2]["error"]["data"] == {"supported": ["2026-07-28"], "requested": "2025-11-25"}
        assert answers[3]["result"] == answers[1]["result"]
    else:
        assert sent[:2] == ["server/discover", "initialize"]
        assert answers[2]["result"]["protocolVersion"] == "2025-11-25"


async def test_an_mcp_session_that_the_server_does_not_have_is_told() -> None:
    refuse = refused("424 Failed Dependency", "RuntimeClientError", "Received error (404) from runtime.")
    async with client_of(Server(**{"tools/call": lambda _: refuse})) as (client, _):
        kept = {"method": "initialize", "result": INITIALIZED, "session": "their-session"}
        old, new = McpTransport(Route(client, ARN), SESSION_ID, kept), McpTransport(Route(client, ARN))
        for line in (old, new):
            unknown = pytest.RaisesExc(MCPError, match=r"Received error \(404\)")
            with pytest.RaisesGroup(unknown, flatten_subgroups=True):
                await called(line)

    assert (old.is_outdated, new.is_outdated) == (True, False)


async def test_a_session_that_is_lost_once_a_tool_runs_is_no_reason_to_run_it_again() -> None:
    """A tool that waits for an answer, which a server that was started anew refuses."""
    refuse = refused("424 Failed Dependency", "RuntimeClientError", "Received error (404) from runtime.")
    async with client_of(Server(**{"tools/call": ADDED, "answer": lambda _: refuse})) as (client, _):
        kept = {"method": "initialize", "result": INITIALIZED, "session": "their-session"}
        line = McpTransport(Route(client, ARN), SESSION_ID, kept)
        async with httpx2.AsyncClient(transport=line) as http:
            for method in ("tools/call", "answer"):
                await http.post(line.url, json={"jsonrpc": "2.0", "id": 1, "method": method})

    assert line.failure is not None
    assert not line.is_outdated


async def test_a_refusal_by_agentcore_is_raised_as_it_is() -> None:
    refuse = refused("403 Forbidden", "AccessDeniedException", "no")
    async with client_of(Server(**{"server/discover": lambda _: refuse})) as (client, runtime):
        line = McpTransport(Route(client, ARN))
        with pytest.RaisesGroup(ServiceError, flatten_subgroups=True):
            await called(line)

    assert len(runtime.requests) == 1
    assert isinstance(line.failure, ServiceError)


async def test_an_answer_that_breaks_off_ends_the_request_at_once() -> None:
    """The SDK would ask for the rest by a GET, with the id of the last event: it gets to see none."""
    begun = chunked("text/event-stream") + chunk(b"id: 1\ndata: \n\n")
    async with client_of(Server(**{"tools/call": lambda _: begun})) as (client, runtime):
        line = McpTransport(Route(client, ARN))
        closed = pytest.RaisesExc(MCPError, check=lambda error: error.error.code == CONNECTION_CLOSED)
        with pytest.RaisesGroup(closed, flatten_subgroups=True):
            await called(line)

    assert isinstance(line.failure, StreamInterruptedError)
    assert {request.method for request in runtime.requests} == {"POST"}


async def test_events_and_messages_of_several_lines_arrive_whole() -> None:
    def events(message: dict[str, Any]) -> bytes:
        answer = json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": ADDED}, indent=2)
        lines = "".join(f"data: {line}\r\n" for line in answer.split("\n"))
        return chunked("text/event-stream") + chunk(f"{lines}\r\n".encode()) + LAST_CHUNK

    async with client_of(Server(**{"tools/call": events, "tools/list": LISTED})) as (client, _):
        assert (await called(McpTransport(Route(client, ARN)))).content[0].text == "2"  # type: ignore[union-attr]


async def test_get_and_delete_are_answered_here() -> None:
    async with client_of(Server()) as (client, runtime):
        line = McpTransport(Route(client, ARN))
        async with httpx2.AsyncClient(transport=line) as http:
            assert [(await http.request(method, line.url)).status_code for method in ("GET", "DELETE")] == [405, 405]

    assert runtime.requests == []

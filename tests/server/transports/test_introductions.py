"""What a client said of itself is known in its later requests, at any worker."""

from __future__ import annotations

import json

import pytest
from mcp.types import Implementation

from agentcore_mcp.server.hosts import Introduction
from agentcore_mcp.server.transports.introductions import introduction_of, session_id_for
from tests.support.apps import app_host
from tests.support.mcp_hosts import http_server

ENV = {"AGENTCORE_RUNTIME_ARN": "arn:aws:bedrock-agentcore:us-east-1:123456789012:runtime/a-0123456789"}
APPS = {"io.modelcontextprotocol/ui": {"mimeTypes": ["text/html;profile=mcp-app"]}}


def first_request(name: object, capabilities: object = None) -> bytes:
    params = {"protocolVersion": "2025-11-25", "clientInfo": {"name": name}, "capabilities": capabilities}
    return json.dumps({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params}).encode()


@pytest.mark.parametrize(
    ("request_body", "expected"),
    [
        (first_request("claude-ai"), Introduction(name="claude-ai")),
        (first_request("claude-ai", {"extensions": APPS}), Introduction(name="claude-ai", knows_apps=True)),
        (first_request("é\r\nX: y\x00"), Introduction(name="é\r\nX: y\x00")),
        (first_request("n" * 10_000), Introduction(name="n" * 64)),
        (first_request("claude-ai", {"extensions": [1]}), Introduction(name="claude-ai")),
        (first_request("claude-ai", [1]), Introduction()),
        (b"", Introduction()),
        (b"[[[", Introduction()),
        (b'{"params": null}', Introduction()),
        (b"[" * 60_000, Introduction()),
    ],
)
def test_an_id_says_what_the_first_request_did_in_few_harmless_characters(
    request_body: bytes, expected: Introduction
) -> None:
    session_id = session_id_for(request_body)

    assert introduction_of(session_id) == expected
    assert session_id.isascii()
    assert session_id.isprintable()
    assert " " not in session_id
    assert len(session_id) < 500
    assert session_id != session_id_for(request_body)


@pytest.mark.parametrize(
    "session_id", ["", "x", "0123.", "0123.é", "0123.!!!", "0123.bnVsbA==", "0123.WzFd", f"0123.{'W1tb' * 10_000}"]
)
def test_ids_of_others_say_nothing(session_id: str) -> None:
    assert introduction_of(session_id) == Introduction()


@pytest.mark.parametrize(("name", "shows"), [("some-host", True), ("Visual Studio Code", False)])
async def test_a_host_over_http_is_known_in_either_protocol_version(name: str, shows: bool) -> None:
    async with http_server(env=ENV) as url:
        for mode in ("legacy", "2026-07-28"):
            async with app_host(url, mode, client_info=Implementation(name=name, version="1")) as client:
                tools = (await client.list_tools()).tools
            assert any(tool.meta for tool in tools) == shows

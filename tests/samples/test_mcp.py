"""The sample MCP server, called by the SDK's client in both versions of the protocol."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx2
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.types import ElicitResult

from agentcore_mcp.wire.headers import SESSION_HEADER
from tests.support.agentcore import new_session_id
from tests.support.waiting import WAIT_S

if TYPE_CHECKING:
    from mcp.types import ElicitRequestParams

pytestmark = pytest.mark.parametrize("mode", ["legacy", "auto"])


async def test_its_tools_stream_ask_and_give_files(urls: dict[str, str], mode: Any) -> None:
    words: list[str | None] = []
    questions: list[str] = []

    async def hear(progress: float, total: float | None, message: str | None) -> None:
        words.append(message)

    async def answer(context: object, params: ElicitRequestParams) -> ElicitResult:
        questions.append(params.message)
        return ElicitResult(action="accept", content={"approved": len(questions) == 1})

    async with (
        httpx2.AsyncClient(headers={SESSION_HEADER: new_session_id()}, timeout=WAIT_S) as http,
        Client(streamable_http_client(urls["mcp"], http_client=http), mode=mode, elicitation_callback=answer) as client,
    ):
        tools = (await client.list_tools()).tools
        asked = await client.call_tool("ask", {"prompt": "count to 3"}, progress_callback=hear)
        failed = await client.call_tool("ask", {"prompt": "fail"})
        deployed = [await client.call_tool("deploy", {"what": "it"}) for _ in range(2)]
        report = await client.call_tool("report", {})

    assert [tool.name for tool in tools] == ["ask", "deploy", "report"]
    assert asked.structured_content == {"result": "1 2 3"}
    assert words == ["1 ", "2 ", "3"]
    assert failed.is_error
    assert questions == ["Deploy it?"] * 2
    assert [result.structured_content for result in deployed] == [
        {"result": "Deployed it."},
        {"result": "Left it as it is."},
    ]
    (file,) = report.content
    assert file.type == "resource"
    assert file.resource.uri == "file:///orders.csv"
    assert report.structured_content == {"orders": 20}

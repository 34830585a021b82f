"""Which hosts are told of the live view, and how they get its page."""

from __future__ import annotations

from typing import Any

import pytest
from mcp import Client
from mcp.types import Implementation

from agentcore_mcp.server.assembly import create_server
from agentcore_mcp.server.live.page import URI
from tests.server.test_snapshots import CASES
from tests.support.apps import app_host
from tests.support.mcp_hosts import MODES
from tests.support.processes import printed
from tests.support.servers import loopback_server
from tests.support.tools import data_of, say_hello, settings

NOWHERE = "http://127.0.0.1:9"
VSCODE = Implementation(name="Visual Studio Code", version="1.138.0")


async def shown(client: Client) -> tuple[set[str], set[str]]:
    """Return the tools that name the page, and those that are for the page alone."""
    tools = (await client.list_tools()).tools
    ui = {tool.name: (tool.meta or {}).get("ui", {}) for tool in tools}
    return (
        {name for name, about in ui.items() if about.get("resourceUri") == URI},
        {name for name, about in ui.items() if about.get("visibility") == ["app"]},
    )


@pytest.mark.parametrize("mode", MODES)
async def test_hosts_that_know_apps_get_the_page_with_the_tools_that_it_shows(mode: str) -> None:
    async with app_host(create_server(settings(NOWHERE)), mode) as client:
        assert await shown(client) == ({"invoke_agent", "run_command"}, {"watch_call", "decide_command"})
        (page,) = (await client.read_resource(URI)).contents
        assert page.mime_type == "text/html;profile=mcp-app"
        assert page.meta is not None
        assert page.meta["ui"]["csp"] == {}
        text: str = getattr(page, "text", "")
        assert text.startswith("<!doctype html>")
        assert len(text.encode()) < 150_000


async def test_a_tool_for_each_agent_shows_the_page() -> None:
    async with app_host(create_server(settings(NOWHERE, "one", "two", expose="agents"))) as client:
        assert (await shown(client))[0] == {"ask_one", "ask_two", "run_command"}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    ("others", "host", "shows"),
    [
        ({}, None, True),
        ({}, VSCODE, False),
        ({"live_view": "on"}, VSCODE, True),
        ({"live_view": "off"}, None, False),
        ({"read_only": True}, None, True),
        ({"tools": ["list_agents"]}, None, False),
    ],
)
async def test_settings_and_the_host_decide(mode: str, others: dict[str, Any], host: Any, shows: bool) -> None:
    async with app_host(create_server(settings(NOWHERE, **others)), mode, client_info=host) as client:
        pages, helpers = await shown(client)

    assert bool(pages) == shows
    assert ("watch_call" in helpers) == shows
    assert ("decide_command" in helpers) == (shows and not others.get("read_only"))


@pytest.mark.parametrize("mode", MODES)
async def test_other_hosts_see_no_more_than_before_and_their_calls_are_not_handed_over(mode: str) -> None:
    async with (
        loopback_server(say_hello) as runtime,
        Client(create_server(settings(runtime.endpoint_url, live_handoff_after_s=0.001)), mode=mode) as client,
    ):
        tools = (await client.list_tools()).tools
        answer = data_of(await client.call_tool("invoke_agent", {"prompt": "hi"}))

    assert not any(tool.meta for tool in tools)
    assert {tool.name for tool in tools} == {
        "invoke_agent",
        "run_command",
        "stop_session",
        "list_agents",
        "read_output",
    }
    assert (answer["status"], answer["text"]) == ("COMPLETED", "hello")


@pytest.mark.parametrize("case", ["three_agents", "three_agents_as_tools"])
async def test_a_model_reads_no_more_of_tools_with_the_page_than_where_calls_are_handed_over(case: str) -> None:
    async with Client(create_server(CASES[f"{case}_with_handoff"])) as client:
        handing_over = (await client.list_tools()).tools
    async with app_host(create_server(CASES[case])) as client:
        tools = (await client.list_tools()).tools
    models = [tool for tool in tools if (tool.meta or {}).get("ui", {}).get("visibility") != ["app"]]

    assert [tool.model_copy(update={"meta": None}) for tool in models] == handing_over


def test_the_page_is_not_read_before_a_host_asks_for_it() -> None:
    code = """if True:
        import sys
        opened = []
        sys.addaudithook(lambda event, args: opened.append(str(args[0])) if event == "open" else None)
        from agentcore_mcp.config.loading import load
        from agentcore_mcp.server.assembly import create_server
        arn = "arn:aws:bedrock-agentcore:us-east-1:123456789012:runtime/a-0123456789"
        create_server(load({}, runtime_arn=arn).settings)
        assert opened and not [name for name in opened if name.endswith("page.html")]
    """
    printed(code)

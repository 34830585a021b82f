"""The calls of docs/tools.md, made in their order with the bundled sample agent, return what the page says."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from mcp import Client

from agentcore_mcp import create_server
from agentcore_mcp.config import Agent, Auth, Settings
from agentcore_mcp.local import LocalAgentCore
from agentcore_mcp.wire.ids import RuntimeArn
from tests.support.tools import text_of
from tests.support.waiting import WAIT_S

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGE = Path(__file__).parents[2] / "docs/tools.md"
BLOCK = re.compile(r'^```\w+ title="([^"]+)"\n(.*?)^```$', re.MULTILINE | re.DOTALL)
HANDOFF_AFTER_S = 2
# What is another with each run.
CHANGING = {
    r"\breview-[0-9a-f]{32}": "SESSION",
    r"\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}": "REQUEST",
    r"127\.0\.0\.1:\d+": "HOST",
    r"(?<=handle ')[\w-]{12}|(?<=\"handle\": \")[\w-]{12}": "HANDLE",
    r"\d+ s ago": "N s ago",
    r'(?<=_s": )\d+': "N",
}


def calls(section: str) -> list[tuple[dict[str, Any], dict[str, str]]]:
    """Return the calls of a section, each with the blocks that show what comes of it, by their titles."""
    found: list[tuple[dict[str, Any], dict[str, str]]] = []
    for title, text in BLOCK.findall(section):
        if title == "Call":
            found.append((json.loads(text), {}))
        else:
            found[-1][1][title] = text
    return found


def lasting(text: str) -> str:
    for pattern, replacement in CHANGING.items():
        text = re.sub(pattern, replacement, text)
    return "\n".join(line.rstrip() for line in text.strip().split("\n"))


async def made(client: Client, call: dict[str, Any], handle: str) -> tuple[dict[str, str], str]:
    """Make a call; return what came of it, by the titles of the page, and the handle to go on with."""
    messages: list[str] = []

    async def note(progress: float, total: float | None, message: str | None) -> None:
        messages.append((message or "").removesuffix("\n"))

    arguments = {name: handle if value == "HANDLE" else value for name, value in call["arguments"].items()}
    with anyio.fail_after(WAIT_S):
        result = await client.call_tool(call["name"], arguments, progress_callback=note)
    data = result.structured_content or {}
    came = {
        "Progress": "\n".join(messages),
        "Error" if result.is_error else "Result": text_of(result),
        "Structured content": json.dumps(data, indent=2, ensure_ascii=False),
    }
    return came, data.get("handle", handle)


@pytest.fixture
def settings(local_agentcore: LocalAgentCore) -> Settings:
    agent = Agent(
        name="helper",
        description="The sample agent",
        arn=RuntimeArn.parse(local_agentcore.agent_runtime_arn),
        endpoint_url=local_agentcore.endpoint_url,
        auth=Auth(none=True),
    )
    return Settings(agents=(agent,), result_max_chars=2000)


@pytest.fixture(scope="module")
def of_tools() -> Iterator[Settings]:
    with LocalAgentCore(protocol="mcp") as local:
        agent = Agent(
            name="tools",
            arn=RuntimeArn.parse(local.agent_runtime_arn),
            protocol="mcp",
            endpoint_url=local.endpoint_url,
            auth=Auth(none=True),
        )
        yield Settings(agents=(agent,))


async def test_each_call_returns_what_the_page_shows(settings: Settings, of_tools: Settings) -> None:
    handle = ""
    async with (
        Client(create_server(of_tools)) as calling_tools,
        Client(create_server(settings)) as client,
        Client(create_server(settings.model_copy(update={"handoff_after_s": HANDOFF_AFTER_S}))) as impatient,
    ):
        for section in PAGE.read_text("utf-8").split("\n## "):
            for call, shown in calls(section):
                by = {"Long calls": impatient, "call_agent_tool": calling_tools}.get(section.split("\n")[0], client)
                came, handle = await made(by, call, handle)
                for title, text in shown.items():
                    begin, dots, end = lasting(text).partition("\n...\n")
                    actual = lasting(came[title])
                    if dots:
                        assert (actual[: len(begin)], actual[-len(end) :]) == (begin, end), call
                    else:
                        assert actual == begin, call

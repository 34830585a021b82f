"""What hosts get from tools/list, as it is on the wire, against stored JSON: a word changed there is a change of
behaviour.

To accept a change: ``AGENTCORE_MCP_UPDATE_SNAPSHOTS=1 pytest tests/server/test_snapshots.py``, then read the diff.
"""

from __future__ import annotations

import difflib
import json
import os
from pathlib import Path
from typing import Any

import pytest
from mcp import Client

from agentcore_mcp.config import Agent, Settings
from agentcore_mcp.server.assembly import create_server
from agentcore_mcp.wire.ids import RuntimeArn
from tests.support.mcp_hosts import MODES

FOLDER = Path(__file__).parent / "snapshots"
UPDATE = "AGENTCORE_MCP_UPDATE_SNAPSHOTS"
PREFIX = "arn:aws:bedrock-agentcore:us-east-1:123456789012:runtime"
AGENTS = {
    "travel": "Books flights and hotels, and knows the company's travel rules.",
    "billing": "Answers questions on invoices and subscriptions; can issue refunds up to 100 EUR.",
    "build-doctor": "Finds out why a build failed: reads the CI logs and the repository.",
}
HINTS = {"title", "readOnlyHint", "destructiveHint", "idempotentHint", "openWorldHint"}
# Tokenizers differ; English in JSON is four characters or more to a token in all that are in use, so characters
# through four is not too few.
MAX_TOKENS = 2_000
CHARS_PER_TOKEN = 4


def settings(count: int, mcp: bool = False, **others: Any) -> Settings:
    agents = [
        Agent(name=name, arn=RuntimeArn.parse(f"{PREFIX}/{name.replace('-', '_')}-0123456789"), description=description)
        for name, description in list(AGENTS.items())[:count]
    ]
    if mcp:
        arn = RuntimeArn.parse(f"{PREFIX}/calendar-0123456789")
        agents.append(Agent(name="calendar", arn=arn, protocol="mcp", description="The company's calendar."))
    return Settings.model_validate({"agents": tuple(agents), **others})


CASES = {
    "one_agent": settings(1),
    "three_agents": settings(3),
    "three_agents_as_tools": settings(3, expose="agents"),
    "three_agents_with_handoff": settings(3, handoff_after_s=50),
    "three_agents_as_tools_with_handoff": settings(3, expose="agents", handoff_after_s=50),
    "read_only": settings(1, read_only=True),
    "one_mcp_server": settings(0, mcp=True),
    "three_agents_and_an_mcp_server_with_handoff": settings(3, mcp=True, handoff_after_s=50),
    "three_agents_and_an_mcp_server_as_tools_with_handoff": settings(3, mcp=True, expose="agents", handoff_after_s=50),
    "three_agents_and_discovery_as_tools_with_handoff": settings(
        3, discover={"region": "us-east-1"}, expose="agents", handoff_after_s=50
    ),
}


async def listed(case: str, mode: str) -> list[dict[str, Any]]:
    async with Client(create_server(CASES[case]), mode=mode) as client:
        result = await client.list_tools()
    return [tool.model_dump(mode="json", by_alias=True, exclude_none=True) for tool in result.tools]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("case", CASES)
async def test_the_tools_are_listed_as_stored(case: str, mode: str) -> None:
    """Both eras are held to one file: hosts get the same tools whichever they speak."""
    file = FOLDER / f"{case}.json"
    # The eras order the keys differently, which means nothing.
    now = json.dumps(await listed(case, mode), indent=2, sort_keys=True) + "\n"
    if os.environ.get(UPDATE):
        file.write_text(now, encoding="utf-8")
    stored = file.read_text(encoding="utf-8") if file.exists() else ""
    diff = "".join(difflib.unified_diff(stored.splitlines(True), now.splitlines(True), file.name, f"in mode {mode}"))
    assert not diff, f"tools/list changed; if that is meant, run again with {UPDATE}=1\n{diff}"


@pytest.mark.parametrize("case", [case for case in CASES if case.startswith("three_agents")])
async def test_three_agents_cost_a_model_less_than_2000_tokens(case: str) -> None:
    tools = await listed(case, "legacy")
    assert len(json.dumps(tools, separators=(",", ":"))) / CHARS_PER_TOKEN < MAX_TOKENS


@pytest.mark.parametrize("case", CASES)
async def test_an_argument_refers_to_one_that_the_host_is_shown_and_that_says_more(case: str) -> None:
    tools = {tool["name"]: tool["inputSchema"]["properties"] for tool in await listed(case, "legacy")}
    for arguments in tools.values():
        for name, argument in arguments.items():
            if argument["description"].startswith("As in "):
                there = tools[argument["description"].removeprefix("As in ").rstrip(".")]
                assert not there[name]["description"].startswith("As in ")


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("case", CASES)
async def test_every_tool_has_a_title_a_description_and_each_hint_stated(case: str, mode: str) -> None:
    tools = await listed(case, mode)
    assert tools
    for tool in tools:
        assert tool["title"]
        assert tool["description"]
        assert tool["annotations"].keys() == HINTS
        for name, argument in tool["inputSchema"]["properties"].items():
            assert argument["description"], f"{tool['name']}: {name}"


def test_no_snapshot_is_left_of_a_case_that_is_gone() -> None:
    assert {file.stem for file in FOLDER.glob("*.json")} == set(CASES)

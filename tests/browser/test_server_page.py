"""The live view by itself, as ``agentcore-mcp serve --ui`` has it, in Chromium."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import anyio
import pytest
import pytest_asyncio
from mcp import Client

from agentcore_mcp.wire.eventstream import ContentDelta, ContentStop
from tests.browser.test_live_view import Agent, config
from tests.support.browser import Browser, browser, require_browser
from tests.support.hosted import hosted_server
from tests.support.mcp_hosts import http_server
from tests.support.servers import loopback_server
from tests.support.waiting import WAIT_S

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def host() -> AsyncIterator[Browser]:
    require_browser()
    async with browser() as running:
        yield running


@asynccontextmanager
async def page(host: Browser, folder: Path, **others: Any) -> AsyncIterator[tuple[str, Agent]]:
    """Serve the page for a scripted agent, and open it."""
    agent = Agent()
    async with (
        loopback_server(agent) as runtime,
        http_server("--ui", "--config", config(folder, runtime, **others), env={}) as url,
    ):
        await host.do("goto", url=url.replace("/mcp", "/ui"))
        yield url, agent


async def test_an_agent_is_asked_and_a_command_run_and_both_are_seen_live(host: Browser, tmp_path: Path) -> None:
    async with page(host, tmp_path) as (url, agent):
        await host.do("until", text="none")
        await host.do("fill", label="Prompt", text="hello?")
        await host.do("fill", label="Session: new, or a name or id", text="review")
        await host.do("click", name="Ask")
        agent.say("**Hi**, ")
        await host.do("until", text="Hi,")
        agent.say("there", None)
        await host.do("until", text="Done")
        await host.do("fill", label="Command", text="make")
        await host.do("press", key="Enter")
        agent.say(ContentDelta("built\n"), ContentStop(0, "COMPLETED"), None)
        await host.do("until", text="built")
        await host.do("until", text="exit code 0")
        assert await host.do("axe") == []
        await host.picture("server-page")
        traffic = await host.do("traffic")

    assert [operation for operation, _ in agent.requests] == ["invocations", "commands"]
    assert {request.partition("?")[0] for request in traffic["requests"]} <= {
        url,
        url.replace("/mcp", "/ui"),
        url.replace("/mcp", "/favicon.ico"),
    }
    assert [problem for problem in traffic["problems"] if "404" not in problem] == []


async def test_what_the_page_has_begun_is_there_once(host: Browser, tmp_path: Path) -> None:
    # Longer than between two looks at which calls there are.
    async with page(host, tmp_path, handoff_s=4) as (_, agent):
        await host.do("until", text="none")
        await host.do("fill", label="Prompt", text="hello?")
        await host.do("click", name="Ask")
        agent.say("Hi")
        await host.do("until", text="Hi")
        agent.say(None)
        await host.do("until", text="Done")

        assert await host.do("evaluate", code="document.querySelectorAll('.calls > *').length") == 1


async def test_a_call_that_another_client_has_begun_is_seen_and_its_session_stopped(
    host: Browser, tmp_path: Path
) -> None:
    async with page(host, tmp_path) as (url, agent), Client(url) as client, anyio.create_task_group() as tasks:
        tasks.start_soon(lambda: client.call_tool("invoke_agent", {"prompt": "hi", "session_id": "a" * 40}))
        agent.say("from elsewhere")
        await host.do("until", text="from elsewhere")
        await host.do("click", name=f"Stop {'a' * 40}")
        with anyio.fail_after(WAIT_S):
            while [operation for operation, _ in agent.requests] != ["invocations", "stopruntimesession"]:
                await anyio.lowlevel.checkpoint()
        agent.say(None)


async def test_where_no_agent_takes_a_prompt_none_is_asked_for(host: Browser, tmp_path: Path) -> None:
    async with page(host, tmp_path, protocol="mcp"):
        await host.do("until", text="none")
        hidden = await host.do("evaluate", code="document.querySelector('textarea').parentElement.hidden")

    assert hidden


async def test_what_has_the_focus_stays_while_the_list_of_sessions_is_renewed(host: Browser, tmp_path: Path) -> None:
    async with page(host, tmp_path) as (url, agent), Client(url) as client, anyio.create_task_group() as tasks:
        tasks.start_soon(lambda: client.call_tool("invoke_agent", {"prompt": "hi", "session_id": "a" * 40}))
        agent.say("from elsewhere")
        await host.do("until", text="from elsewhere")
        await host.do("evaluate", code="document.querySelector('.sessions button.id').focus()")
        tasks.start_soon(lambda: client.call_tool("invoke_agent", {"prompt": "hi", "session_id": "b" * 40}))
        agent.say("from a second one")
        # The list was looked up since, in which the call is.
        await host.do("until", text="from a second one")
        focused = await host.do("evaluate", code="document.activeElement.textContent")
        agent.say(None, None)

    assert focused == "a" * 40


async def test_a_command_that_needs_approval_gets_it_there(host: Browser, tmp_path: Path) -> None:
    async with page(host, tmp_path, commands="ask") as (_, agent):
        await host.do("fill", label="Command", text="rm -rf build")
        await host.do("click", name="Run")
        await host.do("until", text="May this be run")
        assert agent.requests == []
        agent.say(ContentStop(0, "COMPLETED"), None)
        await host.do("click", name="Run it")
        await host.do("until", text="exit code 0")


async def test_where_tokens_are_asked_for_its_user_pastes_one(host: Browser, tmp_path: Path) -> None:
    agent = Agent()
    async with hosted_server(tmp_path, agents={"solo": ""}, answer=agent, flags=("--ui",)) as server:
        await host.do("goto", url=server.url.replace("/mcp", "/ui"))
        await host.do("until", text="The server asks for an access token.")
        await host.do("fill", label="Access token", text="not-a-real-token")
        await host.do("click", name="Use it")
        await host.do("until", text="The server did not take this access token.")
        await host.do("fill", label="Access token", text=server.token())
        await host.do("click", name="Use it")
        await host.do("until", text="none")
        await host.do("fill", label="Prompt", text="hello?")
        await host.do("press", key="Enter")
        agent.say("hello", None)
        await host.do("until", text="Done")
        kept = await host.do("evaluate", code="[document.cookie, localStorage.length, sessionStorage.length]")

    assert [operation for operation, _ in agent.requests] == ["invocations"]
    assert kept == ["", 0, 0]

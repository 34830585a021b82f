"""The live view by itself: served where it is asked for, to whoever names the server rightly, and without secrets."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx2
import pytest
from mcp import Client

from agentcore_mcp.server.live.page import html
from tests.support.mcp_hosts import http_server
from tests.support.servers import loopback_server
from tests.support.tools import PREFIX, data_of, slow_agent
from tests.support.waiting import WAIT_S

if TYPE_CHECKING:
    from pathlib import Path


ENV = {"AGENTCORE_RUNTIME_ARN": f"{PREFIX}/solo-0123456789"}


async def test_the_page_is_the_app_that_may_also_ask_its_own_server() -> None:
    async with http_server("--ui", env=ENV) as url, httpx2.AsyncClient(timeout=WAIT_S) as http:
        found = await http.get(url.replace("/mcp", "/ui"))
        posted = await http.post(url.replace("/mcp", "/ui"))
        rebound = await http.get(url.replace("/mcp", "/ui"), headers={"Host": "example.com"})
        elsewhere = await http.post(url, headers={"Origin": "https://example.com"}, json={})

    assert found.status_code == 200
    assert found.text == html().replace("connect-src 'none'", "connect-src 'self'") != html()
    assert found.headers["content-security-policy"] == "frame-ancestors 'none'"
    assert "set-cookie" not in found.headers
    assert [posted.status_code, rebound.status_code, elsewhere.status_code] == [404, 421, 403]


async def test_without_the_flag_there_is_no_page() -> None:
    async with http_server(env=ENV) as url, httpx2.AsyncClient(timeout=WAIT_S) as http:
        found = await http.get(url.replace("/mcp", "/ui"))

    assert found.status_code == 404


@pytest.mark.parametrize("ui", [True, False])
async def test_with_the_page_each_call_that_goes_on_is_listed_with_its_session(ui: bool, tmp_path: Path) -> None:
    slow = slow_agent()
    async with loopback_server(slow) as runtime:
        agent = f'arn = "{PREFIX}/solo-0123456789"\nendpoint_url = "{runtime.endpoint_url}"\nauth = {{ none = true }}\n'
        (tmp_path / "config.toml").write_text(f"handoff_after = 0.2\n[agents.solo]\n{agent}", encoding="utf-8")
        flags = [*(["--ui"] if ui else []), "--config", str(tmp_path / "config.toml")]
        async with http_server(*flags, env={}) as url, Client(url) as client:
            first = data_of(await client.call_tool("invoke_agent", {"prompt": "hi"}))
            (session,) = data_of(await client.call_tool("list_agents", {}))["sessions"]
            slow.go_on.set()

    assert session.get("calls", []) == ([first["handle"]] if ui else [])

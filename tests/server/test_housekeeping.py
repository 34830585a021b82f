"""Sessions that the server opened: listed, and stopped for a caller and at the server's end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mcp import Client

from agentcore_mcp.server.assembly import create_server
from tests.server.test_handlers import SESSION, data_of, say_hello, settings, text_of
from tests.support.servers import loopback_server

if TYPE_CHECKING:
    from tests.support.servers import LoopbackServer


def stopped_at(runtime: LoopbackServer) -> list[str]:
    """Return the agents that were asked to stop a session, sorted, since they are asked all at once."""
    stops = [request.target for request in runtime.requests if request.target.endswith("/stopruntimesession")]
    return sorted(target.split("%2F")[1].partition("-")[0] for target in stops)


async def test_one_id_with_two_agents_is_two_sessions_until_each_is_stopped() -> None:
    async with (
        loopback_server(say_hello) as runtime,
        Client(create_server(settings(runtime.endpoint_url, "alpha", "beta", "gamma")), mode="legacy") as client,
    ):
        for agent in ("alpha", "beta"):
            data_of(await client.call_tool("invoke_agent", {"prompt": "hi", "agent": agent, "session_id": SESSION}))
        listed = data_of(await client.call_tool("list_agents", {}))["sessions"]
        unclear = await client.call_tool("stop_session", {"session_id": SESSION})
        of_beta = data_of(await client.call_tool("stop_session", {"session_id": "all", "agent": "beta"}))
        stopped = stopped_at(runtime)
        the_other = data_of(await client.call_tool("stop_session", {"session_id": SESSION}))
        left = data_of(await client.call_tool("list_agents", {}))["sessions"]

    assert [(session["agent"], session["session_id"]) for session in listed] == [("alpha", SESSION), ("beta", SESSION)]
    assert "it isn't known which agent is meant" in text_of(unclear)
    assert of_beta["stopped"] == the_other["stopped"] == [SESSION]
    assert stopped == ["beta"]
    assert stopped_at(runtime) == ["alpha", "beta"]
    assert left == []


async def test_one_id_with_two_agents_is_stopped_at_both_when_all_are() -> None:
    async with (
        loopback_server(say_hello) as runtime,
        Client(create_server(settings(runtime.endpoint_url, "alpha", "beta")), mode="legacy") as client,
    ):
        for agent in ("alpha", "beta"):
            data_of(await client.call_tool("run_command", {"command": "ls", "agent": agent, "session_id": SESSION}))
        result = data_of(await client.call_tool("stop_session", {"session_id": "all"}))

    assert result["stopped"] == [SESSION, SESSION]
    assert stopped_at(runtime) == ["alpha", "beta"]


async def test_one_id_with_two_agents_is_stopped_at_both_at_the_end() -> None:
    async with (
        loopback_server(say_hello) as runtime,
        Client(create_server(settings(runtime.endpoint_url, "alpha", "beta", on_exit="stop")), mode="legacy") as client,
    ):
        for agent in ("alpha", "beta"):
            data_of(await client.call_tool("invoke_agent", {"prompt": "hi", "agent": agent, "session_id": SESSION}))

    assert stopped_at(runtime) == ["alpha", "beta"]

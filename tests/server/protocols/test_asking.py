"""An agent is asked in the protocol that it speaks."""

from __future__ import annotations

from mcp import Client

from agentcore_mcp.runtime.discovery import RuntimeFacts
from agentcore_mcp.server.assembly import create_server
from tests.support.servers import loopback_server
from tests.support.tools import operations, say_hello, settings, text_of


async def test_a_server_of_tools_is_not_asked_and_the_refusal_names_the_tool_that_calls_it() -> None:
    """One that is configured as such isn't offered to be asked; this one turns out to be one."""
    async with loopback_server(say_hello) as runtime:
        server = create_server(settings(runtime.endpoint_url))
        (target,) = await server.state.agents.all()
        server.state.agents.detection.looked_up(target.agent, RuntimeFacts("mcp", takes_tokens=False))
        async with Client(server, mode="legacy") as client:
            result = await client.call_tool("invoke_agent", {"prompt": "hi"})

    assert result.is_error
    assert "solo is an MCP server" in text_of(result)
    assert "call_agent_tool" in text_of(result)
    assert operations(runtime) == []

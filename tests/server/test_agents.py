"""Which agent a session belongs to, for callers who may no longer reach it and after the configuration has changed."""

from __future__ import annotations

from agentcore_mcp.server.assembly import create_server
from tests.support.tools import PREFIX, settings

NOWHERE = "http://127.0.0.1:9"


async def test_a_session_keeps_its_agent_though_its_caller_may_no_longer_reach_that() -> None:
    """With another one made of its ARN, everybody's calls of the agent would be sent elsewhere, signed for AWS."""
    agents = create_server(settings(NOWHERE, "far")).state.agents
    (configured,) = await agents.all()
    lost = agents.filtered(lambda _: False)

    assert await lost.known("far", str(configured.agent.arn)) is configured
    assert lost.client_of(configured) is agents.client_of(configured)


async def test_a_session_of_an_agent_that_is_gone_is_called_by_its_arn_and_by_a_client_of_its_own() -> None:
    agents = create_server(settings(NOWHERE, "far")).state.agents
    (configured,) = await agents.all()
    gone = await agents.known("far", f"{PREFIX}/before-0123456789")

    assert (gone.agent.name, str(gone.agent.arn), gone.endpoint_url) == ("far", f"{PREFIX}/before-0123456789", None)
    assert agents.client_of(gone) is not agents.client_of(configured)

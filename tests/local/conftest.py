"""Local AgentCores that host the probe agent, two of which check who calls, and boto3's client of the other."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from agentcore_mcp.local.agentcore import LocalAgentCore
from tests.support.agentcore import Boto, new_session_id

if TYPE_CHECKING:
    from collections.abc import Iterator

PROBE = "tests.support.agents.probe:app"


@pytest.fixture(scope="session")
def probe() -> Iterator[LocalAgentCore]:
    with LocalAgentCore(app=PROBE, idle_timeout_s=60) as local:
        yield local


@pytest.fixture(scope="session")
def boto(probe: LocalAgentCore) -> Iterator[Boto]:
    with Boto.of(probe) as boto:
        yield boto


@pytest.fixture(scope="session")
def signing() -> Iterator[LocalAgentCore]:
    with LocalAgentCore(app=PROBE, auth="sigv4", idle_timeout_s=60) as local:
        yield local


@pytest.fixture(scope="session")
def oauth() -> Iterator[LocalAgentCore]:
    with LocalAgentCore(app=PROBE, auth="jwt", idle_timeout_s=60) as local:
        yield local


@pytest.fixture
def session_id(boto: Boto) -> Iterator[str]:
    """Give a session id of the test's own, and stop the session at its end if it still runs."""
    session_id = new_session_id()
    yield session_id
    if session_id in boto.sessions():
        boto.stop(session_id)

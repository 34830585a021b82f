"""Fixtures for all tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from agentcore_mcp.hosting.dataplane.process import LocalAgentCore

if TYPE_CHECKING:
    from collections.abc import Iterator

# Sessions that tests leave behind end soon, so that a whole run stays below the limit of sessions.
_IDLE_TIMEOUT_S = 20.0


@pytest.fixture(scope="session")
def local_agentcore() -> Iterator[LocalAgentCore]:
    """Run one local AgentCore with the sample agent, in a process of its own; each test uses sessions of its own."""
    with LocalAgentCore(idle_timeout_s=_IDLE_TIMEOUT_S) as local:
        yield local

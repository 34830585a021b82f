"""One local AgentCore that hosts the three samples."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest

from agentcore_mcp.local.agentcore import LocalAgentCore

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def urls() -> Iterator[dict[str, str]]:
    """Give the addresses of InvokeAgentRuntime, by protocol."""
    with LocalAgentCore(agents={name: {"protocol": name} for name in ("a2a", "agui", "mcp")}) as local:
        yield {
            name: f"{local.endpoint_url}/runtimes/{quote(arn, safe='')}/invocations"
            for name, arn in local.agents.items()
        }

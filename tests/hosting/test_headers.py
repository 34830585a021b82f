"""Which headers reach an agent: the published rule, name for name."""

from __future__ import annotations

import warnings

import pytest

from agentcore_mcp.hosting.headers import forwarded
from agentcore_mcp.wire.headers import is_forwardable

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from bedrock_agentcore.runtime.models import RESTRICTED_HEADERS, is_forwardable_header

NAMES = [
    *sorted(RESTRICTED_HEADERS),
    "Authorization",
    "X-Amz-Date",
    "X-Amz-Bedrock-AgentCore-Identity-WAT",
    "X-Amzn-Trace-Id",
    "X-Amzn-Bedrock-AgentCore-Runtime-Session-Id",
    "X-Amzn-Bedrock-AgentCore-Runtime-Custom-Tenant",
    "X-Amzn",
    "X-Tenant",
    "traceparent",
    "baggage",
    "Content-Disposition",
    "",
]


@pytest.mark.parametrize("name", NAMES)
def test_a_header_is_forwarded_by_the_published_rule(name: str) -> None:
    for spelling in (name, name.lower(), name.upper()):
        assert is_forwardable(spelling) == is_forwardable_header(spelling)


def test_authorization_has_one_spelling_and_the_last_value_counts() -> None:
    headers = [("authorization", "Bearer a"), ("X-Tenant", "t"), ("cookie", "c=1"), ("X-Tenant", "u")]

    assert forwarded(headers) == {"Authorization": "Bearer a", "X-Tenant": "u"}

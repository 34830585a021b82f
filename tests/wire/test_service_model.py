"""Every name, limit and code of the service that ``wire`` has, held against botocore's service model."""

from __future__ import annotations

import botocore.session

from agentcore_mcp.wire import headers, limits

MODEL = botocore.session.get_session().get_service_model("bedrock-agentcore", "2024-02-28")
OPERATIONS = {
    name: MODEL.operation_model(name)
    for name in ("InvokeAgentRuntime", "InvokeAgentRuntimeCommand", "StopRuntimeSession")
}


def bounds(shape: str) -> tuple[int, int]:
    metadata = MODEL.shape_for(shape).metadata
    return metadata["min"], metadata["max"]


def test_header_names_are_those_of_the_service_model() -> None:
    members = OPERATIONS["InvokeAgentRuntime"].input_shape.members

    assert members["runtimeSessionId"].serialization["name"] == headers.SESSION_HEADER
    assert members["runtimeUserId"].serialization["name"] == headers.USER_HEADER
    assert headers.CUSTOM_HEADER_PREFIX == "X-Amzn-Bedrock-AgentCore-Runtime-Custom-"  # documented, not modelled


def test_limits_are_those_of_the_service_model() -> None:
    assert bounds("SessionType") == (limits.SESSION_ID_MIN_CHARS, limits.SESSION_ID_MAX_CHARS)
    assert bounds("StringType") == (1, limits.USER_ID_MAX_CHARS)
    assert bounds("InvokeAgentRuntimeCommandRequestBodyCommandString") == (1, limits.COMMAND_MAX_CHARS)
    assert bounds("Body") == (0, limits.PAYLOAD_MAX_BYTES)
    assert bounds("ClientToken") == (33, 256)

"""What is hosted, asked as of the control plane: boto3's client for it is the judge."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import boto3
import httpx2
import pytest
from botocore.exceptions import ClientError

from agentcore_mcp.local.agentcore import LocalAgentCore
from tests.support.waiting import WAIT_S

if TYPE_CHECKING:
    from collections.abc import Iterator

AGENTS: dict[str, dict[str, Any]] = {
    "plain": {"protocol": "http"},
    "expert": {"protocol": "a2a", "allowed_ports": [8000, "8010-8011"]},
    "screen": {"protocol": "agui"},
    "tools": {"protocol": "mcp"},
    "assistant": {"protocol": "harness"},
}


@pytest.fixture(scope="module", params=["none", "sigv4", "jwt"])
def local(request: pytest.FixtureRequest) -> Iterator[LocalAgentCore]:
    with LocalAgentCore(agents=AGENTS, auth=request.param) as local:
        yield local


def control(local: LocalAgentCore, **changed: str) -> Any:
    arguments = {**local.credentials, **changed}
    return boto3.client("bedrock-agentcore-control", endpoint_url=local.endpoint_url, **arguments)


def refused(call: Any, **arguments: Any) -> tuple[str, int]:
    with pytest.raises(ClientError) as raised:
        call(**arguments)
    answer = raised.value.response
    return answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"]


def test_the_runtimes_are_listed_and_no_harness(local: LocalAgentCore) -> None:
    client = control(local)
    pages = list(client.get_paginator("list_agent_runtimes").paginate(PaginationConfig={"PageSize": 2}))
    listed = [runtime for page in pages for runtime in page["agentRuntimes"]]

    arns = {name: arn for name, arn in local.agents.items() if name != "assistant"}
    assert {runtime["agentRuntimeName"]: runtime["agentRuntimeArn"] for runtime in listed} == arns
    assert {runtime["status"] for runtime in listed} == {"READY"}
    members = client.meta.service_model.shape_for("AgentRuntime")
    assert set(members.required_members) <= set(listed[0]) <= set(members.members)


def test_each_says_what_it_speaks_and_whose_tokens_it_takes(local: LocalAgentCore) -> None:
    client = control(local)
    told = {
        runtime["agentRuntimeName"]: client.get_agent_runtime(agentRuntimeId=runtime["agentRuntimeId"])
        for runtime in client.list_agent_runtimes()["agentRuntimes"]
    }

    spoken = {name: runtime["protocolConfiguration"]["serverProtocol"] for name, runtime in told.items()}
    assert spoken == {"plain": "HTTP", "expert": "A2A", "screen": "AGUI", "tools": "MCP"}
    assert [entry["port"] for entry in told["expert"]["allowedPorts"]] == [8000, 8010, 8011]
    assert told["plain"]["lifecycleConfiguration"] == {"idleRuntimeSessionTimeout": 900, "maxLifetime": 28_800}
    members = client.meta.service_model.operation_model("GetAgentRuntime").output_shape
    assert set(members.required_members) <= set(told["plain"]) <= {*members.members, "ResponseMetadata"}
    if local.settings.auth.mode == "jwt":
        authorizer = told["plain"]["authorizerConfiguration"]["customJWTAuthorizer"]
        assert httpx2.get(authorizer["discoveryUrl"], timeout=WAIT_S).json()["issuer"] == local.auth["issuer"]
        assert authorizer["allowedClients"] == [local.auth["client_id"]]
    else:
        assert "authorizerConfiguration" not in told["plain"]


def test_what_is_not_there_is_not_found(local: LocalAgentCore) -> None:
    client = control(local)

    for unknown in ("nobody-L0calAgent", "assistant-L0calAgent"):
        assert refused(client.get_agent_runtime, agentRuntimeId=unknown) == ("ResourceNotFoundException", 404)


def test_only_where_signatures_are_checked_a_wrong_one_is_refused(local: LocalAgentCore) -> None:
    client = control(local, aws_secret_access_key="another-secret-not-a-real-one")
    if local.settings.auth.mode == "sigv4":
        assert refused(client.list_agent_runtimes) == ("InvalidSignatureException", 403)
    else:
        assert len(client.list_agent_runtimes()["agentRuntimes"]) == 4


def test_the_variables_lead_boto3_there(local: LocalAgentCore, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in local.environ().items():
        monkeypatch.setenv(name, value)
    # botocore takes an empty variable for a token, too.
    monkeypatch.delenv("AWS_SESSION_TOKEN")

    listed = boto3.client("bedrock-agentcore-control").list_agent_runtimes()["agentRuntimes"]
    assert listed[0]["agentRuntimeArn"] == local.agent_runtime_arn

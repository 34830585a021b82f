"""The runtimes of an account, with a control plane on loopback that records what it is asked."""

from __future__ import annotations

import json
import socket
from typing import TYPE_CHECKING, Any

import anyio
import boto3
import pytest
from botocore.stub import Stubber

from agentcore_mcp.errors import (
    ConfigurationError,
    ConnectError,
    CredentialsError,
    ProtocolError,
    ServiceError,
    TransportError,
)
from agentcore_mcp.runtime import SigV4Auth
from agentcore_mcp.runtime.auth.roles import ConfiguredSession
from agentcore_mcp.runtime.discovery import DiscoveredRuntime, RuntimeFacts, list_runtimes, runtime_facts
from agentcore_mcp.wire.ids import RuntimeArn
from tests.support.aws import ACCESS_KEY_ID, SECRET_ACCESS_KEY, SESSION_TOKEN, fake_session
from tests.support.servers import Exchange, loopback_server, reply
from tests.support.waiting import WAIT_S

if TYPE_CHECKING:
    from pathlib import Path

REGION = "eu-central-1"


def summary(name: str, status: str = "READY", description: str = "A runtime") -> dict[str, Any]:
    return {
        "agentRuntimeArn": f"arn:aws:bedrock-agentcore:{REGION}:123456789012:runtime/{name}-0123456789",
        "agentRuntimeId": f"{name}-0123456789",
        "agentRuntimeVersion": "1",
        "agentRuntimeName": name,
        "description": description,
        "lastUpdatedAt": "2026-01-01T00:00:00Z",
        "status": status,
    }


def runtime(name: str, **members: Any) -> dict[str, Any]:
    """Return what GetAgentRuntime answers."""
    network = {"networkMode": "PUBLIC"}
    lifecycle = {"idleRuntimeSessionTimeout": 900, "maxLifetime": 28_800}
    return {
        **summary(name),
        "createdAt": "2026-01-01T00:00:00Z",
        "roleArn": "arn:aws:iam::123456789012:role/agent",
        "networkConfiguration": network,
        "lifecycleConfiguration": lifecycle,
        **members,
    }


def speaking(protocol: str) -> dict[str, Any]:
    return {"protocolConfiguration": {"serverProtocol": protocol}}


JWT = {"authorizerConfiguration": {"customJWTAuthorizer": {"discoveryUrl": "https://issuer.example/.well-known/x"}}}


class ControlPlane:
    """Lists one page after the other, and refuses to tell of a runtime unless it was given."""

    def __init__(self, *pages: list[dict[str, Any]], **runtimes: dict[str, Any]) -> None:
        self._runtimes = {f"/runtimes/{name}-0123456789/": runtime(name, **facts) for name, facts in runtimes.items()}
        self._pages = [
            {"agentRuntimes": page, **({"nextToken": f"page {number}"} if number < len(pages) else {})}
            for number, page in enumerate(pages, 1)
        ]

    async def __call__(self, exchange: Exchange) -> None:
        if exchange.request.method == "GET" and exchange.request.target not in self._runtimes:
            body = b'{"message": "not yours"}'
            await exchange.send(reply("403 Forbidden", body, x_amzn_errortype="AccessDeniedException"))
            return
        answer = self._runtimes.get(exchange.request.target) or self._pages.pop(0)
        await exchange.send(reply(body=json.dumps(answer).encode(), content_type="application/json"))


async def listed(endpoint_url: str, **arguments: Any) -> tuple[DiscoveredRuntime, ...]:
    with anyio.fail_after(WAIT_S):
        return await list_runtimes(SigV4Auth(fake_session()), region=REGION, endpoint_url=endpoint_url, **arguments)


async def test_every_page_is_read_and_only_what_is_ready_is_kept_by_name() -> None:
    pages = [
        [summary("search"), summary("broken", "CREATE_FAILED"), summary("leaving", "DELETING")],
        [summary("review", description="Reviews pull requests"), summary("changing", "UPDATING")],
    ]
    async with loopback_server(ControlPlane(*pages)) as server:
        found = await listed(server.endpoint_url)

    assert [(runtime.name, runtime.description) for runtime in found] == [
        ("review", "Reviews pull requests"),
        ("search", "A runtime"),
    ]
    assert found[1].arn == RuntimeArn.parse(summary("search")["agentRuntimeArn"])
    assert [request.target for request in server.requests if request.method == "POST"] == [
        "/runtimes/?maxResults=100",
        "/runtimes/?maxResults=100&nextToken=page%201",
    ]


async def test_what_each_runtime_speaks_comes_with_the_list() -> None:
    page = [summary(name) for name in ("agui", "mine", "mcp", "new", "plain")]
    facts = {"agui": speaking("AGUI"), "mine": JWT, "mcp": speaking("MCP"), "new": speaking("GRPC"), "plain": {}}
    async with loopback_server(ControlPlane(page, **facts)) as server:
        found = await listed(server.endpoint_url)
        (asked,) = [request for request in server.requests if "mcp-" in request.target]
        alone = await runtime_facts(SigV4Auth(fake_session()), found[1].arn, endpoint_url=server.endpoint_url)

    assert {runtime.name: runtime.facts for runtime in found} == {
        "agui": RuntimeFacts("agui", takes_tokens=False),
        "mcp": RuntimeFacts("mcp", takes_tokens=False),
        "mine": RuntimeFacts("http", takes_tokens=True),
        "new": RuntimeFacts("grpc", takes_tokens=False),
        "plain": RuntimeFacts("http", takes_tokens=False),
    }
    assert (asked.method, asked.target) == ("GET", "/runtimes/mcp-0123456789/")
    assert alone == found[1].facts


async def test_callers_who_may_not_look_at_runtimes_still_get_the_list() -> None:
    page = [summary(f"agent{number:02}") for number in range(40)]
    async with loopback_server(ControlPlane(page)) as server:
        found = await listed(server.endpoint_url)
        with pytest.raises(ServiceError, match="AccessDeniedException"):
            await runtime_facts(SigV4Auth(fake_session()), found[0].arn, endpoint_url=server.endpoint_url)

    assert len(found) == 40
    assert {runtime.facts for runtime in found} == {None}


async def test_it_is_asked_with_the_same_credentials_and_region_as_the_agents() -> None:
    async with loopback_server(ControlPlane([])) as server:
        assert await listed(server.endpoint_url) == ()

    authorization = server.requests[0].header("authorization") or ""
    assert f"Credential={ACCESS_KEY_ID}/" in authorization
    assert f"/{REGION}/bedrock-agentcore/" in authorization
    assert server.requests[0].header("x-amz-security-token") == SESSION_TOKEN
    assert "agentcore-mcp/" in (server.requests[0].header("user-agent") or "")


def test_the_pages_of_these_tests_are_what_the_service_model_says() -> None:
    client = boto3.client(
        "bedrock-agentcore-control", region_name=REGION, aws_access_key_id="x", aws_secret_access_key="x"
    )
    with Stubber(client) as stub:
        stub.add_response("list_agent_runtimes", {"agentRuntimes": [summary("a")], "nextToken": "x"})

        assert client.list_agent_runtimes()["agentRuntimes"][0]["agentRuntimeName"] == "a"
        for facts in (JWT, speaking("AGUI"), speaking("A2A"), speaking("MCP"), speaking("HTTP"), {}):
            stub.add_response("get_agent_runtime", runtime("a", **facts))

            assert facts.items() <= client.get_agent_runtime(agentRuntimeId="a-0123456789").items()


@pytest.mark.parametrize(
    ("answer", "error", "sentence"),
    [
        (
            reply(
                "403 Forbidden",
                json.dumps({"message": f"no bedrock-agentcore:ListAgentRuntimes for {SESSION_TOKEN}"}).encode(),
                x_amzn_errortype="AccessDeniedException",
                x_amzn_requestid="req-1",
            ),
            ServiceError,
            "AccessDeniedException: no bedrock-agentcore:ListAgentRuntimes for ***",
        ),
        (reply(body=b"<html>a proxy</html>"), ProtocolError, "not that of AgentCore"),
        (
            reply(body=json.dumps({"agentRuntimes": [{**summary("a"), "agentRuntimeArn": "x"}]}).encode()),
            ProtocolError,
            "not that of AgentCore",
        ),
        (b"", TransportError, "can't list the runtimes"),
    ],
)
async def test_an_answer_that_is_no_list_is_an_error_without_a_secret(
    answer: bytes, error: type[Exception], sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")

    async def send(exchange: Exchange) -> None:
        await exchange.send(answer)

    async with loopback_server(send) as server:
        with pytest.raises(error) as raised:
            await listed(server.endpoint_url)

    assert sentence in str(raised.value)
    assert SESSION_TOKEN not in str(raised.value)
    if isinstance(raised.value, ServiceError):
        assert (raised.value.status, raised.value.request_id) == (403, "req-1")


async def test_where_nobody_listens_is_a_failed_connection() -> None:
    # Bound, so that no other test gets the port meanwhile.
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        port = silent.getsockname()[1]

        with pytest.raises(ConnectError, match=f"127.0.0.1:{port}"):
            await listed(f"http://127.0.0.1:{port}")


async def test_without_credentials_or_a_region_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    (tmp_path / "config").write_text("[profile bare]\n")

    with pytest.raises(CredentialsError):
        await list_runtimes(SigV4Auth(ConfiguredSession(profile="bare")), profile="bare")
    with pytest.raises(ConfigurationError, match="set region under discover"):
        await list_runtimes(SigV4Auth(fake_session()))


async def test_the_region_of_the_profile_counts_where_none_is_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "config").write_text(
        f"[profile other]\nregion = ap-south-1\naws_access_key_id = AKIAOTHER\n"
        f"aws_secret_access_key = {SECRET_ACCESS_KEY}\n"
    )
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.delenv("AWS_DEFAULT_REGION", raising=False)
    async with loopback_server(ControlPlane([])) as server:
        auth = SigV4Auth(ConfiguredSession(profile="other"))
        await list_runtimes(auth, profile="other", endpoint_url=server.endpoint_url)

    assert "Credential=AKIAOTHER/" in (server.requests[0].header("authorization") or "")
    assert "/ap-south-1/" in (server.requests[0].header("authorization") or "")

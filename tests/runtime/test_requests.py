"""What we put on the line, compared with what boto3 puts there for the same input, on a real socket."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import boto3
import httpx2
import pytest
from botocore.config import Config

from agentcore_mcp.runtime import BearerAuth, SigV4Auth
from agentcore_mcp.runtime.client import RuntimeClient
from agentcore_mcp.wire.eventstream import ContentStop, encode_command_event
from agentcore_mcp.wire.eventstream.events import encode_event
from agentcore_mcp.wire.ids import RuntimeId
from tests.support.aws import ACCESS_KEY_ID, SECRET_ACCESS_KEY, SESSION_TOKEN, botocore_authorization, fake_session
from tests.support.clients import ARN, REGION, SESSION_ID, client_of
from tests.support.servers import Exchange, Recorded, reply

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

CLIENT_TOKEN = "11111111-2222-3333-4444-555555555555"
TRACE = {"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "baggage": "tenant=a"}

# Named by boto3 and not by us: its own tracking, not part of the protocol. The signature is compared separately.
NOT_COMPARED = {"user-agent", "amz-sdk-invocation-id", "amz-sdk-request", "x-amz-date", "authorization"}


async def ours_invoke(client: RuntimeClient) -> None:
    async with client.invoke(
        ARN,
        '{"prompt":"größer"}'.encode(),
        session_id=SESSION_ID,
        qualifier="blue/green 2",
        user_id="Käthe ☃",
        headers=TRACE,
    ) as answer:
        assert [piece async for piece in answer] == ["{}"]


def boto_invoke(client: Any) -> None:
    client.invoke_agent_runtime(
        agentRuntimeArn=ARN,
        payload='{"prompt":"größer"}'.encode(),
        runtimeSessionId=SESSION_ID,
        qualifier="blue/green 2",
        runtimeUserId="Käthe ☃",
        contentType="application/json",
        accept="text/event-stream, application/json",
        traceParent=TRACE["traceparent"],
        baggage=TRACE["baggage"],
    )["response"].read()


async def ours_command(client: RuntimeClient) -> None:
    async with client.run_command(ARN, "echo 'größer'\n", session_id=SESSION_ID, timeout_s=7) as run:
        assert [event async for event in run] == [ContentStop(0, "COMPLETED")]


def boto_command(client: Any) -> None:
    list(
        client.invoke_agent_runtime_command(
            agentRuntimeArn=ARN,
            runtimeSessionId=SESSION_ID,
            accept="application/vnd.amazon.eventstream",
            body={"command": "echo 'größer'\n", "timeout": 7},
        )["stream"]
    )


RUNTIME_ID = RuntimeId("demo-abcdefghij", "123456789012", REGION)
HARNESS_ARN = ARN.replace(":runtime/", ":harness/")


async def ours_invoke_by_id(client: RuntimeClient) -> None:
    async with client.invoke(RUNTIME_ID, b"{}", session_id=SESSION_ID, qualifier="DEFAULT") as answer:
        assert [piece async for piece in answer] == ["{}"]


def boto_invoke_by_id(client: Any) -> None:
    client.invoke_agent_runtime(
        agentRuntimeArn="demo-abcdefghij",
        accountId="123456789012",
        payload=b"{}",
        runtimeSessionId=SESSION_ID,
        qualifier="DEFAULT",
        contentType="application/json",
        accept="text/event-stream, application/json",
    )["response"].read()


async def ours_command_in_a_harness(client: RuntimeClient) -> None:
    async with client.run_command(HARNESS_ARN, "true", session_id=SESSION_ID) as run:
        assert [event async for event in run] == [ContentStop(0, "COMPLETED")]


def boto_command_in_a_harness(client: Any) -> None:
    list(
        client.invoke_agent_runtime_command(
            agentRuntimeArn=HARNESS_ARN,
            runtimeSessionId=SESSION_ID,
            accept="application/vnd.amazon.eventstream",
            body={"command": "true", "timeout": 300},
        )["stream"]
    )


async def ours_harness(client: RuntimeClient) -> None:
    async with client.invoke_harness(
        HARNESS_ARN,
        "größer",
        session_id=SESSION_ID,
        qualifier="blue",
        user_id="Käthe ☃",
        options={"maxIterations": 3, "actorId": "käthe"},
        headers=TRACE,
    ) as answer:
        assert [piece async for piece in answer] == ['{"messageStop": {"stopReason": "end_turn"}}']


def boto_harness(client: Any) -> None:
    stream = client.invoke_harness(
        harnessArn=HARNESS_ARN,
        qualifier="blue",
        runtimeSessionId=SESSION_ID,
        runtimeUserId="Käthe ☃",
        messages=[{"role": "user", "content": [{"text": "größer"}]}],
        maxIterations=3,
        actorId="käthe",
        traceParent=TRACE["traceparent"],
        baggage=TRACE["baggage"],
    )["stream"]
    assert list(stream) == [{"messageStop": {"stopReason": "end_turn"}}]


async def ours_stop_of_a_harness(client: RuntimeClient) -> None:
    await client.stop_session(HARNESS_ARN, session_id=SESSION_ID, client_token=CLIENT_TOKEN)


def boto_stop_of_a_harness(client: Any) -> None:
    client.stop_runtime_session(agentRuntimeArn=HARNESS_ARN, runtimeSessionId=SESSION_ID, clientToken=CLIENT_TOKEN)


async def ours_stop(client: RuntimeClient) -> None:
    await client.stop_session(ARN, session_id=SESSION_ID, qualifier="DEFAULT", client_token=CLIENT_TOKEN)


def boto_stop(client: Any) -> None:
    client.stop_runtime_session(
        agentRuntimeArn=ARN, runtimeSessionId=SESSION_ID, qualifier="DEFAULT", clientToken=CLIENT_TOKEN
    )


async def accept(exchange: Exchange) -> None:
    if "/commands" in exchange.request.target:
        body = encode_command_event(ContentStop(0, "COMPLETED"))
        await exchange.send(reply(body=body, content_type="application/vnd.amazon.eventstream"))
    elif exchange.request.target.startswith("/harnesses"):
        body = encode_event("messageStop", {"stopReason": "end_turn"})
        await exchange.send(reply(body=body, content_type="application/vnd.amazon.eventstream"))
    else:
        await exchange.send(reply(body=b"{}", content_type="application/json"))


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (ours_invoke, boto_invoke),
        (ours_invoke_by_id, boto_invoke_by_id),
        (ours_command, boto_command),
        (ours_command_in_a_harness, boto_command_in_a_harness),
        (ours_harness, boto_harness),
        (ours_stop, boto_stop),
        (ours_stop_of_a_harness, boto_stop_of_a_harness),
    ],
    ids=["invoke", "invoke by id", "command", "command in a harness", "harness", "stop", "stop of a harness"],
)
async def test_requests_and_signatures_are_those_of_boto3(
    ours: Callable[[RuntimeClient], Awaitable[None]], theirs: Callable[[Any], None]
) -> None:
    async with client_of(accept, auth=SigV4Auth(fake_session())) as (client, server):
        await ours(client)
        boto = boto3.client(
            "bedrock-agentcore",
            region_name=REGION,
            endpoint_url=server.endpoint_url,
            aws_access_key_id=ACCESS_KEY_ID,
            aws_secret_access_key=SECRET_ACCESS_KEY,
            aws_session_token=SESSION_TOKEN,
            config=Config(retries={"total_max_attempts": 1}),
        )
        await asyncio.to_thread(theirs, boto)
        boto.close()

    mine, botos = server.requests
    assert (mine.method, mine.target, mine.body) == (botos.method, botos.target, botos.body)
    assert _compared(mine) == _compared(botos)
    assert _signed_headers(mine) == _signed_headers(botos)
    for request in (mine, botos):
        assert request.header("authorization") == botocore_authorization(request, REGION)


async def test_a_bearer_token_is_sent_as_it_is() -> None:
    async with client_of(accept, auth=BearerAuth("not.a.real-token")) as (client, server):
        await ours_invoke(client)

    assert server.requests[0].header("authorization") == "Bearer not.a.real-token"
    assert server.requests[0].header("x-amz-date") is None


async def test_without_auth_no_header_speaks_of_it() -> None:
    async with client_of(accept) as (client, server):
        await ours_stop(client)

    assert {name for name, _ in server.requests[0].headers} == {
        "host",
        "user-agent",
        "accept-encoding",
        "content-type",
        "x-amzn-bedrock-agentcore-runtime-session-id",
        "content-length",
    }


async def test_a_cookie_that_an_answer_sets_is_not_sent_back() -> None:
    """A load balancer's cookie would tie one user's call to another's."""

    async def set_cookie(exchange: Exchange) -> None:
        await exchange.send(reply(body=b"{}", content_type="application/json", set_cookie="AWSALB=x; Path=/"))

    async with client_of(set_cookie) as (client, server):
        await ours_stop(client)
        await ours_stop(client)

    assert [request.header("cookie") for request in server.requests] == [None, None]


async def test_a_stop_without_a_token_gets_a_new_one_each_time() -> None:
    async with client_of(accept) as (client, server):
        await client.stop_session(ARN, session_id=SESSION_ID)
        await client.stop_session(ARN, session_id=SESSION_ID)

    first, second = (request.body for request in server.requests)
    assert first != second
    assert len(first) == len(second) == len(b'{"clientToken": "%b"}' % CLIENT_TOKEN.encode())


async def test_host_and_signed_region_come_from_the_arn() -> None:
    """One client, one SigV4Auth, agents in two regions and partitions."""
    sent: list[httpx2.Request] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        sent.append(request)
        return httpx2.Response(200)

    auth = SigV4Auth(fake_session())
    async with RuntimeClient(auth=auth, transport=httpx2.MockTransport(answer)) as client:
        await client.stop_session(ARN, session_id=SESSION_ID)
        await client.stop_session(
            ARN.replace("aws:", "aws-cn:", 1).replace(REGION, "cn-north-1"), session_id=SESSION_ID
        )

    assert [str(request.url).partition("/runtimes")[0] for request in sent] == [
        "https://bedrock-agentcore.eu-west-1.amazonaws.com",
        "https://bedrock-agentcore.cn-north-1.amazonaws.com.cn",
    ]
    assert [request.headers["authorization"].split("/")[2] for request in sent] == ["eu-west-1", "cn-north-1"]


async def test_a_path_in_the_endpoint_url_goes_before_the_operations_and_is_signed() -> None:
    async with client_of(accept, auth=SigV4Auth(fake_session()), path="/gateway/") as (client, server):
        await ours_invoke(client)

    request = server.requests[0]
    assert request.target.startswith("/gateway/runtimes/arn%3Aaws%3A")
    assert request.header("authorization") == botocore_authorization(request, REGION)


def _compared(request: Recorded) -> set[tuple[str, str]]:
    return {(name, value) for name, value in request.headers if name not in NOT_COMPARED}


def _signed_headers(request: Recorded) -> str:
    return (request.header("authorization") or "").split(", ")[1]

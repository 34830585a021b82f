"""What AgentCoreRuntimeClient makes of its arguments, compared with boto3 and with the published package."""

from __future__ import annotations

import asyncio
import inspect
import math
import re
from typing import TYPE_CHECKING, Any

import boto3
import botocore.session
import httpx2
import pytest
from botocore.config import Config

from agentcore_mcp.errors import ConfigurationError, InvalidRequestError, ProtocolError
from agentcore_mcp.runtime.sdk.client import AgentCoreRuntimeClient
from agentcore_mcp.runtime.sdk.results import Collected
from agentcore_mcp.wire.eventstream import ContentStop, encode_command_event
from agentcore_mcp.wire.pieces import ANSWER_MAX_BYTES
from tests.support.aws import ACCESS_KEY_ID, SECRET_ACCESS_KEY, SESSION_TOKEN, botocore_authorization, fake_session
from tests.support.clients import ARN, REGION, SESSION_ID
from tests.support.published import AgentCoreRuntimeClient as PublishedClient
from tests.support.sdk import TOKEN, Async, Blocking, Manner, sdk_of
from tests.support.servers import Exchange, Recorded, reply

if TYPE_CHECKING:
    from collections.abc import Callable

MANNERS = pytest.mark.parametrize("manner", [Blocking, Async])
CLIENT_TOKEN = "11111111-2222-3333-4444-555555555555"
UUID = re.compile(r"[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}")
SESSION_NAME = "x-amzn-bedrock-agentcore-runtime-session-id"
# Named by boto3 and not by us: its own tracking, not part of the protocol. The signature is compared separately.
NOT_COMPARED = {"user-agent", "amz-sdk-invocation-id", "amz-sdk-request", "x-amz-date", "authorization"}


CIRCULAR: list[Any] = []
CIRCULAR.append(CIRCULAR)
DEEP: list[Any] = []
for _ in range(100_000):
    DEEP = [DEEP]


async def accept(exchange: Exchange) -> None:
    if "/commands" in exchange.request.target:
        body, content_type = encode_command_event(ContentStop(0, "COMPLETED")), "application/vnd.amazon.eventstream"
    else:
        body, content_type = b"{}", "application/json"
    await exchange.send(reply(body=body, content_type=content_type, connection="close"))


def boto3_session() -> Any:
    return boto3.session.Session(ACCESS_KEY_ID, SECRET_ACCESS_KEY, SESSION_TOKEN, region_name="us-west-2")


@MANNERS
@pytest.mark.parametrize("session", [fake_session, boto3_session], ids=["botocore", "boto3"])
async def test_requests_and_signatures_are_those_of_boto3(
    manner: Callable[[AgentCoreRuntimeClient, str | None], Manner], session: Callable[[], Any]
) -> None:
    """Whatever the session's or the client's own region is: the ARN's counts."""

    def boto_calls(endpoint_url: str) -> None:
        boto = boto3_session().client(
            "bedrock-agentcore",
            region_name=REGION,
            endpoint_url=endpoint_url,
            config=Config(retries={"total_max_attempts": 1}),
        )
        boto.invoke_agent_runtime(
            agentRuntimeArn=ARN,
            payload=b'{"prompt": "gr\\u00f6\\u00dfer"}',
            runtimeSessionId=SESSION_ID,
            qualifier="blue/green 2",
            contentType="application/json",
            accept="text/event-stream, application/json",
            baggage="tenant=a",
        )["response"].read()
        list(
            boto.invoke_agent_runtime_command(
                agentRuntimeArn=ARN,
                runtimeSessionId=SESSION_ID,
                accept="application/vnd.amazon.eventstream",
                body={"command": "echo 'größer'\n", "timeout": 7},
            )["stream"]
        )
        boto.stop_runtime_session(
            agentRuntimeArn=ARN, runtimeSessionId=SESSION_ID, qualifier="DEFAULT", clientToken=CLIENT_TOKEN
        )
        boto.close()

    async with sdk_of(lambda client: manner(client, None), accept, session=session(), region="us-east-2") as (
        client,
        server,
    ):
        await client.invoke(
            {"prompt": "größer"}, session_id=SESSION_ID, endpoint_name="blue/green 2", headers={"baggage": "tenant=a"}
        )
        await client.execute_command("echo 'größer'\n", session_id=SESSION_ID, command_timeout=7)
        await client.stop_runtime_session(session_id=SESSION_ID, endpoint_name="DEFAULT", client_token=CLIENT_TOKEN)
        await asyncio.to_thread(boto_calls, server.endpoint_url)

    for mine, botos in zip(server.requests[:3], server.requests[3:], strict=True):
        assert (mine.method, mine.target, mine.body) == (botos.method, botos.target, botos.body)
        assert _compared(mine) == _compared(botos)
        assert _signed_headers(mine) == _signed_headers(botos)
        for request in (mine, botos):
            assert request.header("authorization") == botocore_authorization(request, REGION)


@MANNERS
async def test_a_token_is_sent_and_nothing_is_signed(manner: Callable[[AgentCoreRuntimeClient], Manner]) -> None:
    async with sdk_of(manner, accept) as (client, server):
        await client.invoke({})
        await client.execute_command()
        await client.stop_runtime_session(session_id=SESSION_ID)

    for request in server.requests:
        assert request.header("authorization") == f"Bearer {TOKEN}"
        assert request.header("x-amz-date") is None


@MANNERS
async def test_what_is_not_said_has_a_default(manner: Callable[[AgentCoreRuntimeClient], Manner]) -> None:
    """A new session for each call, the service's own choice of endpoint, ten minutes for a command."""
    async with sdk_of(manner, accept) as (client, server):
        await client.invoke({})
        await client.invoke({}, session_id=None, endpoint_name="")
        await client.execute_command()
        await client.stop_runtime_session(session_id=SESSION_ID)

    sessions = [request.header(SESSION_NAME) or "" for request in server.requests]
    assert all(UUID.fullmatch(session_id) for session_id in sessions[:3])
    assert len(set(sessions)) == 4
    assert not any("?" in request.target for request in server.requests)
    assert server.requests[0].header("accept") == "text/event-stream, application/json"
    assert server.requests[2].body == b'{"command": "true", "timeout": 600}'
    assert re.fullmatch(rb'{"clientToken": "[0-9a-f-]{36}"}', server.requests[3].body)


@MANNERS
@pytest.mark.parametrize(
    ("body", "content_type", "sent"),
    [
        ({"prompt": "größer"}, "application/json", b'{"prompt": "gr\\u00f6\\u00dfer"}'),
        ("a text", "application/json", b'"a text"'),
        (None, "application/json", b"null"),
        (b'{"bytes": 1}', "application/json", b'{"bytes": 1}'),
        (bytearray(b"\x00\xff"), "application/octet-stream", b"\x00\xff"),
        ("größer", "text/plain; charset=utf-8", "größer".encode()),
        ([1, 2.5], "text/plain", b"[1, 2.5]"),
    ],
)
async def test_a_body_is_sent_as_its_content_type_wants(
    manner: Callable[[AgentCoreRuntimeClient], Manner], body: Any, content_type: str, sent: bytes
) -> None:
    async with sdk_of(manner, accept) as (client, server):
        await client.invoke(body, content_type=content_type, accept="*/*")

    (request,) = server.requests
    assert (request.body, request.header("content-type"), request.header("accept")) == (sent, content_type, "*/*")


@pytest.mark.parametrize("token", [None, TOKEN])
@pytest.mark.parametrize(
    ("call", "silence_s"),
    [
        (lambda client, token: client.invoke(ARN, token, {}), 900),
        (lambda client, token: client.invoke(ARN, token, {}, timeout=7.5), 7.5),
        (lambda client, token: client.execute_command(ARN, token, "true"), 630),
        (lambda client, token: client.execute_command(ARN, token, "true", command_timeout=3600), 3630),
        (lambda client, token: client.stop_runtime_session(ARN, token, session_id=SESSION_ID), 60),
    ],
)
def test_how_long_the_other_side_may_be_silent(token: str | None, call: Callable[..., Any], silence_s: float) -> None:
    sent: list[httpx2.Request] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        sent.append(request)
        body = encode_command_event(ContentStop(0, "COMPLETED"))
        return httpx2.Response(200, headers={"content-type": "application/vnd.amazon.eventstream"}, content=body)

    with AgentCoreRuntimeClient(session=fake_session(), transport=httpx2.MockTransport(answer)) as client:
        call(client, token)

    timeout = sent[0].extensions["timeout"]
    assert (timeout["read"], timeout["connect"]) == (silence_s, 10)
    assert str(sent[0].url).startswith(f"https://bedrock-agentcore.{REGION}.amazonaws.com/runtimes/arn%3Aaws")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda client: client.invoke("arn:aws:s3:::bucket", TOKEN, {}), "not the ARN of an agent runtime"),
        (lambda client: client.invoke_streaming(ARN, TOKEN, {}, session_id="short"), "not a session id"),
        (lambda client: client.invoke_streaming_async(ARN, "", {}), "bearer token"),
        (lambda client: client.invoke_streaming(ARN, "to\nken", {}), "bearer token"),
        (lambda client: client.invoke_streaming(ARN, TOKEN, {}, headers={"Authorization": "x"}), "Authorization"),
        (lambda client: client.invoke_streaming(ARN, TOKEN, {}, headers={"X-Tenant": "a\r\nb: c"}), "X-Tenant"),
        (lambda client: client.invoke(ARN, TOKEN, object()), "can't be sent as 'application/json': Object of type"),
        (lambda client: client.invoke(ARN, TOKEN, "\ud83d", content_type="text/plain"), "surrogates not allowed"),
        (lambda client: client.invoke(ARN, TOKEN, CIRCULAR), "Circular reference detected"),
        (lambda client: client.invoke(ARN, TOKEN, DEEP), "maximum recursion depth exceeded"),
        (
            lambda client: client.invoke(ARN, TOKEN, {}, timeout=0),
            "the timeout is 0 s, more than 0 and at most 86400 are",
        ),
        (lambda client: client.invoke_streaming(ARN, TOKEN, {}, timeout=math.nan), "the timeout is nan s"),
        (lambda client: client.invoke_streaming_async(ARN, TOKEN, {}, timeout=math.inf), "the timeout is inf s"),
        (
            lambda client: client.stop_runtime_session(ARN, TOKEN, session_id=SESSION_ID, timeout=-1),
            "the timeout is -1 s",
        ),
        (lambda client: client.execute_command(ARN, TOKEN, " "), "the command is empty"),
        (lambda client: client.execute_command_streaming(ARN, TOKEN, "ls", command_timeout=0), "0 s, 1 to 3600"),
        (lambda client: client.execute_command_streaming_async(ARN, TOKEN, "ls", command_timeout=3601), "1 to 3600"),
        (
            lambda client: client.stop_runtime_session(ARN, TOKEN, session_id=SESSION_ID, client_token="x"),
            "client token",
        ),
        (lambda client: client.generate_ws_connection(ARN, shell_id="-no"), "not a shell id"),
        (lambda client: client.generate_ws_connection(ARN, headers={"Upgrade": "h2c"}), "Upgrade"),
        (lambda client: client.generate_ws_connection_oauth(ARN, ""), "bearer token"),
        (lambda client: client.generate_presigned_url(ARN, expires=301), "301 s, 1 to 300"),
        (lambda client: client.generate_presigned_url(ARN, expires=0), "0 s, 1 to 300"),
        (lambda client: client.generate_presigned_url(ARN, custom_headers={"X-Amz-Expires": "9"}), "X-Amz-Expires"),
        (lambda client: client.generate_presigned_url(ARN, custom_headers={"qualifier": "x"}), "qualifier"),
    ],
)
def test_an_argument_that_would_be_refused_is_an_error_at_once(call: Callable[..., Any], message: str) -> None:
    """When the method is called and not when its generator is asked; and a ValueError, as in the published package."""

    def fail(request: httpx2.Request) -> httpx2.Response:
        raise AssertionError(request)

    transport = httpx2.MockTransport(fail)
    with (
        AgentCoreRuntimeClient(session=fake_session(), transport=transport, async_transport=transport) as client,
        pytest.raises(InvalidRequestError, match=re.escape(message)) as caught,
    ):
        call(client)

    assert isinstance(caught.value, ValueError)


def test_an_endpoint_url_that_is_not_safe_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="unencrypted"):
        AgentCoreRuntimeClient(endpoint_url="http://example.com")


def test_what_was_given_can_be_read_back() -> None:
    session = botocore.session.Session()
    client = AgentCoreRuntimeClient("us-west-2", session)

    assert (client.region, client.session) == ("us-west-2", session)
    assert (AgentCoreRuntimeClient().region, AgentCoreRuntimeClient().session) == (None, None)


@pytest.mark.parametrize(
    "name", ["__init__", "generate_ws_connection", "generate_presigned_url", "generate_ws_connection_oauth"]
)
def test_what_the_published_client_takes_is_taken_in_the_same_order(name: str) -> None:
    def positional(client: type) -> list[str]:
        parameters = inspect.signature(getattr(client, name)).parameters.values()
        return [each.name for each in parameters if each.kind is each.POSITIONAL_OR_KEYWORD]

    # The seeds' constructor has no more than these; the published one has grown a telemetry tag and an alias.
    theirs = [each for each in positional(PublishedClient) if each not in ("integration_source", "region_name")]
    assert positional(AgentCoreRuntimeClient) == theirs


@pytest.mark.parametrize(
    ("name", "positional", "keyword_only"),
    [
        (
            "invoke",
            "self runtime_arn bearer_token body",
            "session_id endpoint_name headers timeout content_type accept",
        ),
        (
            "execute_command",
            "self runtime_arn bearer_token command",
            "session_id endpoint_name headers command_timeout",
        ),
        ("stop_runtime_session", "self runtime_arn bearer_token", "session_id endpoint_name client_token timeout"),
    ],
)
def test_what_pull_request_422_takes_is_taken_by_every_manner(name: str, positional: str, keyword_only: str) -> None:
    methods = [each for each in dir(AgentCoreRuntimeClient) if re.fullmatch(f"{name}(_streaming)?(_async)?", each)]

    assert len(methods) == (2 if name == "stop_runtime_session" else 4)
    for method in methods:
        parameters = inspect.signature(getattr(AgentCoreRuntimeClient, method)).parameters.values()
        assert [each.name for each in parameters if each.kind is each.POSITIONAL_OR_KEYWORD] == positional.split()
        assert [each.name for each in parameters if each.kind is each.KEYWORD_ONLY] == keyword_only.split()


def test_a_whole_answer_has_a_limit() -> None:
    collected = Collected()
    collected.add("x" * ANSWER_MAX_BYTES)
    with pytest.raises(ProtocolError, match="more than the 100000000 characters"):
        collected.add("x")


def _compared(request: Recorded) -> set[tuple[str, str]]:
    return {(name, value) for name, value in request.headers if name not in NOT_COMPARED}


def _signed_headers(request: Recorded) -> str:
    return (request.header("authorization") or "").split(", ")[1]

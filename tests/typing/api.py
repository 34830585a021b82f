"""How programs use the runtime clients, with the types that they get. mypy reads it; nothing runs it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator
from typing import Any, assert_type

import boto3
import botocore.session

from agentcore_mcp import (
    AgentCoreRuntimeClient,
    AgentRuntimeError,
    AnswerText,
    AuthProblem,
    BearerAuth,
    BlockingRuntimeClient,
    CommandDecoder,
    CommandEvent,
    CommandRun,
    ContentDelta,
    ContentStart,
    ContentStop,
    InvalidRequestError,
    Invocation,
    LocalAgentCore,
    RecordedRequest,
    Retries,
    RuntimeArn,
    RuntimeClient,
    RuntimeWebSocket,
    ServiceError,
    SSEDecoder,
    StoppedSession,
    TokenFile,
)
from agentcore_mcp.runtime import (
    BlockingCommandRun,
    BlockingInvocation,
    CommandResult,
    SSEEvent,
    StoppedSessionResult,
    connect,
    iter_text,
    parse_sse_data,
)

ARN = "arn:aws:bedrock-agentcore:us-west-2:123456789012:runtime/my-runtime"


async def in_a_test_suite() -> None:
    with LocalAgentCore(agents={"orders": {"app": "orders:app"}}, auth="jwt", faults=["slow=9"]) as agentcore:
        assert_type(agentcore, LocalAgentCore)
        assert_type(agentcore.endpoint_url, str)
        assert_type(agentcore.agents, dict[str, str])
        assert_type(agentcore.token("alice"), str)
        assert_type(agentcore.credentials, dict[str, str])
        assert_type(agentcore.environ(), dict[str, str])
        assert_type(agentcore.requests(), list[RecordedRequest])
        assert_type(agentcore.requests()[0].status, int | None)
    async with LocalAgentCore(app="orders:app") as agentcore:
        assert_type(agentcore, LocalAgentCore)


def blocking() -> None:
    with AgentCoreRuntimeClient("us-west-2", botocore.session.Session()) as client:
        assert_type(client, AgentCoreRuntimeClient)
        assert_type(client.region, str | None)
        assert_type(client.invoke(ARN, "token", {"prompt": "Hello"}, session_id=None, timeout=300), str)
        assert_type(client.invoke_streaming(ARN, None, b"{}"), Generator[str, None, None])
        result = client.execute_command(ARN, "token", "uname -a", command_timeout=600)
        assert_type(result, CommandResult)
        assert_type(result["exitCode"], int)
        events = client.execute_command_streaming(ARN, "token", "uname -a")
        assert_type(events, Generator[dict[str, dict[str, Any]], None, None])
        assert_type(client.stop_runtime_session(ARN, "token", session_id="s"), StoppedSessionResult)
        assert_type(client.generate_ws_connection(ARN, "session", "DEFAULT"), tuple[str, dict[str, str]])
        assert_type(client.generate_ws_connection_oauth(ARN, "token", shell_id="shell"), tuple[str, dict[str, str]])
        assert_type(client.generate_presigned_url(ARN, custom_headers={"abc": "pqr"}, expires=60), str)


async def on_an_event_loop() -> None:
    async with AgentCoreRuntimeClient(session=boto3.session.Session(), endpoint_url="http://127.0.0.1:8080") as client:
        assert_type(client, AgentCoreRuntimeClient)
        assert_type(await client.invoke_async(ARN, None, {}), str)
        assert_type(client.invoke_streaming_async(ARN, None, {}), AsyncGenerator[str, None])
        assert_type(await client.execute_command_async(ARN, None, "ls"), CommandResult)
        assert_type(await client.stop_runtime_session_async(ARN, None, session_id="s"), StoppedSessionResult)
        async with client.connect_ws(ARN) as websocket:
            assert_type(websocket, RuntimeWebSocket)
        async with connect(*client.generate_ws_connection(ARN)) as websocket:
            await websocket.send_json({"inputText": "Hello!"})
            assert_type(await websocket.receive(), str | bytes)
            async for message in websocket:
                assert_type(message, str | bytes)


async def streaming() -> None:
    async with RuntimeClient(auth=BearerAuth(TokenFile("token")), retries=Retries(max_attempts=1)) as client:
        async with client.invoke(RuntimeArn.parse(ARN), b"{}", session_id="s", auth=BearerAuth("t")) as answer:
            assert_type(answer, Invocation)
            assert_type(answer.session_id, str)
            async for piece in answer:
                assert_type(piece, str)
        async with client.invoke_harness(ARN, "Hello", options={"maxTokens": 100}) as answer:
            assert_type(answer, Invocation)
        async with client.invoke(ARN, b"{}") as answer:
            async for pieces in answer.batches:
                assert_type(pieces, list[str])
        async with client.invoke(ARN, b"{}") as answer:
            async for sse in answer.events():
                assert_type(sse, SSEEvent)
        async with client.run_command(ARN, "ls", session_id="s") as run:
            assert_type(run, CommandRun)
            async for event in run:
                assert_type(event, CommandEvent)
                told(event)
        stopped = await client.stop_session(ARN, session_id="s", missing_ok=False)
        assert_type(stopped, StoppedSession)
        assert_type((stopped.session_id, stopped.already_gone, stopped.status), tuple[str, bool, int])


def streaming_without_an_event_loop() -> None:
    with BlockingRuntimeClient() as client:
        with client.invoke(ARN, b"{}") as answer:
            assert_type(answer, BlockingInvocation)
            for piece in answer:
                assert_type(piece, str)
        with client.invoke_harness(ARN, [{"role": "user", "content": [{"text": "Hello"}]}]) as answer:
            assert_type(answer, BlockingInvocation)
        with client.run_command(ARN, "ls") as run:
            assert_type(run, BlockingCommandRun)
            for event in run:
                assert_type(event, CommandEvent)
        assert_type(client.stop_session(ARN, session_id="s"), StoppedSession)


def told(event: CommandEvent) -> None:
    match event:
        case ContentStart():
            pass
        case ContentDelta(stdout, stderr):
            assert_type((stdout, stderr), tuple[str, str])
        case ContentStop(exit_code, status):
            assert_type((exit_code, status), tuple[int, str])


def text() -> None:
    assert_type(parse_sse_data(b"data: 1\n\n"), Any)
    for words in iter_text([b""]):
        assert_type(words, str)
    assert_type(AnswerText().feed("data"), str)
    assert_type(SSEDecoder().feed(b"data: 1\n\n"), list[SSEEvent])
    assert_type(CommandDecoder().feed(b""), list[CommandEvent])


def errors(error: AgentRuntimeError | InvalidRequestError) -> None:
    assert_type(error.message, str)
    assert_type(error.session_id, str | None)
    if isinstance(error, InvalidRequestError):
        _: ValueError = error
    else:
        assert_type((error.error, error.error_type), tuple[str, str])
        assert_type(error.status, int | None)
    if isinstance(error, ServiceError):
        assert_type((error.code, error.retry_after_s), tuple[str, float | None])
        assert_type(error.auth_problem, AuthProblem | None)

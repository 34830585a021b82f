"""What AgentCoreRuntimeClient hands over and raises, blocking and async alike, from a server that can be as wrong."""

from __future__ import annotations

import asyncio
import threading
from contextlib import aclosing
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from agentcore_mcp.errors import (
    AgentError,
    ConnectError,
    ProtocolError,
    ResponseTimeoutError,
    ServiceError,
    StreamInterruptedError,
)
from agentcore_mcp.runtime.bodies import ERROR_BODY_MAX_BYTES
from agentcore_mcp.runtime.sdk.client import AgentCoreRuntimeClient
from agentcore_mcp.wire.eventstream import (
    CommandEvent,
    ContentDelta,
    ContentStart,
    ContentStop,
    encode_command_event,
)
from agentcore_mcp.wire.eventstream.events import encode_exception
from tests.support import servers
from tests.support.clients import SESSION_ID
from tests.support.sdk import Async, Blocking, Manner, sdk_of
from tests.support.servers import LAST_CHUNK, Exchange, chunk, chunked, head, loopback_server
from tests.support.serving import serving
from tests.support.waiting import WAIT_S

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable

    from starlette.types import Receive, Scope, Send

SSE = "text/event-stream; charset=utf-8"
EVENT_STREAM = "application/vnd.amazon.eventstream"

# The server closes after each answer, and says so: a client that blocks would use the connection again.
reply = partial(servers.reply, connection="close")

pytestmark = pytest.mark.parametrize("manner", [Blocking, Async])


def sending(*parts: bytes) -> Callable[[Exchange], Awaitable[None]]:
    async def answer(exchange: Exchange) -> None:
        for part in parts:
            await exchange.send(part)

    return answer


def frames(*events: CommandEvent) -> bytes:
    return b"".join(map(encode_command_event, events))


async def all_of(pieces: AsyncGenerator[Any, None], into: list[Any]) -> None:
    async with aclosing(pieces):
        async for piece in pieces:
            into.append(piece)  # noqa: PERF401 - those before a failure count too


# Invocations.


@pytest.mark.parametrize(
    ("stream", "expected"),
    [
        (b'data: "Hello "\n\ndata: "world"\n\n', ["Hello ", "world"]),
        (
            b'data: {"data": "Hi"}\n\ndata: [1, 2]\n\ndata: null\n\ndata: NaN\n\n',
            ['{"data": "Hi"}', "[1, 2]", "null", "NaN"],
        ),
        ('data: "gr\u00f6\u00dfe\u2028\\n\\u00e9"\n\n'.encode(), ["gr\u00f6\u00dfe\u2028\n\u00e9"]),
        (b"data: plain words\n\ndata: [DONE]\n\n", ["plain words", "[DONE]"]),
        (b'data: "not JSON\n\ndata: "nor" this\n\n', ['"not JSON', '"nor" this']),
        (b': comment\n\nevent: message\nid: 7\ndata: {"a":\ndata: 1}\n\n', ['{"a":\n1}']),
        (b'data: ""\n\ndata: "x"\n\n', ["x"]),
        (b'data: "\\ud83d"\n\ndata: "\\ude00!"\n\n', ["\U0001f600!"]),
        (b'data: "\\ud83d"\n\ndata: "?"\n\ndata: "\\ud83d"\n\n', ["\ufffd?", "\ufffd"]),
        (b'data: "last without its blank line"', ["last without its blank line"]),
        (b"", []),
    ],
)
async def test_each_event_is_a_string_and_invoke_joins_them(
    manner: Callable[[AgentCoreRuntimeClient], Manner], stream: bytes, expected: list[str]
) -> None:
    async with sdk_of(manner, sending(reply(body=stream, content_type=SSE))) as (client, _):
        pieces: list[str] = []
        await all_of(client.invoke_streaming({}), pieces)
        whole = await client.invoke({})

    assert pieces == expected
    assert whole == "".join(expected)


@pytest.mark.parametrize(
    ("body", "content_type", "expected"),
    [
        (b'"just words"', "application/json", "just words"),
        (b'\n "in \\"quotes\\"" \n', "application/json; charset=utf-8", 'in "quotes"'),
        (b'{"result": "x"}', "application/json", '{"result": "x"}'),
        (b"plain\nwords", "text/plain", "plain\nwords"),
        (b"", "application/json", ""),
    ],
)
async def test_an_answer_that_is_no_stream_is_one_string(
    manner: Callable[[AgentCoreRuntimeClient], Manner], body: bytes, content_type: str, expected: str
) -> None:
    async with sdk_of(manner, sending(reply(body=body, content_type=content_type))) as (client, _):
        pieces: list[str] = []
        await all_of(client.invoke_streaming({}), pieces)

        assert pieces == ([expected] if expected else [])
        assert await client.invoke({}) == expected


async def test_an_event_is_delivered_while_the_agent_still_works(
    manner: Callable[[AgentCoreRuntimeClient], Manner],
) -> None:
    seen = asyncio.Event()

    async def answer(exchange: Exchange) -> None:
        await exchange.send(chunked(SSE) + chunk(b"data: 1\n\n"))
        await seen.wait()
        await exchange.send(chunk(b"data: 2\n\n") + LAST_CHUNK)

    pieces: list[str] = []
    async with (
        asyncio.timeout(WAIT_S),
        sdk_of(manner, answer) as (client, _),
        aclosing(client.invoke_streaming({})) as stream,
    ):
        async for piece in stream:
            pieces.append(piece)
            seen.set()

    assert pieces == ["1", "2"]


async def test_an_agents_failure_is_raised_after_what_it_said(
    manner: Callable[[AgentCoreRuntimeClient], Manner],
) -> None:
    failure = b'{"error": "no such city", "error_type": "ValueError", "message": "An error occurred during streaming"}'
    stream = b'data: "one"\n\ndata: {"error": "an event of its own"}\n\ndata: ' + failure + b'\n\ndata: "two"\n\n'
    answer = reply(body=stream, content_type=SSE, x_amzn_RequestId="11112222")

    pieces: list[str] = []
    async with sdk_of(manner, sending(answer)) as (client, _):
        with pytest.raises(AgentError) as caught:
            await all_of(client.invoke_streaming({}, session_id=SESSION_ID), pieces)
        with pytest.raises(AgentError, match="ValueError: no such city"):
            await client.invoke({})

    assert pieces == ["one", '{"error": "an event of its own"}']
    assert (caught.value.error, caught.value.error_type) == ("no such city", "ValueError")
    assert (caught.value.session_id, caught.value.request_id) == (SESSION_ID, "11112222")


async def test_a_refusal_says_what_and_why(manner: Callable[[AgentCoreRuntimeClient], Manner]) -> None:
    answer = reply(
        "403 Forbidden",
        b'{"message": "Authorization method mismatch."}',
        content_type="application/json",
        x_amzn_ErrorType="AccessDeniedException:http://internal/",
        x_amzn_RequestId="11112222",
    )
    async with sdk_of(manner, sending(answer)) as (client, server):
        for call in (client.invoke({}), client.execute_command(), client.stop_runtime_session(session_id=SESSION_ID)):
            with pytest.raises(ServiceError) as caught:
                await call

    error = caught.value
    assert (error.error, error.error_type) == ("Authorization method mismatch.", "AccessDeniedException")
    assert (error.status, error.request_id, error.session_id) == (403, "11112222", SESSION_ID)
    assert len(server.requests) == 3


async def test_a_redirect_is_told_and_nothing_is_sent_there(
    manner: Callable[[AgentCoreRuntimeClient], Manner],
) -> None:
    async with loopback_server(sending(reply())) as elsewhere:
        answer = reply("307 Temporary Redirect", location=elsewhere.endpoint_url + "/login?token=s3cret")
        async with sdk_of(manner, sending(answer)) as (client, server):
            with pytest.raises(ServiceError, match=f"redirects to '{elsewhere.endpoint_url}/login'") as caught:
                await client.invoke({})

    assert "s3cret" not in str(caught.value)
    assert (len(server.requests), len(elsewhere.requests)) == (1, 0)


async def test_a_refusal_whose_words_do_not_come_is_raised_without_them(
    manner: Callable[[AgentCoreRuntimeClient], Manner],
) -> None:
    async def answer(exchange: Exchange) -> None:
        await exchange.send(head("500 Internal Server Error", content_type="text/html", content_length="1000"))
        await exchange.send(b"<html>")
        await exchange.peer_closed()

    async with asyncio.timeout(WAIT_S), sdk_of(manner, answer) as (client, _):
        with pytest.raises(ServiceError, match="<html>") as caught:
            await client.invoke({}, timeout=0.5)

    assert caught.value.status == 500


async def test_an_endless_refusal_is_read_up_to_a_limit(manner: Callable[[AgentCoreRuntimeClient], Manner]) -> None:
    async def answer(exchange: Exchange) -> None:
        await exchange.send(head("502 Bad Gateway", content_type="text/html"))
        while not exchange.writer.is_closing():
            await exchange.send(b"x" * ERROR_BODY_MAX_BYTES)

    async with asyncio.timeout(WAIT_S), sdk_of(manner, answer) as (client, _):
        with pytest.raises(ServiceError, match="HTTP 502"):
            await client.invoke({})


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (chunked(SSE) + chunk(b'data: "one"\n\ndata: "tw'), ["one"]),
        (head(content_type="text/plain", content_length="100") + b"as far as it came", ["as far as it came"]),
    ],
)
async def test_an_answer_that_breaks_off_is_interrupted_after_what_came(
    manner: Callable[[AgentCoreRuntimeClient], Manner], answer: bytes, expected: list[str]
) -> None:
    pieces: list[str] = []
    async with sdk_of(manner, sending(answer)) as (client, server):
        with pytest.raises(StreamInterruptedError) as caught:
            await all_of(client.invoke_streaming({}, session_id=SESSION_ID), pieces)

    assert pieces == expected
    assert caught.value.session_id == SESSION_ID
    assert len(server.requests) == 1


async def test_silence_ends_at_the_callers_timeout(manner: Callable[[AgentCoreRuntimeClient], Manner]) -> None:
    async def answer(exchange: Exchange) -> None:
        if "/invocations" in exchange.request.target:
            await exchange.send(chunked(SSE) + chunk(b"data: 1\n\n"))
        await exchange.peer_closed()

    pieces: list[str] = []
    async with asyncio.timeout(WAIT_S), sdk_of(manner, answer) as (client, _):
        with pytest.raises(ResponseTimeoutError, match=r"fell silent for 0\.2 s"):
            await all_of(client.invoke_streaming({}, timeout=0.2), pieces)
        with pytest.raises(ResponseTimeoutError, match=r"no answer from .* within 0\.2 s"):
            await client.stop_runtime_session(session_id=SESSION_ID, timeout=0.2)

    assert pieces == ["1"]


async def test_a_stream_without_an_end_of_its_line_is_given_up(
    manner: Callable[[AgentCoreRuntimeClient], Manner],
) -> None:
    async def answer(exchange: Exchange) -> None:
        await exchange.send(head(content_type=SSE) + b"data: ")
        while not exchange.writer.is_closing():
            await exchange.send(b"x" * 1_000_000)

    async with asyncio.timeout(WAIT_S), sdk_of(manner, answer) as (client, _):
        with pytest.raises(ProtocolError, match="an event of at least"):
            await client.invoke({})


async def test_closing_the_stream_closes_the_connection(manner: Callable[[AgentCoreRuntimeClient], Manner]) -> None:
    closed = asyncio.Event()

    async def answer(exchange: Exchange) -> None:
        await exchange.send(chunked(SSE) + chunk(b"data: 1\n\n"))
        await exchange.peer_closed()
        closed.set()

    async with asyncio.timeout(WAIT_S), sdk_of(manner, answer) as (client, _):
        stream = client.invoke_streaming({})
        assert await anext(stream) == "1"
        await stream.aclose()
        await closed.wait()


@pytest.mark.parametrize("method", ["invoke_streaming", "execute_command_streaming"])
async def test_leaving_the_loop_closes_the_connection_too(
    manner: Callable[[AgentCoreRuntimeClient], Manner], method: str
) -> None:
    """Without closing the generator: it goes when nobody has it any more."""
    closed = asyncio.Event()

    async def answer(exchange: Exchange) -> None:
        if method == "invoke_streaming":
            await exchange.send(chunked(SSE) + chunk(b"data: 1\n\n"))
        else:
            await exchange.send(chunked(EVENT_STREAM) + chunk(frames(ContentStart())))
        await exchange.peer_closed()
        closed.set()

    async with asyncio.timeout(WAIT_S), sdk_of(manner, answer) as (client, _):
        async for _ in getattr(client, method)():
            break
        await closed.wait()


async def test_an_iteration_that_never_begins_sends_nothing(manner: Callable[[AgentCoreRuntimeClient], Manner]) -> None:
    async with sdk_of(manner, sending(reply())) as (client, server):
        await client.invoke_streaming({}).aclose()
        await client.execute_command_streaming().aclose()

    assert server.requests == []


async def test_nobody_listening_means_nothing_was_sent(manner: Callable[[AgentCoreRuntimeClient], Manner]) -> None:
    async with loopback_server(sending(reply())) as server:
        endpoint_url = server.endpoint_url
    with (
        AgentCoreRuntimeClient(endpoint_url=endpoint_url) as client,
        pytest.raises(ConnectError, match="nothing was sent"),
    ):
        await manner(client).invoke({})


# Commands.


async def test_a_command_gives_what_it_wrote_and_its_exit_code(
    manner: Callable[[AgentCoreRuntimeClient], Manner],
) -> None:
    stream = frames(
        ContentStart(),
        ContentDelta(stdout="one\n"),
        ContentDelta(stderr="gr\u00f6\u00dfe"),
        ContentDelta(stdout="two", stderr="!"),
        ContentStop(3, "COMPLETED"),
    )
    events: list[Any] = []
    async with sdk_of(manner, sending(reply(body=stream, content_type=EVENT_STREAM))) as (client, _):
        result = await client.execute_command("cat")
        await all_of(client.execute_command_streaming("cat"), events)

    assert result == {"stdout": "one\ntwo", "stderr": "gr\u00f6\u00dfe!", "exitCode": 3, "status": "COMPLETED"}
    assert events == [
        {"contentStart": {}},
        {"contentDelta": {"stdout": "one\n"}},
        {"contentDelta": {"stderr": "gr\u00f6\u00dfe"}},
        {"contentDelta": {"stdout": "two", "stderr": "!"}},
        {"contentStop": {"exitCode": 3, "status": "COMPLETED"}},
    ]


async def test_a_command_that_ran_out_of_time_is_a_result(manner: Callable[[AgentCoreRuntimeClient], Manner]) -> None:
    stream = frames(ContentDelta(stdout="so far"), ContentStop(124, "TIMED_OUT"))
    async with sdk_of(manner, sending(reply(body=stream, content_type=EVENT_STREAM))) as (client, _):
        result = await client.execute_command("sleep 9")

    assert result == {"stdout": "so far", "stderr": "", "exitCode": 124, "status": "TIMED_OUT"}


@pytest.mark.parametrize(
    "stream",
    [b"", frames(ContentStart(), ContentDelta(stdout="one")), frames(ContentStart()) + frames(ContentStop(0, ""))[:9]],
)
async def test_an_exit_code_is_never_made_up(manner: Callable[[AgentCoreRuntimeClient], Manner], stream: bytes) -> None:
    async with sdk_of(manner, sending(reply(body=stream, content_type=EVENT_STREAM))) as (client, _):
        with pytest.raises(StreamInterruptedError, match="may still be running") as caught:
            await client.execute_command(session_id=SESSION_ID)

    assert caught.value.session_id == SESSION_ID


async def test_an_error_in_a_commands_stream_is_raised_after_its_events(
    manner: Callable[[AgentCoreRuntimeClient], Manner],
) -> None:
    stream = frames(ContentStart()) + encode_exception("ThrottlingException", "slow down")
    events: list[Any] = []
    async with sdk_of(manner, sending(reply(body=stream, content_type=EVENT_STREAM))) as (client, _):
        with pytest.raises(ServiceError, match="ThrottlingException: slow down"):
            await all_of(client.execute_command_streaming(), events)

    assert events == [{"contentStart": {}}]


async def test_a_command_that_is_answered_with_something_else_is_an_error(
    manner: Callable[[AgentCoreRuntimeClient], Manner],
) -> None:
    async with sdk_of(manner, sending(reply(body=b"<html>login</html>", content_type="text/html"))) as (client, _):
        with pytest.raises(ProtocolError, match=r"the answer to a command is 'text/html'.*login"):
            await client.execute_command()


# Stops.


async def test_a_stop_has_boto3s_names(manner: Callable[[AgentCoreRuntimeClient], Manner]) -> None:
    async with sdk_of(manner, sending(reply(body=b"{}", content_type="application/json"))) as (client, _):
        result = await client.stop_runtime_session(session_id=SESSION_ID)

    assert result == {"runtimeSessionId": SESSION_ID, "statusCode": 200}


async def test_a_session_that_is_gone_is_an_error(manner: Callable[[AgentCoreRuntimeClient], Manner]) -> None:
    """As with boto3. RuntimeClient takes it for what was wanted."""
    answer = reply("404 Not Found", b'{"message": "no such session"}', x_amzn_ErrorType="ResourceNotFoundException")
    async with sdk_of(manner, sending(answer)) as (client, _):
        with pytest.raises(ServiceError, match="no such session") as caught:
            await client.stop_runtime_session(session_id=SESSION_ID)

    assert caught.value.status == 404


# What is left over.


async def test_many_calls_at_once_get_their_own_answers(manner: Callable[[AgentCoreRuntimeClient], Manner]) -> None:
    """One client, shared between threads or tasks, over connections that are used again."""

    async def echo(scope: Scope, receive: Receive, send: Send) -> None:
        body = (await receive())["body"]
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/event-stream")]})
        await send({"type": "http.response.body", "body": b"data: " + body, "more_body": True})
        await send({"type": "http.response.body", "body": b"\n\ndata: " + body + b"\n\n"})

    with serving(echo) as port:
        async with AgentCoreRuntimeClient(endpoint_url=f"http://127.0.0.1:{port}") as client:
            calls = [manner(client).invoke(f"call {n}.", content_type="text/plain") for n in range(100)]
            answers = await asyncio.gather(*calls)

    assert answers == [f"call {n}." * 2 for n in range(100)]


async def test_no_thread_is_started(manner: Callable[[AgentCoreRuntimeClient], Manner]) -> None:
    """Besides the one that this test runs the blocking methods in."""
    during: list[int] = []

    async def answer(exchange: Exchange) -> None:
        during.append(threading.active_count())
        await exchange.send(reply(body=b'data: "x"\n\n', content_type=SSE))

    await asyncio.to_thread(threading.active_count)
    before = threading.active_count()
    async with sdk_of(manner, answer) as (client, _):
        await client.invoke({})

    assert during == [before]

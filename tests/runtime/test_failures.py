"""What comes back, over a real socket from a server that can be as wrong as it likes."""

from __future__ import annotations

import asyncio
import gzip
from typing import TYPE_CHECKING

import anyio
import httpx2
import pytest

from agentcore_mcp.errors import (
    AgentCoreError,
    AgentError,
    AgentRuntimeError,
    ProtocolError,
    ResponseTimeoutError,
    ServiceError,
    StreamInterruptedError,
    TransportError,
)
from agentcore_mcp.runtime import BearerAuth, NoAuth
from agentcore_mcp.runtime.bodies import ERROR_BODY_MAX_BYTES
from agentcore_mcp.runtime.client import RuntimeClient
from agentcore_mcp.runtime.replies import StoppedSession
from agentcore_mcp.wire.eventstream import (
    CommandEvent,
    ContentDelta,
    ContentStart,
    ContentStop,
    encode_command_event,
)
from agentcore_mcp.wire.eventstream.events import encode_exception
from agentcore_mcp.wire.pieces import ANSWER_MAX_BYTES
from agentcore_mcp.wire.refusals import FOREIGN
from tests.support.clients import ARN, SESSION_ID, client_of
from tests.support.servers import LAST_CHUNK, Exchange, chunk, chunked, head, loopback_server, reply
from tests.support.waiting import WAIT_S

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

SSE = "text/event-stream; charset=utf-8"
EVENT_STREAM = "application/vnd.amazon.eventstream"
OTHER_SESSION_ID = "the-service-has-chosen-another-one"


def sending(*parts: bytes) -> Callable[[Exchange], Awaitable[None]]:
    async def answer(exchange: Exchange) -> None:
        for part in parts:
            await exchange.send(part)

    return answer


async def invoke(client: RuntimeClient, pieces: list[str], *, read_timeout_s: float | None = None) -> None:
    async with client.invoke(ARN, b"{}", session_id=SESSION_ID, read_timeout_s=read_timeout_s) as answer:
        async for piece in answer:
            pieces.append(piece)  # noqa: PERF401 - those before a failure count too


async def run(client: RuntimeClient, events: list[CommandEvent]) -> None:
    async with client.run_command(ARN, "true", session_id=SESSION_ID) as command:
        async for event in command:
            events.append(event)  # noqa: PERF401 - those before a failure count too


# Invocations that succeed.


async def test_events_are_delivered_with_the_head_of_the_answer() -> None:
    headers = {
        "X-Amzn-Bedrock-AgentCore-Runtime-Session-Id": OTHER_SESSION_ID,
        "x-amzn-RequestId": "11112222",
        "Connection": "close",
    }
    stream = b'data: "one"\n\n: a comment\n\ndata: {"two":\ndata: 2}\n\n'

    async with (
        client_of(sending(head(content_type=SSE, **headers), stream)) as (client, _),
        client.invoke(ARN, b"{}", session_id=SESSION_ID) as answer,
    ):
        pieces = [piece async for piece in answer]

    assert pieces == ['"one"', '{"two":\n2}']
    assert (answer.session_id, answer.content_type, answer.status) == (OTHER_SESSION_ID, SSE, 200)
    assert answer.request_id == "11112222"


async def test_an_event_is_delivered_while_the_agent_still_works() -> None:
    """The server sends the second event only after the client has seen the first."""
    seen = asyncio.Event()

    async def answer(exchange: Exchange) -> None:
        await exchange.send(chunked(SSE) + chunk(b"data: 1\n\n"))
        await seen.wait()
        await exchange.send(chunk(b"data: 2\n\n") + LAST_CHUNK)

    pieces = []
    async with (
        asyncio.timeout(WAIT_S),
        client_of(answer) as (client, _),
        client.invoke(ARN, b"{}", session_id=SESSION_ID) as events,
    ):
        async for piece in events:
            pieces.append(piece)
            seen.set()

    assert pieces == ["1", "2"]


async def test_a_last_event_without_its_blank_line_is_delivered() -> None:
    pieces: list[str] = []
    async with client_of(sending(reply(body=b"data: 1\n\ndata: 2", content_type=SSE))) as (client, _):
        await invoke(client, pieces)

    assert pieces == ["1", "2"]


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (reply(body='{"a":"größer"}'.encode(), content_type="application/json"), ['{"a":"größer"}']),
        (reply(body=b'"a string"', content_type="application/json; charset=utf-8"), ['"a string"']),
        (reply(body=b"plain\nwords", content_type="text/plain"), ["plain\nwords"]),
        (reply(body=b"data: not an event\n\n", content_type="text/event-streams"), ["data: not an event\n\n"]),
        (reply(body=b"no type"), ["no type"]),
        (reply(body=b"\xff\xfe", content_type="image/png"), ["(the agent answered with image/png, 2 bytes)"]),
        (reply(content_type="application/json"), []),
        (reply("204 No Content"), []),
        (head(content_type="text/plain") + b"up to the end", ["up to the end"]),
        (chunked("application/json") + chunk(b'{"a":') + chunk(b"1}") + LAST_CHUNK, ['{"a":1}']),
    ],
)
async def test_any_other_answer_is_one_piece_of_text(answer: bytes, expected: list[str]) -> None:
    pieces: list[str] = []
    async with client_of(sending(answer)) as (client, _):
        await invoke(client, pieces)

    assert pieces == expected


async def test_a_compressed_answer_is_read_though_none_was_asked_for() -> None:
    body = gzip.compress(b"data: 1\n\ndata: 2\n\n")
    answer = reply(body=body, content_type=SSE, content_encoding="gzip")
    pieces: list[str] = []

    async with client_of(sending(answer)) as (client, server):
        await invoke(client, pieces)

    assert pieces == ["1", "2"]
    assert server.requests[0].header("accept-encoding") == "identity"


# Invocations that break.


@pytest.mark.parametrize("operation", ["invoke", "run", "stop"])
async def test_a_sign_in_page_is_not_an_agents_answer(operation: str) -> None:
    page = reply(body=b"<html><title>Sign in</title></html>", content_type="text/html")
    async with client_of(sending(page)) as (client, _):
        with pytest.raises(ProtocolError, match=r"the answer.* is 'text/html'.*<title>Sign in") as caught:
            match operation:
                case "invoke":
                    await invoke(client, [])
                case "run":
                    await run(client, [])
                case "stop":
                    await client.stop_session(ARN, session_id=SESSION_ID)

    assert str(caught.value).endswith(f"({FOREIGN})")
    assert caught.value.session_id == SESSION_ID


async def test_the_runtimes_own_account_of_its_error_is_kept() -> None:
    body = b'{"error":"bad","error_type":"Validation","message":"details"}'
    async with client_of(sending(reply("400 Bad Request", body, content_type="application/json"))) as (client, _):
        with pytest.raises(AgentRuntimeError) as caught:
            await invoke(client, [])

    assert (caught.value.error, caught.value.error_type, caught.value.status) == ("bad", "Validation", 400)
    assert str(caught.value) == "Validation: bad (details)"


async def test_an_error_event_is_the_agents_error() -> None:
    failure = b'{"error": "no such tool", "error_type": "KeyError", "message": "An error occurred during streaming"}'
    stream = b"data: 1\n\ndata: " + failure + b"\n\ndata: 2\n\n"
    answer = reply(body=stream, content_type=SSE, x_amzn_requestid="11112222")
    pieces: list[str] = []

    async with client_of(sending(answer)) as (client, _):
        with pytest.raises(AgentError, match="KeyError: no such tool") as caught:
            await invoke(client, pieces)

    assert pieces == ["1"]
    assert (caught.value.error, caught.value.error_type) == ("no such tool", "KeyError")
    assert (caught.value.session_id, caught.value.request_id) == (SESSION_ID, "11112222")
    assert caught.value.status is None


async def test_an_event_that_merely_speaks_of_an_error_is_an_event() -> None:
    event = '{"error": "x", "error_type": "y", "message": "An error occurred during streaming", "more": 1}'
    pieces: list[str] = []
    async with client_of(sending(reply(body=f"data: {event}\n\n".encode(), content_type=SSE))) as (client, _):
        await invoke(client, pieces)

    assert pieces == [event]


CUTS = {
    "inside an event": (chunked(SSE) + chunk(b"data: 1\n\ndata: 2"), ["1"]),
    "between events": (chunked(SSE) + chunk(b"data: 1\n\n"), ["1"]),
    "inside a chunk": (chunked(SSE) + chunk(b"data: 1\n\ndata: 2\n\n")[:-6], ["1"]),
    "before the first byte": (chunked(SSE), []),
    "short of its length": (head(content_type="application/json", content_length="9") + b'{"a":1', ['{"a":1']),
    "not a chunk": (chunked("text/plain") + chunk(b"words") + b"nonsense\r\n", ["words"]),
}


@pytest.mark.parametrize("cut", CUTS)
async def test_a_cut_answer_is_an_error_after_what_came_before(cut: str) -> None:
    answer, expected = CUTS[cut]
    pieces: list[str] = []

    async with client_of(sending(answer)) as (client, server):
        with pytest.raises(StreamInterruptedError) as caught:
            await invoke(client, pieces)

    assert pieces == expected
    assert f"the answer from {server.endpoint_url.removeprefix('http://')} broke off" in str(caught.value)
    assert caught.value.session_id == SESSION_ID


@pytest.mark.parametrize("answer", [b"", b"SSH-2.0-OpenSSH_9.6\r\n", b"HTTP/1.1 200 OK\r\nContent-"])
async def test_no_answer_leaves_open_whether_the_request_was_carried_out(answer: bytes) -> None:
    async with client_of(sending(answer)) as (client, _):
        with pytest.raises(TransportError, match="it is unknown whether the request was carried out") as caught:
            await invoke(client, [])

    assert type(caught.value) is TransportError
    assert caught.value.session_id == SESSION_ID


async def test_a_silent_agent_is_a_timeout_that_names_the_seconds() -> None:
    async def answer(exchange: Exchange) -> None:
        await exchange.peer_closed()

    async with client_of(answer) as (client, _):
        with pytest.raises(ResponseTimeoutError, match=r"no answer from 127.0.0.1:\d+ within 0.05 s; the work may"):
            await invoke(client, [], read_timeout_s=0.05)


@pytest.mark.parametrize(
    ("beginning", "expected"),
    [(chunked(SSE) + chunk(b"data: 1\n\n"), "1"), (head(content_type="text/plain", content_length="9") + b"w", "w")],
    ids=["events", "text"],
)
async def test_an_agent_that_falls_silent_is_a_timeout_after_what_came_before(beginning: bytes, expected: str) -> None:
    async def answer(exchange: Exchange) -> None:
        await exchange.send(beginning)
        await exchange.peer_closed()

    pieces: list[str] = []
    async with client_of(answer) as (client, _):
        with pytest.raises(ResponseTimeoutError, match=r"127.0.0.1:\d+ fell silent for 0.05 s; the work may still"):
            await invoke(client, pieces, read_timeout_s=0.05)

    assert pieces == [expected]


async def test_an_answer_in_a_broken_encoding_is_a_protocol_error() -> None:
    answer = reply(body=b"not compressed at all", content_type="text/plain", content_encoding="gzip")
    async with client_of(sending(answer)) as (client, _):
        with pytest.raises(ProtocolError, match="not the gzip that it claims to be"):
            await invoke(client, [])


async def test_an_answer_over_the_limit_is_refused_while_it_is_read() -> None:
    class Endless(httpx2.AsyncByteStream):
        async def __aiter__(self) -> AsyncIterator[bytes]:
            while True:
                yield b" " * 1_000_000

    transport = httpx2.MockTransport(lambda request: httpx2.Response(200, stream=Endless()))
    async with RuntimeClient(auth=BearerAuth("t"), transport=transport) as client:
        with pytest.raises(ProtocolError, match=f"more than the {ANSWER_MAX_BYTES} bytes that are allowed"):
            await invoke(client, [])


async def test_an_event_over_the_limit_of_the_decoder_keeps_the_calls_ids() -> None:
    class Endless(httpx2.AsyncByteStream):
        async def __aiter__(self) -> AsyncIterator[bytes]:
            yield b"data: 1\n\n"
            while True:
                yield b"data: " + b" " * 1_000_000

    def answer(request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, headers={"content-type": SSE}, stream=Endless())

    pieces: list[str] = []
    async with RuntimeClient(auth=BearerAuth("t"), transport=httpx2.MockTransport(answer)) as client:
        with pytest.raises(ProtocolError) as caught:
            await invoke(client, pieces)

    assert pieces == ["1"]
    assert caught.value.session_id == SESSION_ID


# Refusals.


async def test_a_refusal_is_a_service_error_with_all_its_ids() -> None:
    answer = reply(
        "429 Too Many Requests",
        b'{"message":"Rate exceeded"}',
        x_amzn_errortype="ThrottlingException:http://internal.amazon.com/coral/",
        x_amzn_requestid="11112222",
        retry_after="7",
        content_type="application/json",
    )
    async with client_of(sending(answer)) as (client, server):
        with pytest.raises(ServiceError, match="ThrottlingException: Rate exceeded") as caught:
            await invoke(client, [])

    error = caught.value
    assert error.retry_after_s == 7
    assert (error.status, error.session_id, error.request_id) == (429, SESSION_ID, "11112222")
    assert len(server.requests) == 1, "sent once, whatever comes back"


async def test_a_failing_agent_is_an_agent_error() -> None:
    body = b'{"message":"Received error (500) from runtime. Please check your CloudWatch logs."}'
    async with client_of(sending(reply("424 Failed Dependency", body))) as (client, _):
        with pytest.raises(AgentError, match=r"HTTP 424: Received error \(500\) from runtime"):
            await run(client, [])


REFUSALS = {
    "html": (reply("502 Bad Gateway", b"<html><h1>Bad Gateway</h1></html>"), "HTTP 502: <html><h1>Bad Gateway"),
    "empty": (reply("503 Service Unavailable"), "HTTP 503: Service Unavailable"),
    "endless": (head("503 Slow Down", content_type="text/html") + b"x" * (ERROR_BODY_MAX_BYTES * 8), "HTTP 503: xxxx"),
    "cut": (head("500 Internal", content_length="99") + b"half a mess", "HTTP 500: half a mess"),
    "odd header": (reply("429 Slow Down", x_amzn_errortype="Thröttling"), "Thröttling: Slow Down"),
    "broken gzip": (reply("500 Internal", b"no gzip", content_encoding="gzip"), "HTTP 500: Internal"),
}


@pytest.mark.parametrize("refusal", REFUSALS)
async def test_whatever_body_a_refusal_has_its_status_is_told(refusal: str) -> None:
    answer, expected = REFUSALS[refusal]
    async with client_of(sending(answer)) as (client, _):
        with pytest.raises(ServiceError, match=expected):
            await invoke(client, [])


async def test_a_refusal_whose_body_stalls_is_told_all_the_same() -> None:
    async def answer(exchange: Exchange) -> None:
        await exchange.send(head("503 Slow Down", content_length="99") + b"half a mess")
        await exchange.peer_closed()

    async with client_of(answer) as (client, _):
        with pytest.raises(ServiceError, match="HTTP 503: half a mess"):
            await invoke(client, [])


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent"])
async def test_a_redirect_is_told_and_nothing_is_sent_there(status: str) -> None:
    async with loopback_server(sending(reply())) as elsewhere:
        location = elsewhere.endpoint_url.replace("//", "//user:s3cret@") + "/login?token=s3cret"
        answer = reply(status, location=location)
        async with client_of(sending(answer), auth=BearerAuth("token")) as (client, server):
            with pytest.raises(ServiceError, match=f"{elsewhere.endpoint_url}/login") as caught:
                await invoke(client, [])

    assert "s3cret" not in str(caught.value)
    assert caught.value.status == int(status[:3])
    assert (len(server.requests), len(elsewhere.requests)) == (1, 0)


@pytest.mark.parametrize(
    ("location", "expected"),
    [
        ("https://host:port", ServiceError),
        ("//[::", ServiceError),
        # httpx2 fails over these itself.
        (":http://[[x]", ProtocolError),
        ("https://_.xn--/", ProtocolError),
    ],
)
async def test_a_redirect_to_nowhere_is_told_too(location: str, expected: type[AgentCoreError]) -> None:
    async with client_of(sending(reply("302 Found", location=location))) as (client, _):
        with pytest.raises(expected, match=r"redirects to .*unreadable address.*, which is not followed"):
            await invoke(client, [])


# Commands.


def frames(*events: CommandEvent) -> bytes:
    return b"".join(map(encode_command_event, events))


async def test_command_events_are_delivered_while_the_command_runs() -> None:
    seen = asyncio.Event()

    async def answer(exchange: Exchange) -> None:
        await exchange.send(chunked(EVENT_STREAM) + chunk(frames(ContentStart(), ContentDelta(stdout="one\n"))))
        await seen.wait()
        await exchange.send(chunk(frames(ContentDelta(stderr="two\n"), ContentStop(3, "COMPLETED"))) + LAST_CHUNK)

    events: list[CommandEvent] = []
    async with (
        asyncio.timeout(WAIT_S),
        client_of(answer) as (client, _),
        client.run_command(ARN, "true", session_id=SESSION_ID) as command,
    ):
        async for event in command:
            events.append(event)
            seen.set()

    assert events == [
        ContentStart(),
        ContentDelta(stdout="one\n"),
        ContentDelta(stderr="two\n"),
        ContentStop(3, "COMPLETED"),
    ]
    assert (command.session_id, command.status) == (SESSION_ID, 200)


@pytest.mark.parametrize(
    "end",
    [LAST_CHUNK, b"", chunk(frames(ContentStop(0, "COMPLETED"))[:-3]) + LAST_CHUNK],
    ids=["ended", "cut", "half a frame"],
)
async def test_a_command_without_its_exit_code_is_interrupted(end: bytes) -> None:
    events: list[CommandEvent] = []
    answer = sending(chunked(EVENT_STREAM) + chunk(frames(ContentDelta(stdout="one\n"))) + end)
    async with client_of(answer) as (client, _):
        with pytest.raises(StreamInterruptedError) as caught:
            await run(client, events)

    assert events == [ContentDelta(stdout="one\n")]
    assert caught.value.session_id == SESSION_ID


async def test_an_exception_frame_is_raised_with_the_ids_of_the_call() -> None:
    body = frames(ContentStart()) + encode_exception("ThrottlingException", "slow down")
    events: list[CommandEvent] = []
    answer = reply(body=body, content_type=EVENT_STREAM, x_amzn_requestid="11112222")
    async with client_of(sending(answer)) as (client, _):
        with pytest.raises(ServiceError, match="ThrottlingException: slow down") as caught:
            await run(client, events)

    assert events == [ContentStart()]
    assert (caught.value.session_id, caught.value.request_id) == (SESSION_ID, "11112222")


async def test_a_damaged_frame_is_a_protocol_error_after_what_came_before() -> None:
    body = bytearray(frames(ContentStart(), ContentStop(0, "COMPLETED")))
    body[-1] ^= 1
    events: list[CommandEvent] = []
    async with client_of(sending(reply(body=bytes(body), content_type=EVENT_STREAM))) as (client, _):
        with pytest.raises(ProtocolError) as caught:
            await run(client, events)

    assert events == [ContentStart()]
    assert caught.value.session_id == SESSION_ID


@pytest.mark.parametrize(
    ("content_type", "body"), [("application/json", b'{"ok": true}'), ("text/html", b"<h1>Sign in</h1>")]
)
async def test_a_command_answered_with_anything_else_is_a_protocol_error(content_type: str, body: bytes) -> None:
    async with client_of(sending(reply(body=body, content_type=content_type))) as (client, _):
        with pytest.raises(ProtocolError) as caught:
            await run(client, [])

    told = f"the answer to a command is {content_type!r}, not {EVENT_STREAM!r}: {body.decode()!r}"
    assert str(caught.value) == (f"{told} ({FOREIGN})" if content_type == "text/html" else told)
    assert caught.value.session_id == SESSION_ID


# Stopping.


async def test_a_stopped_session_is_named() -> None:
    async with client_of(sending(reply(body=b"{}", content_type="application/json"))) as (client, _):
        assert await client.stop_session(ARN, session_id=SESSION_ID) == StoppedSession(
            SESSION_ID, already_gone=False, status=200
        )


async def test_stopping_a_session_that_is_gone_is_a_success() -> None:
    answer = reply("404 Not Found", b'{"message":"no session"}', x_amzn_errortype="ResourceNotFoundException")
    async with client_of(sending(answer)) as (client, _):
        assert await client.stop_session(ARN, session_id=SESSION_ID) == StoppedSession(
            SESSION_ID, already_gone=True, status=404
        )


@pytest.mark.parametrize(
    "answer",
    [
        reply("404 Not Found", b"<h1>nginx</h1>", content_type="text/html"),
        reply("400 Bad Request", b'{"message":"what?"}', x_amzn_errortype="ResourceNotFoundException"),
        reply("409 Conflict", b'{"message":"busy"}', x_amzn_errortype="ConflictException"),
        reply("403 Forbidden", b'{"message":"no"}', x_amzn_errortype="AccessDeniedException"),
    ],
    ids=["a web server", "another status", "conflict", "denied"],
)
async def test_any_other_refusal_of_a_stop_is_an_error(answer: bytes) -> None:
    async with client_of(sending(answer)) as (client, _):
        with pytest.raises(ServiceError):
            await client.stop_session(ARN, session_id=SESSION_ID)


# Closing.


@pytest.mark.parametrize("began", [True, False], ids=["after an event", "before any event"])
async def test_leaving_the_block_closes_the_connection(began: bool) -> None:
    closed = asyncio.Event()

    async def answer(exchange: Exchange) -> None:
        await exchange.send(chunked(SSE) + chunk(b"data: 1\n\n"))
        await exchange.peer_closed()
        closed.set()

    async with client_of(answer) as (client, _), asyncio.timeout(WAIT_S):
        async with client.invoke(ARN, b"{}", session_id=SESSION_ID) as events:
            if began:
                assert await anext(aiter(events)) == "1"
        await closed.wait()


@pytest.mark.parametrize("sent", [b"", chunked(SSE), chunked(SSE) + chunk(b"data: 1\n\n")], ids=["", "head", "event"])
@pytest.mark.parametrize("how", ["anyio", "asyncio"])
async def test_cancelling_a_call_closes_the_connection(how: str, sent: bytes) -> None:
    waiting, closed = asyncio.Event(), asyncio.Event()

    async def answer(exchange: Exchange) -> None:
        await exchange.send(sent)
        if not sent:
            waiting.set()
        await exchange.peer_closed()
        closed.set()

    async def call(client: RuntimeClient) -> None:
        async with client.invoke(ARN, b"{}", session_id=SESSION_ID) as events:
            if sent == chunked(SSE):
                waiting.set()
            async for _ in events:
                waiting.set()

    async with client_of(answer) as (client, _), asyncio.timeout(WAIT_S):
        if how == "anyio":
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(call, client)
                await waiting.wait()
                tasks.cancel_scope.cancel()
        else:
            task = asyncio.create_task(call(client))
            await waiting.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        await closed.wait()


async def test_a_failing_consumer_closes_the_connection() -> None:
    closed = asyncio.Event()

    async def answer(exchange: Exchange) -> None:
        await exchange.send(chunked(EVENT_STREAM) + chunk(frames(ContentStart())))
        await exchange.peer_closed()
        closed.set()

    async with client_of(answer) as (client, _), asyncio.timeout(WAIT_S):
        with pytest.raises(ZeroDivisionError):
            async with client.run_command(ARN, "true", session_id=SESSION_ID) as command:
                async for _ in command:
                    raise ZeroDivisionError
        await closed.wait()


async def test_nothing_is_open_between_calls_and_closing_the_client_ends_nothing() -> None:
    closed = asyncio.Event()

    async def answer(exchange: Exchange) -> None:
        await exchange.send(reply(body=b"{}"))
        await exchange.peer_closed()
        closed.set()

    async with loopback_server(answer, keep_alive=True) as server, asyncio.timeout(WAIT_S):
        async with RuntimeClient(auth=NoAuth(), endpoint_url=server.endpoint_url) as client:
            await client.stop_session(ARN, session_id=SESSION_ID)
            await closed.wait()
        await client.stop_session(ARN, session_id=SESSION_ID)

    assert len(server.requests) == 2


async def test_a_transport_of_ones_own_is_closed_with_the_client_and_not_with_a_call() -> None:
    closed = []

    class Transport(httpx2.MockTransport):
        async def aclose(self) -> None:
            closed.append(True)

    transport = Transport(lambda request: httpx2.Response(200))
    async with RuntimeClient(auth=BearerAuth("t"), transport=transport) as client:
        await client.stop_session(ARN, session_id=SESSION_ID)
        assert closed == []

    assert closed == [True]


async def test_a_client_that_was_never_used_has_nothing_to_close() -> None:
    async with RuntimeClient(auth=NoAuth()) as client:
        pass

    await client.aclose()


async def test_many_answers_are_read_at_the_same_time() -> None:
    """More than httpx2 would allow by default: a hosted server's users do not wait for each other."""
    calls = 120
    all_here = asyncio.Barrier(calls)

    async def answer(exchange: Exchange) -> None:
        await all_here.wait()
        await exchange.send(reply(body=b"1"))

    async with client_of(answer) as (client, _), asyncio.timeout(WAIT_S), asyncio.TaskGroup() as tasks:
        for _ in range(calls):
            tasks.create_task(invoke(client, []))

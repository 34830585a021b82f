"""What is sent again and what is not, counted at a real server: an agent and a command must not run twice."""

from __future__ import annotations

import asyncio
import email.utils
import json
import socket
import struct
import threading
import time
from typing import TYPE_CHECKING

import httpx2
import pytest
from hypothesis import given, strategies as st

from agentcore_mcp.errors import ResponseTimeoutError, ServiceError, TransportError
from agentcore_mcp.runtime import BearerAuth, NoAuth, SigV4Auth
from agentcore_mcp.runtime.blocking.sending import Sender as BlockingSender
from agentcore_mcp.runtime.client import RuntimeClient
from agentcore_mcp.runtime.endpoints import endpoints
from agentcore_mcp.runtime.environment import Certificates
from agentcore_mcp.runtime.requests import RuntimeRequest
from agentcore_mcp.runtime.retries import LONGEST_PAUSE_S, MAX_ATTEMPTS, Retries
from agentcore_mcp.runtime.sending import Sender
from agentcore_mcp.wire.ids import RuntimeArn
from agentcore_mcp.wire.requests import Request, command_request, invoke_request, stop_request
from tests.support.agentcore import Boto, new_session_id
from tests.support.aws import fake_session
from tests.support.clients import ARN, SESSION_ID, client_of
from tests.support.sdk import Async, Blocking, Manner, sdk_of
from tests.support.servers import Exchange, head, loopback_server, reply
from tests.support.waiting import WAIT_S

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from agentcore_mcp.local.agentcore import LocalAgentCore
    from agentcore_mcp.runtime.sdk.client import AgentCoreRuntimeClient

    Send = Callable[..., Awaitable[int]]
    Script = Callable[[Exchange], Awaitable[None]]

ATTEMPTS = 3
AT_ONCE = Retries(max_attempts=ATTEMPTS, first_pause_s=0)
# For requests that are never answered. The others get as long as a busy machine may need: one that is given up is not
# sent again.
SILENCE_S = 0.3

RUNTIME = RuntimeArn.parse(ARN)
INVOKE = invoke_request(RUNTIME, b'{"prompt":"once"}', session_id=SESSION_ID)
COMMAND = command_request(RUNTIME, "date >> once", session_id=SESSION_ID)
STOP = stop_request(RUNTIME, session_id=SESSION_ID, client_token="one-token-for-one-stop-however-often")
REQUESTS = {"invoke": INVOKE, "command": COMMAND, "stop": STOP}


async def send_async(request: Request, url: str, retries: Retries, patience_s: float = WAIT_S) -> int:
    sender = Sender(endpoints(url), retries, certificates=Certificates(), connect_timeout_s=WAIT_S)
    async with sender.send(RuntimeRequest(RUNTIME, request, SESSION_ID, patience_s), NoAuth()) as answer:
        return answer.response.status_code


async def send_blocking(request: Request, url: str, retries: Retries, patience_s: float = WAIT_S) -> int:
    def send() -> int:
        sender = BlockingSender(endpoints(url), retries, certificates=Certificates(), connect_timeout_s=WAIT_S)
        with sender.send(RuntimeRequest(RUNTIME, request, SESSION_ID, patience_s), NoAuth()) as answer:
            return answer.response.status_code

    return await asyncio.to_thread(send)


both_manners = pytest.mark.parametrize("send", [send_async, send_blocking])
every_request = pytest.mark.parametrize("operation", REQUESTS)


# How the line fails after a request has gone out.


async def close(exchange: Exchange) -> None:
    pass


async def reset(exchange: Exchange) -> None:
    at_once = struct.pack("ii", 1, 0)
    exchange.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, at_once)


async def half_a_head(exchange: Exchange) -> None:
    await exchange.send(b"HTTP/1.1 200 OK\r\nContent-")


async def no_http(exchange: Exchange) -> None:
    await exchange.send(b"SSH-2.0-OpenSSH_9.6\r\n")


async def only_informational(exchange: Exchange) -> None:
    await exchange.send(head("100 Continue") + head("103 Early Hints"))


async def stall(exchange: Exchange) -> None:
    await exchange.peer_closed()


async def stall_in_the_head(exchange: Exchange) -> None:
    await exchange.send(b"HTTP/1.1 200 OK\r\n")
    await exchange.peer_closed()


LINE_FAILURES = {
    "closed": close,
    "reset": reset,
    "half a head": half_a_head,
    "no http": no_http,
    "1xx": only_informational,
}
STALLS = {"stalled": stall, "stalled in the head": stall_in_the_head}


@both_manners
@every_request
@pytest.mark.parametrize("failure", LINE_FAILURES)
async def test_once_a_request_is_out_only_a_stop_is_sent_again(send: Send, operation: str, failure: str) -> None:
    async with loopback_server(LINE_FAILURES[failure]) as server:
        with pytest.raises(TransportError):
            await send(REQUESTS[operation], server.endpoint_url, AT_ONCE)

    assert len(server.requests) == (ATTEMPTS if operation == "stop" else 1)
    assert {request.body for request in server.requests} == {REQUESTS[operation].body}


@both_manners
@every_request
@pytest.mark.parametrize("stalls", STALLS)
async def test_what_is_not_answered_in_time_is_not_sent_again(send: Send, operation: str, stalls: str) -> None:
    """Not even a stop: its caller has waited long enough."""
    async with loopback_server(STALLS[stalls]) as server:
        with pytest.raises(ResponseTimeoutError):
            await send(REQUESTS[operation], server.endpoint_url, AT_ONCE, SILENCE_S)

    assert len(server.requests) == 1


# What a refusal means: how often it is asked for, for an invocation or a command, and for a stop.
REFUSALS: dict[str, tuple[bytes, int, int]] = {
    "429": (reply("429 Slow Down", x_amzn_errortype="ThrottlingException"), ATTEMPTS, ATTEMPTS),
    "429 of a proxy": (reply("429 Slow Down", b"<h1>Slow down</h1>"), ATTEMPTS, ATTEMPTS),
    "409 not yet": (reply("409 Conflict", x_amzn_errortype="RetryableConflictException"), ATTEMPTS, ATTEMPTS),
    "409 not yet, long": (
        reply("409 C", x_amzn_errortype="a.b#RetryableConflictException:http://c/"),
        ATTEMPTS,
        ATTEMPTS,
    ),
    "409 conflict": (reply("409 Conflict", x_amzn_errortype="ConflictException"), 1, 1),
    "409 of anybody": (reply("409 Conflict", b'{"message":"RetryableConflictException"}'), 1, 1),
    "500": (reply("500 Oh", x_amzn_errortype="InternalServerException"), 1, ATTEMPTS),
    "500 that lies": (reply("500 Oh", x_amzn_errortype="RetryableConflictException"), 1, ATTEMPTS),
    "502": (reply("502 Bad Gateway", b"<h1>Bad Gateway</h1>"), 1, ATTEMPTS),
    "503": (reply("503 Unavailable", retry_after="0"), 1, ATTEMPTS),
    "504": (reply("504 Timeout"), 1, ATTEMPTS),
    "501": (reply("501 Not Implemented"), 1, 1),
    "400": (reply("400 Bad", x_amzn_errortype="ValidationException"), 1, 1),
    "401": (reply("401 Who"), 1, 1),
    "402": (reply("402 Quota", x_amzn_errortype="ServiceQuotaExceededException"), 1, 1),
    "403": (reply("403 No"), 1, 1),
    "404": (reply("404 Where"), 1, 1),
    "408": (reply("408 Timeout"), 1, 1),
    "424": (reply("424 Failed Dependency", x_amzn_errortype="RuntimeClientError"), 1, 1),
    "425": (reply("425 Too Early"), 1, 1),
    "302": (reply("302 Found", location="/elsewhere"), 1, 1),
    "200": (reply(x_amzn_errortype="ThrottlingException"), 1, 1),
}


@both_manners
@every_request
@pytest.mark.parametrize("refusal", REFUSALS)
async def test_a_refusal_of_the_front_door_is_asked_again_and_no_other(
    send: Send, operation: str, refusal: str
) -> None:
    answer, times, times_for_a_stop = REFUSALS[refusal]

    async def script(exchange: Exchange) -> None:
        await exchange.send(answer)

    async with loopback_server(script) as server:
        assert str(await send(REQUESTS[operation], server.endpoint_url, AT_ONCE)) == refusal[:3]

    assert len(server.requests) == (times_for_a_stop if operation == "stop" else times)
    assert {request.body for request in server.requests} == {REQUESTS[operation].body}


@both_manners
@every_request
async def test_the_answer_after_refusals_is_the_answer(send: Send, operation: str) -> None:
    answers = iter([REFUSALS["409 not yet"][0], REFUSALS["429"][0], reply("202 At Last")])

    async def script(exchange: Exchange) -> None:
        await exchange.send(next(answers))

    async with loopback_server(script) as server:
        assert await send(REQUESTS[operation], server.endpoint_url, AT_ONCE) == 202

    assert len(server.requests) == 3


@both_manners
@pytest.mark.parametrize("operation", ["invoke", "command"])
async def test_what_was_refused_before_is_not_sent_again_once_it_may_have_run(send: Send, operation: str) -> None:
    answers = iter([REFUSALS["429"][0], reply("500 Oh")])

    async def script(exchange: Exchange) -> None:
        await exchange.send(next(answers))

    async with loopback_server(script) as server:
        assert await send(REQUESTS[operation], server.endpoint_url, AT_ONCE) == 500

    assert len(server.requests) == 2


@both_manners
async def test_a_runtime_that_comes_back_is_reached_by_the_second_attempt(send: Send) -> None:
    """It begins to listen in the pause, which is when chance is asked for its length."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))

        def serve() -> None:
            connection, _ = listening.accept()
            with connection:
                connection.recv(65_536)
                connection.sendall(reply("202 Back"))

        serving = threading.Thread(target=serve)

        def come_back() -> float:
            listening.listen()
            serving.start()
            return 0.0

        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        assert await send(INVOKE, url, Retries(first_pause_s=0, chance=come_back)) == 202
        serving.join(WAIT_S)
        assert not serving.is_alive()


# What httpx2 raises when nothing was sent, and how often that is tried.
NOT_SENT: dict[type[httpx2.TransportError], int] = {
    httpx2.ConnectError: 2,
    httpx2.ConnectTimeout: 1,
    httpx2.PoolTimeout: 1,
    httpx2.ProxyError: 1,
    httpx2.UnsupportedProtocol: 1,
}


@every_request
@pytest.mark.parametrize("failure", NOT_SENT)
async def test_a_connection_that_cant_be_made_is_tried_twice_at_most(
    operation: str, failure: type[httpx2.TransportError]
) -> None:
    tried: list[httpx2.Request] = []

    def fail(request: httpx2.Request) -> httpx2.Response:
        tried.append(request)
        raise failure("no")

    sender = Sender(
        endpoints(),
        AT_ONCE,
        certificates=Certificates(),
        connect_timeout_s=WAIT_S,
        transport=httpx2.MockTransport(fail),
    )
    with pytest.raises(TransportError, match="nothing was sent"):
        async with sender.send(RuntimeRequest(RUNTIME, REQUESTS[operation], SESSION_ID, WAIT_S), BearerAuth("t")):
            pass

    assert len(tried) == NOT_SENT[failure]


# Pauses.


@given(st.integers(1, MAX_ATTEMPTS - 1), st.floats(0, 1))
def test_pauses_double_and_chance_takes_up_to_half_of_them(attempt: int, chance: float) -> None:
    pause_s = Retries(first_pause_s=0.5, chance=lambda: chance).after_answer(INVOKE, attempt, 429, {})

    assert pause_s is not None
    assert 0.25 * 2 ** (attempt - 1) <= pause_s <= 0.5 * 2 ** (attempt - 1)


def test_all_pauses_of_a_call_are_together_shorter_than_a_person_waits() -> None:
    pauses = [Retries(chance=lambda: 0.0).after_answer(INVOKE, attempt, 429, {}) for attempt in range(1, 10)]

    assert pauses == [1, 2, 4, 8] + [None] * 5


def retry_after(value: str, now: float = 0.0) -> float | None:
    retries = Retries(first_pause_s=0, clock=lambda: now)
    return retries.after_answer(INVOKE, 1, 429, {"retry-after": value})


NOW = 1_800_000_000.0


@pytest.mark.parametrize(
    ("value", "pause_s"),
    [
        ("0", 0),
        ("7", 7),
        (" 7 ", 7),
        ("007", 7),
        (f"{LONGEST_PAUSE_S:.0f}", LONGEST_PAUSE_S),
        (f"{LONGEST_PAUSE_S + 1:.0f}", None),
        ("9" * 9, None),
        ("9" * 5000, None),
        (email.utils.formatdate(NOW + 7, usegmt=True), 7),
        (email.utils.formatdate(NOW - 7, usegmt=True), 0),
        (email.utils.formatdate(NOW + 3600, usegmt=True), None),
        ("Friday, 15-Jan-27 08:00:09 GMT", 9),
        ("Fri, 15 Jan 2027 08:00:09 +0000", 9),
        ("Fri, 15 Jan 2027 08:00:09 -0000", 9),
        # What can't be read is as if it wasn't there.
        ("", 0),
        ("soon", 0),
        ("-7", 0),
        ("1.5", 0),
        ("7 s", 0),
        ("\u0667", 0),
        ("Fri, 99 Jan 2027 99:99:99 GMT", 0),
        ("Fri, 15 Jan 99999999999 08:00:00 GMT", 0),
        ("Fri, 15 Jan 0000 08:00:00 GMT", 0),
        ("Fri, 01 Jan 0001 00:00:00 +2359", 0),
    ],
)
def test_retry_after_is_kept_to_or_the_call_given_up(value: str, pause_s: float | None) -> None:
    assert retry_after(value, NOW) == pause_s


@given(st.text(max_size=50))
def test_no_retry_after_is_an_exception(value: str) -> None:
    pause_s = retry_after(value, NOW)

    assert pause_s is None or 0 <= pause_s <= LONGEST_PAUSE_S


@both_manners
async def test_the_pause_is_really_made(send: Send) -> None:
    asked_s = 1
    answers = iter([reply("429 Slow Down", retry_after=str(asked_s)), reply("202 Now")])

    async def script(exchange: Exchange) -> None:
        await exchange.send(next(answers))

    async with loopback_server(script) as server:
        before = time.monotonic()
        assert await send(INVOKE, server.endpoint_url, AT_ONCE) == 202
        assert time.monotonic() - before >= asked_s


async def test_a_call_that_waits_for_its_next_attempt_can_be_cancelled() -> None:
    refused = asyncio.Event()

    async def script(exchange: Exchange) -> None:
        await exchange.send(reply("429 Slow Down", retry_after="20"))
        await exchange.peer_closed()
        refused.set()

    async with loopback_server(script) as server, asyncio.timeout(WAIT_S / 2):
        call = asyncio.create_task(send_async(INVOKE, server.endpoint_url, AT_ONCE))
        await refused.wait()
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call

    assert len(server.requests) == 1


# Through the clients.


@pytest.mark.parametrize(("retries", "times"), [(AT_ONCE, ATTEMPTS), (Retries(max_attempts=1), 1)])
async def test_a_client_is_told_how_often(retries: Retries, times: int) -> None:
    async def script(exchange: Exchange) -> None:
        await exchange.send(REFUSALS["429"][0])

    async with client_of(script, retries=retries) as (client, server):
        with pytest.raises(ServiceError, match="ThrottlingException"):
            async with client.invoke(ARN, b"{}", session_id=SESSION_ID):
                pass
        with pytest.raises(ServiceError, match="ThrottlingException"):
            await client.stop_session(ARN, session_id=SESSION_ID)

    assert len(server.requests) == 2 * times
    assert len({request.body for request in server.requests}) == 2, "each stop has one token, however often it is sent"


@pytest.mark.parametrize("manner", [Blocking, Async])
@pytest.mark.parametrize(("retries", "times"), [(AT_ONCE, ATTEMPTS), (Retries(max_attempts=1), 1)])
async def test_the_sdk_is_told_how_often(
    manner: Callable[[AgentCoreRuntimeClient], Manner], retries: Retries, times: int
) -> None:
    async def script(exchange: Exchange) -> None:
        await exchange.send(REFUSALS["429"][0])

    async with sdk_of(manner, script, retries=retries) as (client, server):
        with pytest.raises(ServiceError, match="ThrottlingException"):
            await client.execute_command()

    assert len(server.requests) == times


async def test_a_client_that_is_told_nothing_sends_a_refused_call_again() -> None:
    answers = iter([REFUSALS["409 not yet"][0], reply(body=b"1")])

    async def script(exchange: Exchange) -> None:
        await exchange.send(next(answers))

    async with (
        loopback_server(script) as server,
        RuntimeClient(auth=NoAuth(), endpoint_url=server.endpoint_url) as client,
        client.invoke(ARN, b"{}", session_id=SESSION_ID) as answer,
    ):
        assert [piece async for piece in answer] == ["1"]

    assert len(server.requests) == 2


async def test_a_second_call_into_a_session_that_starts_waits_for_it(local_agentcore: LocalAgentCore) -> None:
    """Both are answered, and the agent is asked no more than twice."""
    session_id = new_session_id()

    async def ask(client: RuntimeClient, word: str) -> str:
        async with client.invoke(
            local_agentcore.agent_runtime_arn,
            json.dumps({"prompt": word}).encode(),
            session_id=session_id,
            headers={"X-Local-Fault": "cold-start=1"},
        ) as answer:
            return "".join([piece async for piece in answer])

    async with RuntimeClient(auth=SigV4Auth(fake_session()), endpoint_url=local_agentcore.endpoint_url) as client:
        answers = await asyncio.gather(ask(client, "one"), ask(client, "two"))

    assert ["one" in answers[0], "two" in answers[1]] == [True, True]
    with Boto.of(local_agentcore) as boto:
        statuses = [entry["status"] for entry in boto.requests(session_id)]
    assert 409 in statuses
    assert statuses.count(200) == 2

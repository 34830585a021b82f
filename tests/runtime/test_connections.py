"""Connections: one for each call, closed with it, kept alive in silence, and never left over."""

from __future__ import annotations

import asyncio
import gc
import os
import ssl
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import httpx2
import pytest

from agentcore_mcp.errors import (
    AgentCoreError,
    ConfigurationError,
    ConnectError,
    ResponseTimeoutError,
    ServiceError,
    TransportError,
)
from agentcore_mcp.runtime import BearerAuth, NoAuth, SigV4Auth
from agentcore_mcp.runtime.client import RuntimeClient
from agentcore_mcp.runtime.endpoints import endpoints
from agentcore_mcp.runtime.sdk.client import AgentCoreRuntimeClient
from agentcore_mcp.wire.ids import RuntimeArn
from tests.support.aws import fake_session
from tests.support.clients import ARN, ONCE, REGION, SESSION_ID
from tests.support.sdk import TOKEN, Async, Blocking, Manner, sdk_of
from tests.support.servers import LAST_CHUNK, Exchange, chunk, chunked, head, loopback_server, reply
from tests.support.tls import loopback_certificate
from tests.support.waiting import WAIT_S

if TYPE_CHECKING:
    from collections.abc import Callable

    Make = Callable[[AgentCoreRuntimeClient], Manner]


@pytest.fixture(params=[Blocking, Async])
def manner(request: pytest.FixtureRequest) -> Make:
    make: Make = request.param
    return make


only_linux = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")


def port_of(exchange: Exchange) -> int:
    return int(exchange.writer.get_extra_info("peername")[1])


# One for each call.


@pytest.mark.parametrize("header", [{}, {"connection": "keep-alive"}, {"connection": "close"}])
async def test_each_call_has_a_connection_of_its_own(manner: Make, header: dict[str, str]) -> None:
    """Whatever the server says of it: no request crosses with the closing of one that was kept."""
    ports = []
    closed = asyncio.Semaphore(0)

    async def script(exchange: Exchange) -> None:
        ports.append(port_of(exchange))
        await exchange.send(reply(body=exchange.request.body, **header))
        await exchange.peer_closed()
        closed.release()

    async with asyncio.timeout(WAIT_S), sdk_of(manner, script) as (client, server):
        for number in (1, 2):
            assert await client.invoke(number, session_id=SESSION_ID) == str(number)
            await closed.acquire()

    assert [request.body for request in server.requests] == [b"1", b"2"]
    assert len(set(ports)) == 2


LEFTOVERS = {
    "an answer": reply(body=b'"poison"'),
    "half a head": b"HTTP/1.1 200 OK\r\nX-Poison: ",
    "no http": b"poison\r\n",
    "a byte": b"p",
}


@pytest.mark.parametrize("name", LEFTOVERS)
@pytest.mark.parametrize("in_chunks", [False, True])
async def test_what_comes_behind_an_answer_is_nobodys(manner: Make, name: str, in_chunks: bool) -> None:
    """As from an agent that miscounts, or a proxy that mixes up two callers: the next call is not about it."""

    async def script(exchange: Exchange) -> None:
        body = exchange.request.body
        answer = chunked("application/json") + chunk(body) + LAST_CHUNK if in_chunks else reply(body=body)
        await exchange.send(answer + LEFTOVERS[name])

    async with sdk_of(manner, script, keep_alive=True) as (client, _):
        assert [await client.invoke(number, session_id=SESSION_ID) for number in (1, 2)] == ["1", "2"]


# Heads that never come.


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("fragment", [b"x", head("103 Early Hints", link="</x>")])
async def test_a_head_that_never_comes_is_a_timeout_however_much_is_sent_instead(
    manner: Make, fragment: bytes, scheme: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for_server, trusted_file = loopback_certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(trusted_file))

    async def script(exchange: Exchange) -> None:
        if len(fragment) == 1:
            await exchange.send(head(x_endless="")[:-4])
        with suppress(ConnectionError):
            while True:
                await exchange.send(fragment)
                await asyncio.sleep(0.01)

    async with (
        loopback_server(script, tls=for_server if scheme == "https" else None) as server,
        AgentCoreRuntimeClient(endpoint_url=server.endpoint_url) as client,
    ):
        with pytest.raises(ResponseTimeoutError, match=r"no answer from 127.0.0.1:\d+ within 0.4 s; the work may"):
            await manner(client).invoke(2, session_id=SESSION_ID, timeout=0.2)

    assert len(server.requests) == 1


@pytest.mark.parametrize("fragment", [b"x", b"1;" + b"x" * 10])
async def test_the_body_of_a_refusal_that_trickles_is_not_waited_for(manner: Make, fragment: bytes) -> None:
    """Not even one whose bytes, the extension of a chunk that never comes, are no part of it."""

    async def script(exchange: Exchange) -> None:
        start = (
            head("503 Oh", transfer_encoding="chunked") if len(fragment) > 1 else head("503 Oh", content_length="9999")
        )
        await exchange.send(start)
        with suppress(ConnectionError):
            while True:
                await exchange.send(fragment)
                await asyncio.sleep(0.1)

    async with sdk_of(manner, script) as (client, _):
        before = time.monotonic()
        with pytest.raises(ServiceError, match="503"):
            await client.invoke({}, session_id=SESSION_ID, timeout=0.5)

    assert time.monotonic() - before < WAIT_S / 2


# Nothing is left over.


def open_sockets() -> int:
    """Return how many sockets this process has, those of the test's server included."""
    links = []
    for descriptor in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):  # that of the directory that is being listed
            links.append(str(descriptor.readlink()))
    return sum(link.startswith("socket:") for link in links)


@only_linux
async def test_no_connection_and_no_thread_is_left_over_whatever_happens(manner: Make) -> None:
    endings = [
        b"",
        b"HTTP/1.1 200 OK\r\nContent-",
        chunked("text/event-stream") + chunk(b"data: 1\n\n"),
        reply(body=b"1"),
        reply("503 Oh", b"no"),
        reply("307 Elsewhere", location="/x"),
        reply(body=b"no gzip", content_encoding="gzip"),
        reply(body=b"1", content_encoding="rot13"),
        head("503 Oh", content_length="9") + b"no",
    ]

    async def script(exchange: Exchange) -> None:
        await exchange.send(endings[int(exchange.request.body)])

    async with sdk_of(manner, script) as (client, _):

        async def every_ending() -> None:
            for number in range(len(endings)):
                with suppress(AgentCoreError):
                    await client.invoke(number, session_id=SESSION_ID)
            gc.collect()

        await every_ending()
        sockets, threads = open_sockets(), threading.active_count()
        for _ in range(3):
            await every_ending()

        async with asyncio.timeout(WAIT_S):
            while open_sockets() > sockets:  # noqa: ASYNC110 - nobody announces it
                await asyncio.sleep(0.01)
        # asyncio.to_thread may have started another of its own.
        assert threading.active_count() <= threads + 1


async def test_a_call_that_is_cancelled_in_the_tls_handshake_leaves_no_connection() -> None:
    """And nobody has to collect any garbage."""
    begun, hung_up = asyncio.Event(), asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        begun.set()
        await reader.read()
        hung_up.set()
        writer.close()

    gc.disable()
    try:
        async with asyncio.timeout(WAIT_S), await asyncio.start_server(serve, "127.0.0.1", 0) as server:
            url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"
            async with RuntimeClient(auth=BearerAuth(TOKEN), endpoint_url=url) as client:
                call = asyncio.create_task(client.stop_session(ARN, session_id=SESSION_ID))
                await begun.wait()
                call.cancel()
                with suppress(asyncio.CancelledError):
                    await call
                await hung_up.wait()
    finally:
        gc.enable()


# Where they lead.


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent"])
@pytest.mark.parametrize("operation", ["invoke", "execute_command", "stop_runtime_session"])
async def test_nothing_is_sent_to_where_a_redirect_points(manner: Make, operation: str, status: str) -> None:
    async def never(exchange: Exchange) -> None:
        raise AssertionError("it was sent there")

    async with loopback_server(never) as elsewhere:

        async def script(exchange: Exchange) -> None:
            await exchange.send(reply(status, location=f"{elsewhere.endpoint_url}{exchange.request.target}"))

        async with sdk_of(manner, script) as (client, server):
            with pytest.raises(ServiceError, match="which is not followed") as caught:
                await getattr(client, operation)(session_id=SESSION_ID)

    assert (len(server.requests), len(elsewhere.requests)) == (1, 0)
    assert TOKEN not in str(caught.value)


def test_every_kind_of_endpoint_can_be_chosen() -> None:
    arn = RuntimeArn.parse(ARN)

    assert endpoints(use_fips=True)(arn) == f"https://bedrock-agentcore-fips.{REGION}.amazonaws.com"
    assert endpoints(use_dualstack=True)(arn) == f"https://bedrock-agentcore.{REGION}.api.aws"


@pytest.mark.parametrize("client", [RuntimeClient, AgentCoreRuntimeClient])
@pytest.mark.parametrize("kind", ["use_fips", "use_dualstack"])
def test_a_kind_of_endpoint_and_an_endpoint_url_contradict_each_other(client: Callable[..., object], kind: str) -> None:
    with pytest.raises(ConfigurationError, match="can't be combined with FIPS or dual-stack"):
        client(endpoint_url="https://agents.example.com", **{kind: True})


def test_a_websocket_leads_to_the_kind_of_endpoint_that_was_chosen() -> None:
    client = AgentCoreRuntimeClient(session=fake_session(), use_fips=True, use_dualstack=True)
    host = f"wss://bedrock-agentcore-fips.{REGION}.api.aws/runtimes/"

    assert client.generate_ws_connection(ARN)[0].startswith(host)
    assert client.generate_presigned_url(ARN).startswith(host)


async def test_a_kind_of_endpoint_is_where_requests_go() -> None:
    sent = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        sent.append(request.url.host)
        return httpx2.Response(200)

    transport = httpx2.MockTransport(answer)
    async with RuntimeClient(auth=SigV4Auth(fake_session()), use_fips=True, transport=transport) as client:
        await client.stop_session(ARN, session_id=SESSION_ID)

    assert sent == [f"bedrock-agentcore-fips.{REGION}.amazonaws.com"]


# Silence.


def timer_of(port: int) -> str:
    """Return the kind of timer that the kernel runs for the socket with a local port; 02 keeps it alive."""
    sockets = map(str.split, Path("/proc/self/net/tcp").read_text().split("\n")[1:])
    # An earlier connection from the same port may not be forgotten yet.
    open_ones = (fields for fields in sockets if len(fields) > 5 and fields[3] == "01")
    return next(fields[5].partition(":")[0] for fields in open_ones if fields[1].endswith(f":{port:04X}"))


@only_linux
async def test_the_kernel_keeps_a_silent_connection_alive(manner: Make) -> None:
    timers: list[str] = []

    async def script(exchange: Exchange) -> None:
        # What was sent may not be acknowledged yet, and then the timer is that of sending it again.
        while (timer := timer_of(port_of(exchange))) == "01":  # noqa: ASYNC110 - nobody announces it
            await asyncio.sleep(0.01)
        timers.append(timer)
        await exchange.send(reply(body=b"1"))

    async with sdk_of(manner, script) as (client, _):
        assert await client.invoke({}, session_id=SESSION_ID) == "1"

    assert timers == ["02"]


# TLS.


@pytest.mark.parametrize("start", [b"", head("503 Oh", content_length="9") + b"no", head(content_length="9") + b"1"])
async def test_a_broken_tls_record_is_a_failure_of_the_line(
    manner: Make, start: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for_server, trusted_file = loopback_certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(trusted_file))

    async def script(exchange: Exchange) -> None:
        await exchange.send(start)
        descriptor = exchange.writer.get_extra_info("socket").fileno()
        os.write(descriptor, b"\x17\x03\x03\x00\x10" + b"?" * 16)
        with suppress(ssl.SSLError):  # the client says what it thinks of it
            await exchange.peer_closed()

    async with (
        loopback_server(script, tls=for_server) as server,
        AgentCoreRuntimeClient(endpoint_url=server.endpoint_url) as client,
    ):
        with pytest.raises(ServiceError if b"503" in start else TransportError) as caught:
            await manner(client).invoke({}, session_id=SESSION_ID)

    assert caught.value.session_id == SESSION_ID
    assert len(server.requests) == 1


# Certificates.


async def test_certificates_of_ones_own_are_trusted_and_no_others(tmp_path: Path) -> None:
    for_server, trusted_file = loopback_certificate(tmp_path)

    async def script(exchange: Exchange) -> None:
        await exchange.send(reply(body=b"1"))

    async with loopback_server(script, tls=for_server) as server:
        trusting = ssl.create_default_context(cafile=trusted_file)
        async with (
            RuntimeClient(auth=NoAuth(), endpoint_url=server.endpoint_url, tls=trusting) as client,
            client.invoke(ARN, b"{}", session_id=SESSION_ID) as answer,
        ):
            assert [piece async for piece in answer] == ["1"]
        async with RuntimeClient(auth=BearerAuth(TOKEN), endpoint_url=server.endpoint_url, retries=ONCE) as client:
            with pytest.raises(ConnectError, match=r"nothing was sent: .*certificate verify failed") as caught:
                await client.stop_session(ARN, session_id=SESSION_ID)

    assert TOKEN not in str(caught.value)
    assert len(server.requests) == 1

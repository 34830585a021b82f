"""Connections: kept for a moment, given up when the other side does, kept alive in silence, and never left over."""

from __future__ import annotations

import asyncio
import gc
import os
import socket
import ssl
import struct
import sys
import threading
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
from agentcore_mcp.runtime.auth import BearerAuth, NoAuth, SigV4Auth
from agentcore_mcp.runtime.client import RuntimeClient
from agentcore_mcp.runtime.connections import ConnectionSettings
from agentcore_mcp.runtime.sdk.client import AgentCoreRuntimeClient
from agentcore_mcp.wire.ids import RuntimeArn
from tests.support.aws import fake_session
from tests.support.clients import ARN, ONCE, REGION, SESSION_ID
from tests.support.sdk import TOKEN, Async, Blocking, Manner, sdk_of
from tests.support.servers import LAST_CHUNK, WAIT_S, Exchange, chunk, chunked, head, loopback_server, reply
from tests.support.tls import loopback_certificate

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    Make = Callable[[AgentCoreRuntimeClient], Manner]


@pytest.fixture(params=[Blocking, Async])
def manner(request: pytest.FixtureRequest) -> Make:
    make: Make = request.param
    return make


only_linux = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")


def port_of(exchange: Exchange) -> int:
    return int(exchange.writer.get_extra_info("peername")[1])


# Connections that are used again, or were to be.


async def twice(make: Make, script: Callable[[Exchange], Awaitable[None]]) -> tuple[list[str], list[bytes]]:
    """Ask twice over one client; return the outcomes, and what the server was asked."""
    outcomes = []
    done = asyncio.Event()

    async def answer(exchange: Exchange) -> None:
        await script(exchange)
        if exchange.writer.is_closing():
            await exchange.writer.wait_closed()
        done.set()

    async with (
        asyncio.timeout(WAIT_S),
        loopback_server(answer, keep_alive=True) as server,
        AgentCoreRuntimeClient(endpoint_url=server.endpoint_url, retries=ONCE) as client,
    ):
        for number in (1, 2):
            done.clear()
            try:
                outcomes.append(await make(client).invoke(number, session_id=SESSION_ID))
            except AgentCoreError as error:
                outcomes.append(type(error).__name__)
            await done.wait()
    return outcomes, [request.body for request in server.requests]


async def test_a_connection_is_used_again(manner: Make) -> None:
    ports = set()

    async def script(exchange: Exchange) -> None:
        ports.add(port_of(exchange))
        await exchange.send(reply(body=exchange.request.body))

    assert await twice(manner, script) == (["1", "2"], [b"1", b"2"])
    assert len(ports) == 1


async def test_a_connection_that_was_closed_in_between_is_replaced(manner: Make) -> None:
    """No call is lost, and none is sent twice."""

    async def script(exchange: Exchange) -> None:
        await exchange.send(reply(body=exchange.request.body))
        exchange.writer.close()

    assert await twice(manner, script) == (["1", "2"], [b"1", b"2"])


@pytest.mark.parametrize("header", [{"connection": "close"}, {"connection": "keep-alive"}])
async def test_what_the_server_says_of_its_connection_does_not_matter(manner: Make, header: dict[str, str]) -> None:
    async def script(exchange: Exchange) -> None:
        await exchange.send(reply(body=exchange.request.body, **header))
        if header["connection"] == "close":
            exchange.writer.close()

    assert await twice(manner, script) == (["1", "2"], [b"1", b"2"])


async def test_a_connection_that_is_closed_in_the_face_of_a_request_is_an_error_and_no_second_request(
    manner: Make,
) -> None:
    async def script(exchange: Exchange) -> None:
        if exchange.request.body == b"1":
            await exchange.send(reply(body=b"1"))
        else:
            exchange.writer.close()

    assert await twice(manner, script) == (["1", "TransportError"], [b"1", b"2"])


async def test_a_connection_that_is_reset_before_a_request_is_read_is_an_error_and_no_second_request(
    manner: Make,
) -> None:
    """The race that nobody can win: the request has left, and whether anybody took it is unknown."""
    arrived: list[bytes] = []

    def serve(listening: socket.socket) -> None:
        connection, _ = listening.accept()
        connection.settimeout(WAIT_S)
        while not arrived or not arrived[-1].endswith(b"1"):
            arrived.append(connection.recv(65_536))
        connection.sendall(reply(body=b"1"))
        arrived.append(connection.recv(1, socket.MSG_PEEK))
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()

    with socket.create_server(("127.0.0.1", 0)) as listening:
        serving = threading.Thread(target=serve, args=(listening,))
        serving.start()
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        async with AgentCoreRuntimeClient(endpoint_url=url) as client:
            assert await manner(client).invoke(1, session_id=SESSION_ID) == "1"
            with pytest.raises(TransportError, match="it is unknown whether the request was carried out"):
                await manner(client).invoke(2, session_id=SESSION_ID)
        serving.join(WAIT_S)
        assert not serving.is_alive()
        listening.setblocking(False)
        with pytest.raises(BlockingIOError):
            listening.accept()

    assert arrived[-1] == b"P"


async def test_a_connection_whose_answer_was_left_is_not_used_again(manner: Make) -> None:
    ports = []

    async def script(exchange: Exchange) -> None:
        ports.append(port_of(exchange))
        await exchange.send(chunked("text/event-stream") + chunk(b"data: 1\n\n") + chunk(b"data: 2\n\n"))
        if len(ports) == 2:
            await exchange.send(LAST_CHUNK)

    async with (
        loopback_server(script, keep_alive=True) as server,
        AgentCoreRuntimeClient(endpoint_url=server.endpoint_url) as client,
    ):
        first = manner(client).invoke_streaming({}, session_id=SESSION_ID)
        assert await anext(first) == "1"
        await first.aclose()
        gc.collect()  # a blocking generator is closed when it is dropped
        assert await manner(client).invoke({}, session_id=SESSION_ID) == "12"

    assert ports[0] != ports[1]


# What belongs to no call.

LEFTOVERS = {
    "an answer": reply(body=b'"poison"'),
    "half a head": b"HTTP/1.1 200 OK\r\nX-Poison: ",
    "no http": b"poison\r\n",
    "a byte": b"p",
}


@pytest.mark.parametrize("name", LEFTOVERS)
@pytest.mark.parametrize("in_chunks", [False, True])
@pytest.mark.parametrize("later", [False, True])
async def test_what_comes_behind_an_answer_is_nobodys(manner: Make, name: str, in_chunks: bool, later: bool) -> None:
    """As from an agent that miscounts, or a proxy that mixes up two callers: the next call is not about it."""
    ports = []

    async def script(exchange: Exchange) -> None:
        ports.append(port_of(exchange))
        body = exchange.request.body
        answer = chunked("application/json") + chunk(body) + LAST_CHUNK if in_chunks else reply(body=body)
        if later:
            await exchange.send(answer)
            answer = b""
        await exchange.send(answer + LEFTOVERS[name])

    assert await twice(manner, script) == (["1", "2"], [b"1", b"2"])
    assert ports[0] != ports[1]


async def test_a_call_that_ends_leaves_the_next_one_on_its_connection_alone(manner: Make) -> None:
    """One has read its answer and stays in its block; another has taken the connection and is behind with reading."""
    ports = []
    many = [str(number) for number in range(200)]

    async def script(exchange: Exchange) -> None:
        ports.append(port_of(exchange))
        await exchange.send(chunked("text/event-stream"))
        if len(ports) == 1:
            # Half a character: what becomes of it is told after the end.
            await exchange.send(chunk(b'data: "half \\ud83d"\n\n') + LAST_CHUNK)
        else:
            body = b"".join(b"data: %s\n\n: %s\n" % (number.encode(), b"x" * 3000) for number in many)
            await exchange.send(b"".join(chunk(body[at : at + 3000]) for at in range(0, len(body), 3000)) + LAST_CHUNK)

    async with (
        asyncio.timeout(WAIT_S),
        loopback_server(script, keep_alive=True) as server,
        AgentCoreRuntimeClient(endpoint_url=server.endpoint_url, retries=ONCE) as client,
    ):
        first = manner(client).invoke_streaming(session_id=SESSION_ID)
        assert [await anext(first), await anext(first)] == ["half ", "\ufffd"]
        second = manner(client).invoke_streaming(session_id=SESSION_ID)
        begun = [await anext(second)]
        assert [piece async for piece in first] == []
        assert begun + [piece async for piece in second] == many

    assert ports[0] == ports[1]


@pytest.mark.parametrize(("version", "closed"), [(b"HTTP/1.1", True), (b"HTTP/2", False)])
async def test_a_connection_that_calls_share_is_left_to_them(version: bytes, closed: bool) -> None:
    """As that of a transport of one's own may be. Of one that is a call's own, nobody can tell what came behind."""
    calls = []

    class Connection:
        async def aclose(self) -> None:
            calls.append("close")

    class NoBody(httpx2.AsyncByteStream):
        async def __aiter__(self) -> AsyncIterator[bytes]:
            yield b""

    def answer(request: httpx2.Request) -> httpx2.Response:
        shown = {"http_version": version, "network_stream": Connection()}
        return httpx2.Response(200, stream=NoBody(), extensions=shown)

    async with RuntimeClient(auth=BearerAuth(TOKEN), transport=httpx2.MockTransport(answer)) as client:
        await client.stop_session(ARN, session_id=SESSION_ID)

    assert calls == ["close"] * closed


# Heads that never come.


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("fragment", [b"x", head("103 Early Hints", link="</x>")])
@pytest.mark.parametrize("is_first", [True, False])
async def test_a_head_that_never_comes_is_a_timeout_however_much_is_sent_instead(
    manner: Make,
    fragment: bytes,
    scheme: str,
    is_first: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for_server, trusted_file = loopback_certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(trusted_file))
    ports = set()

    async def script(exchange: Exchange) -> None:
        ports.add(port_of(exchange))
        if exchange.request.body == b"1":
            return await exchange.send(reply(body=b"1"))
        if len(fragment) == 1:
            await exchange.send(head(x_endless="")[:-4])
        with suppress(ConnectionError):
            while True:
                await exchange.send(fragment)
                await asyncio.sleep(0.01)

    async with (
        loopback_server(script, keep_alive=True, tls=for_server if scheme == "https" else None) as server,
        AgentCoreRuntimeClient(endpoint_url=server.endpoint_url) as client,
    ):
        if not is_first:
            assert await manner(client).invoke(1, session_id=SESSION_ID) == "1"
        with pytest.raises(ResponseTimeoutError, match=r"no answer from 127.0.0.1:\d+ within 0.4 s; the work may"):
            await manner(client).invoke(2, session_id=SESSION_ID, timeout=0.2)
        assert await manner(client).invoke(1, session_id=SESSION_ID, timeout=WAIT_S) == "1"

    assert len(ports) == 2


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


async def test_a_client_that_is_dropped_closes_its_connections() -> None:
    """Nobody closes one of the published package's."""
    hung_up = asyncio.Event()

    async def script(exchange: Exchange) -> None:
        await exchange.send(reply(body=b"1"))
        await exchange.peer_closed()
        hung_up.set()

    async with loopback_server(script, keep_alive=True) as server:
        client = AgentCoreRuntimeClient(endpoint_url=server.endpoint_url)
        assert await asyncio.to_thread(client.invoke, ARN, TOKEN, {}) == "1"
        del client
        gc.collect()
        async with asyncio.timeout(WAIT_S):
            await hung_up.wait()


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

    assert ConnectionSettings(use_fips=True).url_for(arn) == f"https://bedrock-agentcore-fips.{REGION}.amazonaws.com"
    assert ConnectionSettings(use_dualstack=True).url_for(arn) == f"https://bedrock-agentcore.{REGION}.api.aws"


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
        timers.append(timer_of(port_of(exchange)))
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

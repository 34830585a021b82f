"""Which requests over HTTP are let in, and what becomes of those that are not."""

from __future__ import annotations

import logging
import signal
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import anyio
import httpx2
import pytest

from agentcore_mcp._logs import Seldom
from agentcore_mcp.config.loading import load
from agentcore_mcp.server.assembly import create_server
from agentcore_mcp.server.transports.http import serve_http
from tests.support.runtimes import ARN
from tests.support.waiting import WAIT_S

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from anyio.abc import SocketStream

PING = b'{"jsonrpc":"2.0","id":1,"method":"ping"}'
HEADERS = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}
HEAD = b"POST /mcp HTTP/1.1\r\nHost: localhost\r\n" + b"".join(
    f"{name}: {value}\r\n".encode() for name, value in HEADERS.items()
)


@asynccontextmanager
async def served(**options: Any) -> AsyncIterator[str]:
    """Serve in this process, and give the URL."""
    server = create_server(load({"AGENTCORE_RUNTIME_ARN": ARN}).settings)
    announced, announcement = anyio.create_memory_object_stream[str](1)
    with anyio.fail_after(WAIT_S), announced, announcement:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(partial(serve_http, server, port=0, announce=announced.send_nowait, **options))
            yield await announcement.receive()
            signal.raise_signal(signal.SIGTERM)


@asynccontextmanager
async def connection(url: str) -> AsyncIterator[SocketStream]:
    async with await anyio.connect_tcp(urlsplit(url).hostname or "", urlsplit(url).port or 0) as stream:
        yield stream


GOOD = ["localhost", "LOCALHOST", "127.0.0.1", "[::1]", "127.0.0.2", "mcp.example.com", "other.example:8443"]
GOOD += ["localhost:80", "[::1]:65535", "mcp.example.com:1"]
BAD = ["evil.example", "localhost:80.evil.com", "localhost:", "localhost:80:80", "localhost.evil.com", "localhost:8x"]
BAD += ["xlocalhost", "other.example", "other.example:80", "mcp-example.com", "localhost:\u0661", "localhost:123456"]
BAD += ["localhost@evil.example", "", "::1", "127.0.0.1.evil.com:80", "localhost/evil.com", "localhost, evil.example"]


async def test_names_of_the_server_get_in_with_any_port_or_their_own_and_no_other_name_does() -> None:
    hosts, origins = {}, {}
    allowed = ("mcp.example.com", "other.example:8443")
    async with served(host="127.0.0.2", allowed_hosts=allowed) as url, httpx2.AsyncClient(timeout=WAIT_S) as client:

        async def status(name: bytes, value: str) -> int:
            return (await client.post(url, content=PING, headers={name: value.encode()})).status_code

        for name in (*GOOD, *BAD):
            hosts[name] = await status(b"Host", name)
            for scheme in ("http", "https", "ftp"):
                origins[scheme, name] = await status(b"Origin", f"{scheme}://{name}")
        null = await status(b"Origin", "null")

    assert {name for name, code in hosts.items() if code == 421} == set(BAD)
    let_in = {place for place, code in origins.items() if code != 403}
    assert let_in == {(scheme, name) for scheme in ("http", "https") for name in GOOD}
    assert null == 403


@pytest.mark.parametrize(
    ("header", "status"), [(b"Host: evil.example", b"421"), (b"Origin: https://evil.example", b"403")]
)
async def test_a_stranger_is_refused_before_its_body_is_there(header: bytes, status: bytes) -> None:
    host = b"" if header.startswith(b"Host") else b"Host: localhost\r\n"
    async with served() as url, connection(url) as stream:
        await stream.send(b"POST /mcp HTTP/1.1\r\n" + host + header + b"\r\nContent-Length: 4000000\r\n\r\n{")
        answered = await stream.receive()

    assert answered.split()[1] == status


async def test_a_request_with_two_lengths_is_refused_and_what_follows_is_not_read() -> None:
    async with served() as url, connection(url) as stream:
        lengths = b"Transfer-Encoding: chunked\r\nContent-Length: 60\r\n\r\n"
        await stream.send(HEAD + lengths + b"0\r\n\r\n" + HEAD + b"Content-Length: 40\r\n\r\n" + PING)
        received = b""
        with suppress(anyio.EndOfStream, anyio.BrokenResourceError):
            while True:
                received += await stream.receive()

    assert received.startswith(b"HTTP/1.1 400 ")
    assert received.count(b"HTTP/1.1 ") == 1


async def test_a_body_of_more_than_4_mib_and_a_head_of_more_than_256_kib_are_refused() -> None:
    async with served() as url, httpx2.AsyncClient(headers=HEADERS, timeout=WAIT_S) as client:
        bodies = [await client.post(url, content=PING.ljust(4 * 2**20 + more)) for more in (0, 1)]
        async with connection(url) as stream:
            await stream.send(HEAD + b"X-Long: " + b"a" * 2**18)
            refused = await stream.receive()

    assert [answer.status_code for answer in bodies] == [200, 413]
    assert refused.split()[1] == b"400"


@pytest.mark.parametrize("drips", [False, True])
@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"POST /mcp HTT",
        b"POST /mcp HTTP/1.1\r\nHost: localhost\r\nX-Slow: ",
        HEAD + b"Content-Length: 40000\r\n\r\n",
        HEAD + b"Content-Length: 40000\r\n\r\n" + PING[:20],
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n5000\r\n" + PING[:5],
        HEAD + b"Content-Length: 40\r\n\r\n" + PING + HEAD + b"X-Slow: ",
    ],
    ids=["nothing", "line", "head", "no body", "half a body", "half a chunk", "the next one"],
)
async def test_a_request_that_does_not_arrive_in_time_is_given_up_and_is_no_news(
    sent: bytes, drips: bool, caplog: pytest.LogCaptureFixture
) -> None:
    async with served(request_limit_s=0.4) as url, connection(url) as stream:

        async def drip() -> None:
            with suppress(anyio.BrokenResourceError, anyio.ClosedResourceError):
                while True:
                    await stream.send(b"x")
                    await anyio.sleep(0.02)

        async with anyio.create_task_group() as tasks:
            await stream.send(sent)
            if drips:
                tasks.start_soon(drip)
            with suppress(anyio.BrokenResourceError):
                async for _ in stream:
                    pass
            tasks.cancel_scope.cancel()
        async with httpx2.AsyncClient(headers=HEADERS, timeout=WAIT_S) as client:
            answered = await client.post(url, content=PING)

    assert answered.status_code == 200
    shown = [record for record in caplog.records if record.levelno >= logging.WARNING and Seldom().filter(record)]
    assert shown == []

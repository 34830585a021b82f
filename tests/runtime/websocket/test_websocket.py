"""WebSockets on a real socket: to agents of ours and of the published package, and to servers that misbehave."""

from __future__ import annotations

import asyncio
import json
import logging
import socket
import traceback
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
from websockets.asyncio.server import serve

from agentcore_mcp.errors import (
    AgentCoreError,
    ConfigurationError,
    ConnectError,
    InvalidRequestError,
    ProtocolError,
    ResponseTimeoutError,
    ServiceError,
    TransportError,
    WebSocketClosedError,
)
from agentcore_mcp.hosting.app import BedrockAgentCoreApp
from agentcore_mcp.runtime.sdk.client import AgentCoreRuntimeClient
from agentcore_mcp.runtime.websocket.connection import RuntimeWebSocket, connect
from agentcore_mcp.runtime.websocket.handshake import MESSAGE_MAX_BYTES
from agentcore_mcp.wire.limits import FRAME_MAX_BYTES
from tests.support import published
from tests.support.aws import botocore_authorization, botocore_presigned_signature, fake_session
from tests.support.clients import ARN, REGION, SESSION_ID
from tests.support.doors import FrontDoor
from tests.support.servers import Exchange, head, loopback_server, reply
from tests.support.serving import serving
from tests.support.tls import loopback_certificate
from tests.support.waiting import WAIT_S

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from pathlib import Path

    from starlette.websockets import WebSocket
    from websockets.asyncio.server import ServerConnection
    from websockets.http11 import Request, Response

TOKEN = "not.a.real-token"
SESSION_NAME = "X-Amzn-Bedrock-AgentCore-Runtime-Session-Id"
TENANT = {"X-Amzn-Bedrock-AgentCore-Runtime-Custom-Tenant": "a b"}

KEY = "dGhlIHNhbXBsZSBub25jZQ=="


@pytest.fixture(params=[BedrockAgentCoreApp, published.BedrockAgentCoreApp], ids=["ours", "published"])
def door(request: pytest.FixtureRequest) -> FrontDoor:
    """An agent that says who it talks to, and then everything again until it hears goodbye."""
    app = request.param()

    async def agent(websocket: WebSocket, context: Any) -> None:
        await websocket.accept()
        await websocket.send_json([context.session_id, websocket.headers.get(next(iter(TENANT)))])
        while (message := await websocket.receive()).get("text") != "goodbye":
            if message["type"] == "websocket.disconnect":
                return
            await websocket.send({**message, "type": "websocket.send"})
        await websocket.close()

    app.websocket(agent)
    return FrontDoor(app)


async def converse(websocket: RuntimeWebSocket) -> Any:
    """Exchange every kind of message and say goodbye; return what the agent said first."""
    async with asyncio.timeout(WAIT_S):
        hello = await websocket.receive_json()
        await websocket.send_text("größer\u2028")
        assert await websocket.receive_text() == "größer\u2028"
        await websocket.send_json({"größer": [1, None]})
        assert await websocket.receive_json() == {"größer": [1, None]}
        await websocket.send_bytes(b"\x00\xff")
        assert await websocket.receive_bytes() == b"\x00\xff"
        await websocket.send_text("x" * 100_000)
        await websocket.send_bytes(b"y" * 100_000)
        await websocket.send_text("goodbye")
        assert [message async for message in websocket] == ["x" * 100_000, b"y" * 100_000]
        return hello


@asynccontextmanager
async def client_of(door: FrontDoor) -> AsyncIterator[AgentCoreRuntimeClient]:
    with serving(door) as port:
        async with AgentCoreRuntimeClient(session=fake_session(), endpoint_url=f"http://127.0.0.1:{port}") as client:
            yield client


@pytest.mark.parametrize("shell_id", [None, "my-shell"])
async def test_signed_headers_open_a_conversation(door: FrontDoor, shell_id: str | None) -> None:
    async with client_of(door) as client:
        url, headers = client.generate_ws_connection(ARN, SESSION_ID, "DEFAULT", shell_id=shell_id, headers=TENANT)
        async with connect(url, headers) as websocket:
            assert await converse(websocket) == [SESSION_ID, "a b"]

    (request,) = door.requests
    assert request.header("authorization") == botocore_authorization(request, REGION)
    path = request.target.split("/runtimes/")[1].split("/", 1)[1]
    assert path == ("ws?qualifier=DEFAULT" if shell_id is None else "ws/shells?qualifier=DEFAULT&shellId=my-shell")
    assert websocket.session_id == SESSION_ID


async def test_a_presigned_url_opens_a_conversation(door: FrontDoor) -> None:
    async with client_of(door) as client:
        url = client.generate_presigned_url(ARN, SESSION_ID, custom_headers=TENANT)
        async with connect(url) as websocket:
            assert await converse(websocket) == [SESSION_ID, "a b"]

    (request,) = door.requests
    presigned = f"ws://{request.header('host')}{request.target}"
    assert f"X-Amz-Signature={botocore_presigned_signature(presigned, REGION)}" in request.target
    assert request.header("authorization") is None
    assert websocket.session_id == SESSION_ID


async def test_a_token_opens_a_conversation(door: FrontDoor) -> None:
    async with client_of(door) as client:
        url, headers = client.generate_ws_connection_oauth(ARN, TOKEN, SESSION_ID, headers=TENANT)
        async with connect(url, headers) as websocket:
            assert await converse(websocket) == [SESSION_ID, "a b"]

    assert door.requests[0].header("authorization") == f"Bearer {TOKEN}"


@pytest.mark.parametrize("token", [None, TOKEN])
async def test_the_client_connects_by_itself_too(door: FrontDoor, token: str | None) -> None:
    async with client_of(door) as client, client.connect_ws(ARN, token, headers=TENANT) as websocket:
        hello = await converse(websocket)

    assert hello == [websocket.session_id, "a b"]
    (request,) = door.requests
    sent = request.header("authorization")
    assert sent == (f"Bearer {TOKEN}" if token else botocore_authorization(request, REGION))


async def test_an_agent_that_runs_on_this_machine_needs_nothing(door: FrontDoor) -> None:
    with serving(door.agent) as port:
        async with connect(f"ws://localhost:{port}/ws") as websocket:
            assert await converse(websocket) == [None, None]

    assert websocket.session_id == ""


async def test_the_service_may_choose_another_session() -> None:
    async def agent(connection: ServerConnection) -> None:
        await connection.wait_closed()

    def choose(connection: ServerConnection, request: Request, response: Response) -> None:
        response.headers[SESSION_NAME] = "the-service-has-chosen-another-one"

    async with asyncio.timeout(WAIT_S), serve(agent, "127.0.0.1", 0, process_response=choose) as server:
        url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/ws"
        async with connect(url, {SESSION_NAME: SESSION_ID}) as websocket:
            assert websocket.session_id == "the-service-has-chosen-another-one"


# What is sent.


@asynccontextmanager
async def server_of(handler: Callable[[ServerConnection], Awaitable[None]]) -> AsyncIterator[str]:
    async with serve(handler, "127.0.0.1", 0, max_size=None) as server:
        yield f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/ws"


@pytest.mark.parametrize("size", [0, 1, FRAME_MAX_BYTES, FRAME_MAX_BYTES + 1, 3 * FRAME_MAX_BYTES + 7])
@pytest.mark.parametrize("text", [True, False])
async def test_no_frame_is_longer_than_agentcore_takes(size: int, text: bool) -> None:
    frames: list[bytes | str] = []
    done = asyncio.Event()

    async def agent(connection: ServerConnection) -> None:
        frames.extend([frame async for frame in connection.recv_streaming(decode=False)])
        done.set()

    async with asyncio.timeout(WAIT_S), server_of(agent) as url, connect(url) as websocket:
        message = "ä" * (size // 2) + "x" * (size % 2)
        await (websocket.send_text(message) if text else websocket.send_bytes(message.encode()))
        await done.wait()

    assert b"".join(frame if isinstance(frame, bytes) else frame.encode() for frame in frames) == message.encode()
    sizes = [len(frame) for frame in frames if frame]  # the library ends a long message with an empty frame
    assert sizes == [FRAME_MAX_BYTES] * (size // FRAME_MAX_BYTES) + [size % FRAME_MAX_BYTES] * (
        size % FRAME_MAX_BYTES > 0
    )


async def test_the_upgrade_is_asked_for_once_and_without_compression() -> None:
    """The generated headers have those of the upgrade, which the library makes again."""
    seen: list[list[tuple[str, str]]] = []

    async def agent(connection: ServerConnection) -> None:
        assert connection.request is not None
        seen.append(list(connection.request.headers.raw_items()))

    client = AgentCoreRuntimeClient(session=fake_session())
    _, headers = client.generate_ws_connection(ARN, SESSION_ID)
    async with asyncio.timeout(WAIT_S), server_of(agent) as url, connect(url, headers):
        pass

    names = [name.lower() for name, _ in seen[0]]
    assert sorted(names) == sorted({name.lower() for name in headers})
    assert "sec-websocket-extensions" not in names
    assert dict(seen[0])["User-Agent"].startswith("agentcore-mcp/")


CIRCULAR: list[Any] = []
CIRCULAR.append(CIRCULAR)
DEEP: list[Any] = []
for _ in range(100_000):
    DEEP = [DEEP]


@pytest.mark.parametrize(
    ("send", "message"),
    [
        (lambda websocket: websocket.send_json({1, 2}), "can't be sent as JSON"),
        (lambda websocket: websocket.send_json(CIRCULAR), "can't be sent as JSON: Circular reference"),
        (lambda websocket: websocket.send_json(DEEP), "can't be sent as JSON: maximum recursion depth"),
        (lambda websocket: websocket.send_text("\ud83d"), "surrogates not allowed"),
    ],
)
async def test_what_can_not_be_said_is_an_error_and_the_conversation_goes_on(
    send: Callable[[RuntimeWebSocket], Awaitable[None]], message: str
) -> None:
    async def agent(connection: ServerConnection) -> None:
        await connection.send(await connection.recv())

    async with asyncio.timeout(WAIT_S), server_of(agent) as url, connect(url) as websocket:
        with pytest.raises(InvalidRequestError, match=message):
            await send(websocket)
        await websocket.send_text("ok")
        assert await websocket.receive() == "ok"


# What is received.


async def test_a_message_of_another_kind_is_an_error() -> None:
    async def agent(connection: ServerConnection) -> None:
        for message in (b"\xff", "text", "no JSON", b"\xff\xff"):
            await connection.send(message)

    async with asyncio.timeout(WAIT_S), server_of(agent) as url, connect(url, {SESSION_NAME: SESSION_ID}) as websocket:
        with pytest.raises(ProtocolError, match="1 bytes arrived where text was expected") as caught:
            await websocket.receive_text()
        with pytest.raises(ProtocolError, match="a text arrived where bytes"):
            await websocket.receive_bytes()
        for _ in range(2):
            with pytest.raises(ProtocolError, match="no JSON"):
                await websocket.receive_json()

    assert caught.value.session_id == SESSION_ID


async def test_a_large_message_arrives_and_one_over_the_limit_does_not() -> None:
    async def agent(connection: ServerConnection) -> None:
        await connection.send("x" * 2_000_000)
        await connection.send(b"y" * 1000 for _ in range(MESSAGE_MAX_BYTES // 1000 + 1))

    async with asyncio.timeout(WAIT_S), server_of(agent) as url, connect(url) as websocket:
        assert len(await websocket.receive()) == 2_000_000
        with pytest.raises(ProtocolError, match=f"more than the {MESSAGE_MAX_BYTES} bytes"):
            await websocket.receive()


@pytest.mark.parametrize("code", [1000, 1001])
async def test_a_conversation_that_is_ended_ends_the_iteration(code: int) -> None:
    async def agent(connection: ServerConnection) -> None:
        await connection.send("last words")
        await connection.close(code, "that's all")

    async with asyncio.timeout(WAIT_S), server_of(agent) as url, connect(url) as websocket:
        assert [message async for message in websocket] == ["last words"]
        for call in (websocket.receive(), websocket.send_text("too late")):
            with pytest.raises(WebSocketClosedError, match=rf"code {code} \(\"that's all\"\)") as caught:
                await call

    assert (caught.value.code, caught.value.reason) == (code, "that's all")


@pytest.mark.parametrize(
    ("code", "meaning"),
    [(1008, "a limit of AgentCore"), (1011, "the agent failed"), (4000, "another client"), (4999, "up to the agent")],
)
async def test_any_other_close_code_is_an_error_that_says_what_it_means(code: int, meaning: str) -> None:
    async def agent(connection: ServerConnection) -> None:
        await connection.send("one")
        await connection.close(code)

    messages = []
    async with asyncio.timeout(WAIT_S), server_of(agent) as url, connect(url, {SESSION_NAME: SESSION_ID}) as websocket:
        with pytest.raises(WebSocketClosedError, match=f"code {code}: .*{meaning}") as caught:
            async for message in websocket:
                messages.append(message)  # noqa: PERF401 - those before the failure count

    assert messages == ["one"]
    assert (caught.value.code, caught.value.session_id) == (code, SESSION_ID)


async def test_a_connection_that_breaks_off_is_no_end_of_a_conversation() -> None:
    async def agent(connection: ServerConnection) -> None:
        await connection.send("one")
        connection.transport.abort()

    async with asyncio.timeout(WAIT_S), server_of(agent) as url, connect(url) as websocket:
        with pytest.raises(WebSocketClosedError, match="code 1006: the connection broke off") as caught:
            async for _ in websocket:
                pass

    assert caught.value.code == 1006


async def test_an_agent_that_fails_says_so_by_its_close_code(door: FrontDoor) -> None:
    async def agent(websocket: WebSocket, context: Any) -> None:
        await websocket.accept()
        raise ValueError("no")

    app: Any = door.agent
    app.websocket(agent)
    async with asyncio.timeout(WAIT_S), client_of(door) as client, client.connect_ws(ARN, TOKEN) as websocket:
        with pytest.raises(WebSocketClosedError, match="code 1011: the agent failed"):
            await websocket.receive()


# Leaving.


async def test_leaving_the_block_says_goodbye() -> None:
    codes: asyncio.Queue[int | None] = asyncio.Queue()

    async def agent(connection: ServerConnection) -> None:
        await connection.wait_closed()
        await codes.put(connection.close_code)

    async with asyncio.timeout(WAIT_S), server_of(agent) as url:
        async with connect(url):
            pass
        assert await codes.get() == 1000
        with pytest.raises(KeyError):
            async with connect(url):
                raise KeyError
        assert await codes.get() == 1000
        async with connect(url) as websocket:
            await websocket.close(4001, "had enough")
        assert await codes.get() == 4001


async def test_a_cancelled_block_says_goodbye_too_and_is_soon_left() -> None:
    code: asyncio.Future[int | None] = asyncio.get_running_loop().create_future()

    async def agent(connection: ServerConnection) -> None:
        await connection.wait_closed()
        code.set_result(connection.close_code)

    async def listen(url: str, ready: asyncio.Event) -> None:
        async with connect(url) as websocket:
            ready.set()
            await websocket.receive()

    async with asyncio.timeout(WAIT_S), server_of(agent) as url:
        ready = asyncio.Event()
        task = asyncio.create_task(listen(url, ready))
        await ready.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await code == 1000


# Upgrades that fail.


async def opening(url: str, **options: Any) -> None:
    async with asyncio.timeout(WAIT_S), connect(url, {SESSION_NAME: SESSION_ID}, **options):
        raise AssertionError("it should not have opened")


@asynccontextmanager
async def answering(answer: bytes) -> AsyncIterator[str]:
    async def script(exchange: Exchange) -> None:
        await exchange.send(answer)

    async with loopback_server(script) as server:
        yield server.endpoint_url.replace("http", "ws") + "/ws"


async def test_a_refusal_is_what_it_is_for_other_calls() -> None:
    answer = reply(
        "403 Forbidden",
        b'{"message":"Authorization method mismatch."}',
        content_type="application/json",
        x_amzn_ErrorType="AccessDeniedException",
        x_amzn_RequestId="11112222",
        x_proxy="größer",
    )
    async with answering(answer) as url:
        with pytest.raises(ServiceError, match="AccessDeniedException: Authorization method mismatch") as caught:
            await opening(url)

    error = caught.value
    assert (error.status, error.request_id, error.session_id) == (403, "11112222", SESSION_ID)


async def test_a_redirect_is_not_followed() -> None:
    async def arrive(exchange: Exchange) -> None:
        await exchange.send(reply())

    async with loopback_server(arrive) as elsewhere:
        location = elsewhere.endpoint_url.replace("http", "ws") + "/ws?token=s3cret"
        async with answering(reply("302 Found", location=location)) as url:
            with pytest.raises(ServiceError, match="which is not followed") as caught:
                await opening(url)

    assert elsewhere.requests == []
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    ("answer", "expected", "message"),
    [
        (b"", TransportError, "broke off during the upgrade"),
        (b"not HTTP at all\r\n\r\n", TransportError, "broke off during the upgrade"),
        (reply(body=b"hello", content_type="text/plain"), ServiceError, "HTTP 200: hello"),
        (reply("404 Not Found", b"<html>"), ServiceError, "<html>"),
        (head("101 Switching Protocols", upgrade="websocket", connection="Upgrade"), ProtocolError, "WebSocket server"),
        (
            head("101 Switching Protocols", upgrade="h2c", connection="Upgrade", sec_websocket_accept=KEY),
            ProtocolError,
            "WebSocket server",
        ),
    ],
)
async def test_an_answer_that_is_none_is_told_apart(
    answer: bytes, expected: type[AgentCoreError], message: str
) -> None:
    async with answering(answer) as url:
        with pytest.raises(expected, match=message) as caught:
            await opening(url)

    assert caught.value.session_id == SESSION_ID


async def test_silence_ends_at_the_timeout() -> None:
    async def stay_silent(exchange: Exchange) -> None:
        await exchange.peer_closed()

    async with loopback_server(stay_silent) as server:
        with pytest.raises(ResponseTimeoutError, match=r"within 0\.2 s; the agent may still be starting"):
            await opening(server.endpoint_url.replace("http", "ws"), open_timeout_s=0.2)


async def test_silence_ends_at_the_timeout_of_the_client_too() -> None:
    async def stay_silent(exchange: Exchange) -> None:
        await exchange.peer_closed()

    async with loopback_server(stay_silent) as server:
        with pytest.raises(ResponseTimeoutError, match=r"within 0\.2 s"):
            async with AgentCoreRuntimeClient(endpoint_url=server.endpoint_url).connect_ws(ARN, TOKEN, timeout=0.2):
                pass


@pytest.mark.parametrize("timeout_s", [0, -1, float("nan"), float("inf"), 1e12])
async def test_a_timeout_that_is_none_is_refused(timeout_s: float) -> None:
    async def never(exchange: Exchange) -> None:
        raise AssertionError("it was sent")

    async with loopback_server(never) as server:
        with pytest.raises(InvalidRequestError, match=r"the timeout is .* more than 0 and at most 86400 are allowed"):
            await opening(server.endpoint_url.replace("http", "ws"), open_timeout_s=timeout_s)


async def test_nobody_listening_means_nothing_was_sent() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    with pytest.raises(ConnectError, match=f"can't connect to 127.0.0.1:{port}"):
        await opening(f"ws://127.0.0.1:{port}/ws")


async def test_a_server_without_tls_gets_nothing_over_wss() -> None:
    async def accept(exchange: Exchange) -> None:
        await exchange.send(reply())

    async with loopback_server(accept) as server:
        with pytest.raises((ConnectError, ResponseTimeoutError)):
            await opening(server.endpoint_url.replace("http", "wss"), open_timeout_s=1)

    assert server.requests == []


async def test_wss_trusts_whom_the_environment_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As all other calls do."""

    async def agent(connection: ServerConnection) -> None:
        await connection.send("hello")

    context, certificate_file = loopback_certificate(tmp_path)
    async with asyncio.timeout(WAIT_S), serve(agent, "127.0.0.1", 0, ssl=context) as server:
        url = f"wss://127.0.0.1:{server.sockets[0].getsockname()[1]}/ws"
        with pytest.raises(ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
            await opening(url)
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate_file))
        async with connect(url) as websocket:
            assert await websocket.receive() == "hello"
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "none"))
        with pytest.raises(ConfigurationError, match="SSL_CERT_FILE"):
            await opening(url)


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("ws://example.com/ws", "would send everything unencrypted"),
        ("https://example.com/ws", "not a WebSocket URL"),
        ("wss://example.com:port/ws?X-Amz-Signature=s3cret", "not a WebSocket URL"),
        ("wss://example.com/ws#s3cret", "not a WebSocket URL"),
        ("wss://a..b/ws?X-Amz-Signature=s3cret", "not a WebSocket URL"),
        ("ws://s3cret@127.0.0.1:9/ws", "not a WebSocket URL"),
        ("ws://s3cret:%ff@127.0.0.1:9/ws", "not a WebSocket URL"),
        ("ws://localhost:\u0663/ws?X-Amz-Signature=s3cret", "not a WebSocket URL"),
    ],
)
async def test_a_url_that_is_not_safe_is_refused(url: str, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message) as caught:
        await opening(url)

    assert "s3cret" not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Tenant": "a\r\nAuthorization: s3cret"},
        {"X-Tenant": "s3cret\0"},
        {"X-Tenant": "s3cret\ud800"},
        {"X-Tenant: a\r\nX-Other": "s3cret"},
        {"X-Größe": "s3cret"},
        {"": "s3cret"},
    ],
)
async def test_what_is_no_header_is_refused(headers: dict[str, str]) -> None:
    with pytest.raises(InvalidRequestError, match="header") as caught:
        async with connect("ws://127.0.0.1:9/ws", headers):
            pass

    assert "s3cret" not in str(caught.value)


async def test_a_header_is_sent_as_utf_8() -> None:
    """As everywhere."""
    seen = []

    async def agent(connection: ServerConnection) -> None:
        assert connection.request is not None
        seen.append(connection.request.headers["X-Tenant"])

    async with asyncio.timeout(WAIT_S), server_of(agent) as url, connect(url, {"X-Tenant": "größer"}) as websocket:
        with pytest.raises(WebSocketClosedError):
            await websocket.receive()

    assert seen[0].encode("utf-8", "surrogateescape").decode() == "größer"


@pytest.mark.parametrize(
    ("code", "reason", "message"),
    [
        (1006, "", "the close code is 1006, 1000, 1001, 1003, 1007 to 1011 and 3000 to 4999 are allowed"),
        (1002, "", "the close code is 1002"),
        (5000, "", "the close code is 5000"),
        (99, "", "the close code is 99"),
        (1000, "ü" * 62, "the reason has 124 bytes, at most 123"),
        (1000, "\ud800", "the reason has a line break or another character that is not text"),
        (1000, "a\nb", "the reason has a line break"),
    ],
)
async def test_what_a_conversation_can_not_be_ended_with_is_refused(code: int, reason: str, message: str) -> None:
    async def agent(connection: ServerConnection) -> None:
        await connection.wait_closed()

    async with asyncio.timeout(WAIT_S), server_of(agent) as url, connect(url) as websocket:
        with pytest.raises(InvalidRequestError, match=message):
            await websocket.close(code, reason)
        await websocket.close(4321, "that's all")
        with pytest.raises(WebSocketClosedError) as caught:
            await websocket.receive()

    assert (caught.value.code, caught.value.reason) == (4321, "that's all")


@pytest.mark.parametrize("code", [1000, 1001, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 4999])
async def test_a_conversation_is_ended_with_what_an_endpoint_may_say(code: int) -> None:
    said: asyncio.Future[int | None] = asyncio.get_running_loop().create_future()

    async def agent(connection: ServerConnection) -> None:
        await connection.wait_closed()
        said.set_result(connection.close_code)

    async with asyncio.timeout(WAIT_S), server_of(agent) as url, connect(url) as websocket:
        await websocket.close(code)
        assert await said == code


async def test_wss_goes_through_the_proxy_of_the_environment_and_loopback_never(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def refuse(exchange: Exchange) -> None:
        await exchange.send(reply("407 Proxy Authentication Required"))

    async def agent(connection: ServerConnection) -> None:
        await connection.send("hello")

    async with loopback_server(refuse) as proxy, server_of(agent) as url:
        for name in ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "https_proxy", "http_proxy", "all_proxy"):
            monkeypatch.setenv(name, proxy.endpoint_url)
        client = AgentCoreRuntimeClient()
        with pytest.raises(ConnectError, match="bedrock-agentcore"):
            async with client.connect_ws(ARN, TOKEN):
                pass
        async with connect(url) as websocket:
            assert await websocket.receive() == "hello"

    (request,) = proxy.requests
    assert (request.method, request.target) == ("CONNECT", f"bedrock-agentcore.{REGION}.amazonaws.com:443")
    assert request.header("authorization") is None


@pytest.mark.parametrize("proxy", ["http://[", "socks5://user:s3cret@127.0.0.1:1", "gopher://user:s3cret@127.0.0.1:1"])
async def test_a_proxy_that_can_not_be_used_is_told_without_its_address(
    proxy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", proxy)
    with pytest.raises(ConfigurationError, match="check HTTPS_PROXY") as caught:
        await opening("wss://example.com/ws")

    assert "s3cret" not in "".join(traceback.format_exception(caught.value))


async def test_nothing_secret_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """The library's own log has all headers and messages at DEBUG."""

    async def agent(connection: ServerConnection) -> None:
        await connection.send(json.dumps({"secret": "s3cret"}))

    _, headers = AgentCoreRuntimeClient().generate_ws_connection_oauth(ARN, "s3cret")
    with caplog.at_level(logging.DEBUG):
        async with serve(agent, "127.0.0.1", 0, logger=logging.Logger("that nobody hears")) as server:
            url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/ws"
            async with asyncio.timeout(WAIT_S), connect(url, headers) as websocket:
                await websocket.receive()

    assert "s3cret" not in caplog.text

"""What quotes a request that was sent with credentials, and what is left of it in an error."""

from __future__ import annotations

import json
import traceback
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, quote_plus

import httpx2
import pytest

from agentcore_mcp.errors import AgentCoreError
from agentcore_mcp.runtime import BearerAuth, SigV4Auth
from agentcore_mcp.runtime.auth.redaction import redacted
from agentcore_mcp.runtime.sdk.client import AgentCoreRuntimeClient
from agentcore_mcp.runtime.websocket.connection import connect
from agentcore_mcp.wire.eventstream.frames import encode_frame
from tests.support.aws import SESSION_TOKEN, fake_session
from tests.support.clients import ARN, SESSION_ID
from tests.support.sdk import Async, Blocking, Manner, sdk_of
from tests.support.servers import Exchange, chunked, head, loopback_server, reply

if TYPE_CHECKING:
    from collections.abc import Callable

TOKEN = "eyJub3QiOiJhIn0.eyJyZWFsIjoidG9rZW4ifQ.c2lnbmF0dXJl/+x=="
CUSTOM = "X-Amzn-Bedrock-AgentCore-Runtime-Custom-"
SESSION_NAME = "X-Amzn-Bedrock-AgentCore-Runtime-Session-Id"

AUTHS: dict[str, Callable[[], httpx2.Auth]] = {
    "bearer": lambda: BearerAuth(TOKEN),
    "sigv4": lambda: SigV4Auth(fake_session()),
}


def in_a_header(name: str, status: str = "403 Forbidden") -> Callable[[str], bytes]:
    return lambda text: reply(status, b"no", **{name.replace("-", "_"): text})


QUOTES: dict[str, Callable[[str], bytes]] = {
    "body": lambda text: reply("403 Forbidden", text.encode()),
    "json": lambda text: reply("403 Forbidden", json.dumps({"message": f'"{text}"', "reason": text}).encode()),
    "half": lambda text: reply("502 Bad Gateway", text[:-20].encode()),
    "code": in_a_header("x-amzn-errortype"),
    "request id": in_a_header("x-amzn-requestid"),
    "challenge": in_a_header("www-authenticate", "401 Unauthorized"),
    "session": in_a_header(SESSION_NAME),
    "redirect": lambda text: reply("302 Found", location=f"http://127.0.0.1/{text.replace(' ', '/')}"),
    "type": lambda text: reply(body=b"no", content_type=text),
    "no command": lambda text: reply(body=text.encode(), content_type="text/html"),
    "no status line": lambda text: f"{text}\r\n\r\n".encode(),
    "no header": lambda text: f"HTTP/1.1 200 OK\r\n{text}\r\n\r\n".encode(),
    "no chunk": lambda text: chunked("application/vnd.amazon.eventstream") + f"{text}\r\n".encode(),
}


@pytest.mark.parametrize("manner", [Blocking, Async])
@pytest.mark.parametrize("auth", AUTHS)
@pytest.mark.parametrize("quote", QUOTES)
async def test_no_credential_comes_back_in_an_error(manner: type[Blocking | Async], auth: str, quote: str) -> None:
    sent = []

    async def script(exchange: Exchange) -> None:
        sent.append(exchange.request.header("authorization") or "")
        await exchange.send(QUOTES[quote](sent[0]))

    def client_of(client: object) -> Manner:
        return manner(client, None)  # type: ignore[arg-type]

    async with sdk_of(client_of, script, auth=AUTHS[auth]()) as (client, _):
        with pytest.raises(AgentCoreError) as caught:
            await client.execute_command(session_id=SESSION_ID)

    told = "".join(traceback.format_exception(caught.value)) + repr(vars(caught.value))
    for secret in (TOKEN, TOKEN[:20], sent[0], sent[0].rpartition("Signature=")[2][:20] or TOKEN):
        assert secret not in told
    assert caught.value.session_id == SESSION_ID


UPGRADED = head("101 Switching Protocols", upgrade="websocket", connection="Upgrade", sec_websocket_accept="?")
UPGRADES: dict[str, Callable[[str], bytes]] = {
    "body": lambda text: reply("403 Forbidden", text.encode()),
    "no status line": lambda text: f"{text}\r\n\r\n".encode(),
    "no header": lambda text: f"HTTP/1.1 101 Switching Protocols\r\n{text}\r\n\r\n".encode(),
    "accept": lambda text: UPGRADED.replace(b"?", text.encode()),
    "upgrade": lambda text: UPGRADED.replace(b"websocket", text.encode()),
    "redirect": lambda text: reply("302 Found", location=f"http://127.0.0.1/{text}"),
}


@pytest.mark.parametrize("upgrade", UPGRADES)
@pytest.mark.parametrize("way", ["token", "presigned"])
async def test_no_credential_comes_back_in_an_error_of_a_websocket(upgrade: str, way: str) -> None:
    sent = []

    async def script(exchange: Exchange) -> None:
        token = exchange.request.header("authorization") or exchange.request.target.rpartition("Signature=")[2]
        sent.append(token.removeprefix("Bearer "))
        await exchange.send(UPGRADES[upgrade](sent[0]))

    async with loopback_server(script) as server:
        client = AgentCoreRuntimeClient(endpoint_url=server.endpoint_url, session=fake_session())
        url, headers = client.generate_ws_connection_oauth(ARN, TOKEN)
        if way == "presigned":
            url, headers = client.generate_presigned_url(ARN), {}
        with pytest.raises(AgentCoreError) as caught:
            async with connect(url, headers):
                pass

    assert sent[0][:20] not in "".join(traceback.format_exception(caught.value)) + repr(vars(caught.value))


@pytest.mark.parametrize("manner", [Blocking, Async])
async def test_a_gateways_key_does_not_come_back_in_an_error(manner: type[Blocking | Async]) -> None:
    async def script(exchange: Exchange) -> None:
        await exchange.send(reply("403 Forbidden", f"who is {exchange.request.header('x-api-key')}?".encode()))

    async with sdk_of(manner, script) as (client, _):
        with pytest.raises(AgentCoreError, match=r"HTTP 403: who is \*\*\*\?") as caught:
            await client.invoke({}, session_id=SESSION_ID, headers={"X-Api-Key": "a-gateways-key"})

    assert "a-gateways-key" not in repr(vars(caught.value))


async def test_an_agent_that_quotes_its_caller_is_quoted_without() -> None:
    failure = {"error": f"no: {TOKEN}", "error_type": "Oh", "message": "An error occurred during streaming"}

    async def script(exchange: Exchange) -> None:
        await exchange.send(head(content_type="text/event-stream") + f"data: {json.dumps(failure)}\n\n".encode())

    async with sdk_of(Blocking, script) as (client, _):
        client.token = TOKEN  # type: ignore[attr-defined]
        with pytest.raises(AgentCoreError) as caught:
            await client.invoke({}, session_id=SESSION_ID)

    assert str(caught.value) == caught.value.message == "Oh: no: *** (An error occurred during streaming)"


def in_a_frame(payload: Any, **headers: str) -> bytes:
    names = {f":{name.replace('_', '-')}": value for name, value in headers.items()}
    return encode_frame({":message-type": "event", ":event-type": "chunk"} | names, json.dumps(payload).encode())


REFUSED = {"message_type": "exception", "exception_type": "validationException"}
IN_A_STREAM: dict[str, bytes] = {
    "no json": encode_frame({":message-type": "event", ":event-type": "chunk"}, TOKEN.encode()),
    "no object": in_a_frame(TOKEN),
    "event type": in_a_frame({}, event_type=TOKEN),
    "message type": in_a_frame({}, message_type=TOKEN),
    "stop": in_a_frame({"contentStop": {"exitCode": TOKEN, "status": TOKEN}}),
    "refusal": in_a_frame({"message": TOKEN, "reason": TOKEN, "fieldList": [{"name": TOKEN}]}, **REFUSED),
    "code": in_a_frame({"message": "oh"}, message_type="error", error_code=TOKEN, error_message=TOKEN),
    "request id": in_a_frame({"message": "oh"}, **REFUSED),
}


@pytest.mark.parametrize("manner", [Blocking, Async])
@pytest.mark.parametrize("quote", IN_A_STREAM)
async def test_no_credential_comes_back_in_an_error_inside_a_stream(manner: type[Blocking | Async], quote: str) -> None:
    async def script(exchange: Exchange) -> None:
        stream = "application/vnd.amazon.eventstream"
        await exchange.send(reply(body=IN_A_STREAM[quote], content_type=stream, x_amzn_requestid=TOKEN))

    async with sdk_of(lambda client: manner(client, TOKEN), script) as (client, _):
        with pytest.raises(AgentCoreError) as caught:
            await client.execute_command(session_id=SESSION_ID)

    assert TOKEN[:20] not in "".join(traceback.format_exception(caught.value)) + repr(vars(caught.value))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"Bearer {TOKEN}", "***"),
        (f'{{"token": "{TOKEN}"}}', '{"token": "***"}'),
        (json.dumps(TOKEN).replace("/", "\\/"), '"***"'),
        (TOKEN.replace("/", "%2F").replace("+", "%2B"), "***"),
        (f"<b>{TOKEN[:30]}</b>", "<b>***</b>"),
        ("This harness requires OAuth Bearer token authentication.",) * 2,
        (TOKEN[:10], TOKEN[:10]),
    ],
)
def test_every_spelling_is_known(text: str, expected: str) -> None:
    request = httpx2.Request("POST", "https://example.com", headers={"Authorization": f"Bearer {TOKEN}"})

    assert redacted(text, request) == expected


PRESIGNED = AgentCoreRuntimeClient(session=fake_session()).generate_presigned_url(
    ARN, SESSION_ID, "DEFAULT", {f"{CUSTOM}Key": "a/gateways+key"}
)


@pytest.mark.parametrize("name", ["X-Amz-Security-Token", "X-Amz-Signature", f"{CUSTOM}Key"])
@pytest.mark.parametrize("spelling", [str, lambda value: quote(value, safe=""), quote_plus])
@pytest.mark.parametrize("length", [None, 40])
def test_the_credentials_of_a_presigned_url_are_known(
    name: str, spelling: Callable[[str], str], length: int | None
) -> None:
    request = httpx2.Request("GET", "http" + PRESIGNED.removeprefix("ws"))
    secret = spelling(request.url.params[name])[:length]

    assert redacted(f"signed with '{secret}'", request) == "signed with '***'"
    harmless = f"{SESSION_ID} DEFAULT AWS4-HMAC-SHA256 {request.url.params['X-Amz-Credential']}"
    assert redacted(harmless, request) == harmless


def test_what_a_caller_adds_is_a_secret_unless_everybody_may_see_it() -> None:
    harmless = {
        "Content-Type": "application/json",
        "Accept": "text/event-stream",
        SESSION_NAME: SESSION_ID,
        "X-Amzn-Bedrock-AgentCore-Runtime-User-Id": "somebody",
        "traceparent": "00-11111111-22222222-01",
    }
    added = {"X-Api-Key": "a-gateways-key", "X-Proxy-Auth": "Basic dXNlcjpwYXNz", "X-Stage": "beta"}
    request = httpx2.Request("POST", "https://example.com", headers=harmless | added)

    assert redacted(" ".join(harmless.values()), request) == " ".join(harmless.values())
    assert redacted("a-gateways-key, dXNlcjpwYXNz, beta", request) == "***, ***, beta"


def test_a_session_token_is_a_credential_and_a_word_is_none() -> None:
    signed = httpx2.Request("POST", "https://example.com", headers={"X-Amz-Security-Token": SESSION_TOKEN})
    short = httpx2.Request("POST", "https://example.com", headers={"Authorization": "Bearer any"})

    assert redacted(f"a {SESSION_TOKEN} b", signed) == "a *** b"
    assert redacted("nothing here", signed) == "nothing here"
    assert redacted("Bearer any, in any case", short) == "***, in any case"

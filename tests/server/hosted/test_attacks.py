"""What an attacker tries who can reach a hosted server, or has a token of it: SECURITY.md lists these tests.

Each speaks to a real process over a real socket, and looks at what reached the agents. What is refused may be refused
by our code or a library's, as long as it is.
"""

from __future__ import annotations

import base64
import gzip
import hmac
import json
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import anyio
import httpx2
import jwt
import pytest
import pytest_asyncio

from agentcore_mcp.config.hosted import ServerAuth
from agentcore_mcp.server.hosted.keys import KeysUnavailableError
from agentcore_mcp.server.hosted.tokens import Tokens
from tests.support.hosted import PUBLIC_URL, VERSIONS, HostedServer, hosted_server, message
from tests.support.issuer import new_key
from tests.support.mcp_hosts import http_process, http_server
from tests.support.servers import Exchange, loopback_server, reply
from tests.support.tools import PREFIX, slow_command
from tests.support.waiting import WAIT_S

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

pytestmark = pytest.mark.asyncio(loop_scope="module")

ASK = {"jsonrpc": "2.0", "id": 1, "method": "tools/call"} | {
    "params": {"name": "invoke_agent", "arguments": {"prompt": "hi", "agent": "open"}}
}
LIST = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}
AGENTS = {
    "open": "",
    "closed": 'allow = { scopes = ["closed"] }',
    "bobs": 'allow = { subjects = ["bob"] }',
}
SCOPES = "agentcore:invoke agentcore:command agentcore:stop"


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[HostedServer]:
    async with hosted_server(tmp_path_factory.mktemp("hosted"), agents=AGENTS) as server:
        yield server


async def refused(server: HostedServer, token: str, status: int = 401) -> str:
    """Check that a token is refused and nothing reached an agent, and return the challenge."""
    before = len(server.runtime.requests)
    answer = await server.post(ASK, token)
    assert answer.status_code == status, answer.text
    assert len(server.runtime.requests) == before
    return str(answer.headers.get("www-authenticate", ""))


async def exchanged(server_url: str, request: bytes) -> bytes:
    """Send bytes over a connection of their own; return all until the server closes, or is silent after an answer."""
    url = urlsplit(server_url)
    received = b""
    async with await anyio.connect_tcp(url.hostname or "", url.port or 0) as connection:
        with suppress(anyio.EndOfStream, anyio.BrokenResourceError, TimeoutError):
            await connection.send(request)
            while True:
                with anyio.fail_after(3 if received else WAIT_S):
                    received += await connection.receive()
    return received


def head(server: HostedServer, *lines: str, body: bytes = b"", length: bool = True) -> bytes:
    """Write down a request with a good token."""
    fields = [
        f"Authorization: Bearer {server.token()}",
        "Content-Type: application/json",
        "Accept: application/json, text/event-stream",
        *([f"Content-Length: {len(body)}"] if length else []),
        *lines,
    ]
    if not any(line.lower().startswith("host:") for line in lines):
        fields.append("Host: mcp.example.com")
    return b"POST /mcp HTTP/1.1\r\n" + "".join(f"{line}\r\n" for line in fields).encode() + b"\r\n" + body


def _part(value: object) -> str:
    return _base64(json.dumps(value).encode())


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def claims_of(server: HostedServer, **claims: Any) -> dict[str, Any]:
    now = int(time.time())
    known = {"iss": server.issuer.url, "aud": PUBLIC_URL, "sub": "alice", "scope": SCOPES, "iat": now, "exp": now + 60}
    return {**known, **claims}


# Tokens.


async def test_a_token_for_another_server_is_refused(server: HostedServer) -> None:
    audiences: list[Any] = [
        "https://other.example/mcp",
        f"{PUBLIC_URL}/other",
        PUBLIC_URL.upper(),
        [],
        {PUBLIC_URL: 1},
        None,
    ]
    for audience in audiences:
        assert "does not name this server" in await refused(server, server.token(audience=audience))


async def test_another_issuer_is_refused_whatever_its_key(server: HostedServer) -> None:
    for issuer in ("https://evil.example", f"{server.issuer.url}/", server.issuer.url.upper(), [server.issuer.url], ""):
        token = jwt.api_jws.encode(
            json.dumps(claims_of(server, iss=issuer)).encode(),
            server.issuer.keys[0].private,
            "ES256",
            headers={"kid": server.issuer.keys[0].kid},
        )
        await refused(server, token)


async def test_an_unsigned_token_is_refused(server: HostedServer) -> None:
    for algorithm in ("none", "None", "NONE", "nOnE", "", None, 0, ["none"]):
        unsigned = f"{_part({'alg': algorithm, 'kid': 'first'})}.{_part(claims_of(server))}"
        for token in (unsigned, f"{unsigned}.", f"{unsigned}.{_base64(b'x')}"):
            await refused(server, token)


async def test_the_public_key_is_no_secret_to_sign_with(server: HostedServer) -> None:
    public = server.issuer.keys[0].private.public_key()
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    secrets = [
        json.dumps(server.issuer.keys[0].jwk()).encode(),
        public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
        public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        b"",
    ]
    for secret in secrets:
        for algorithm, digest in (("HS256", "sha256"), ("HS512", "sha512"), ("ES256", "sha256")):
            # By hand: PyJWT refuses to sign so.
            signed = f"{_part({'alg': algorithm, 'kid': 'first'})}.{_part(claims_of(server))}"
            await refused(server, f"{signed}.{_base64(hmac.digest(secret, signed.encode(), digest))}")


async def test_a_key_that_a_token_brings_or_names_is_not_used_and_not_fetched(server: HostedServer) -> None:
    async def own_key(exchange: Exchange) -> None:
        await exchange.send(reply(body=json.dumps({"keys": [mine.jwk()]}).encode(), content_type="application/json"))

    mine = new_key("mine")
    async with loopback_server(own_key) as evil:
        for headers in (
            {"jwk": mine.jwk()},
            {"jku": f"{evil.endpoint_url}/jwks", "x5u": f"{evil.endpoint_url}/x5u"},
            {"jku": f"{evil.endpoint_url}/jwks", "kid": "first"},
            {"x5c": ["not a certificate"], "kid": "first"},
            {"kid": f"{evil.endpoint_url}/jwks"},
        ):
            await refused(server, server.token(key=mine, headers=headers))

    assert evil.requests == []


async def test_an_expired_token_is_refused(server: HostedServer) -> None:
    assert "has expired" in await refused(server, server.token(exp=int(time.time()) - 31))
    assert "has expired" in await refused(server, server.token(exp=0))
    assert "no claim exp" in await refused(server, server.token(exp=None))


async def test_a_token_that_is_not_valid_yet_is_refused(server: HostedServer) -> None:
    for claims in ({"nbf": int(time.time()) + 90}, {"iat": int(time.time()) + 90}):
        assert "not valid yet" in await refused(server, server.token(**claims))


async def test_claims_of_every_kind_are_a_401_at_worst(server: HostedServer) -> None:
    """They are signed, so an issuer would have to be broken or hostile."""
    odd: list[Any] = [float("inf"), float("nan"), 10**400, -1, "x", "1" * 400, [], {}, True, None, "\ud800", "\x00"]
    for name in ("exp", "nbf", "iat", "sub", "aud", "iss", "scope", "scp", "groups", "client_id", "azp", "token_use"):
        for value in odd:
            payload = json.dumps(claims_of(server, **{name: value})).encode()
            key = server.issuer.keys[0]
            token = jwt.api_jws.encode(payload, key.private, "ES256", headers={"kid": key.kid})
            answer = await server.post(LIST, token)
            assert answer.status_code in (200, 401, 403), (name, value, answer.text)


async def test_key_ids_of_every_kind_are_a_401(server: HostedServer) -> None:
    kids: list[Any] = ["../../etc/passwd", "/dev/null", "' OR 1=1 --", "first\x00", "", None, 1, 1e999, True, [], {}]
    kids += [["first"], {"first": 1}, "\ud800", "\r\nX-Evil: 1", "x" * 8_000]
    mine = new_key("mine")
    for kid in kids:
        signed = f"{_part({'alg': 'ES256', 'kid': kid})}.{_part(claims_of(server))}"
        signature = jwt.algorithms.ECAlgorithm(jwt.algorithms.ECAlgorithm.SHA256).sign(signed.encode(), mine.private)
        challenge = await refused(server, f"{signed}.{_base64(signature)}")
        assert "evil" not in challenge.lower()


async def test_what_is_not_a_signed_token_of_ours_is_a_401(server: HostedServer) -> None:
    good = server.token()
    header, payload, signature = good.split(".")
    tokens = [
        # Encrypted, nested, or in another serialization.
        f"{_part({'alg': 'RSA-OAEP', 'enc': 'A256GCM', 'kid': 'first'})}.{_base64(b'k')}.{_base64(b'iv')}.x.y",
        jwt.api_jws.encode(
            good.encode(), server.issuer.keys[0].private, "ES256", headers={"kid": "first", "cty": "JWT"}
        ),
        json.dumps({"protected": header, "payload": payload, "signature": signature}).replace(" ", ""),
        # One part of another token.
        f"{header}.{payload}.{server.token(sub='bob').split('.')[2]}",
        f"{header}.{_part(claims_of(server, sub='bob'))}.{signature}",
        f"{header}.{payload}.",
        f"{header}.{payload}.{_base64(bytes(64))}",
        # Said to be detached, or with headers that have to be understood.
        server.token(headers={"b64": False, "crit": ["b64"]}),
        server.token(headers={"crit": ["exp"]}),
        f"{good}.",
        f".{good}",
        ".",
        "..",
        "a" * 9_000,
        _base64(b'{"alg":' + b"[" * 6_000) + ".e30.x",
    ]
    for token in tokens:
        await refused(server, token)


async def test_a_token_in_the_query_a_cookie_or_the_body_is_not_taken(server: HostedServer) -> None:
    before = len(server.runtime.requests)
    token = server.token()
    in_query = await server.http.post(f"{server.url}?access_token={token}", json=ASK)
    in_cookie = await server.post(ASK, headers={"Cookie": f"access_token={token}; Authorization=Bearer {token}"})
    in_form = await server.http.post(server.url, data={"access_token": token})

    assert [answer.status_code for answer in (in_query, in_cookie, in_form)] == [400, 401, 401]
    assert token not in in_query.text
    assert len(server.runtime.requests) == before


# Headers and bytes.


async def test_a_page_that_rebinds_its_name_gets_nothing(server: HostedServer) -> None:
    before = len(server.runtime.requests)
    for headers, status in (
        ({"Host": "evil.example"}, 421),
        ({"Host": "mcp.example.com.evil.example"}, 421),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Host": "evil.example", "X-Forwarded-Host": "mcp.example.com", "Forwarded": "host=mcp.example.com"}, 421),
    ):
        assert (await server.post(ASK, server.token(), headers=headers)).status_code == status

    assert len(server.runtime.requests) == before


async def test_forwarded_headers_change_nothing_that_is_answered(server: HostedServer) -> None:
    plain = await server.post(LIST)
    forwarded = {"X-Forwarded-Host": 'evil.example"', "X-Forwarded-Proto": "http", "X-Forwarded-Prefix": "/evil"}
    forwarded |= {
        "Forwarded": "host=evil.example;proto=http",
        "X-Original-URL": "/healthz",
        "X-Rewrite-URL": "/healthz",
    }
    answer = await server.post(LIST, headers=forwarded)
    root = server.url.removesuffix("/mcp")
    metadata = await server.http.get(f"{root}/.well-known/oauth-protected-resource/mcp", headers=forwarded)

    assert answer.status_code == plain.status_code == 401
    assert answer.headers["www-authenticate"] == plain.headers["www-authenticate"]
    assert metadata.json()["resource"] == PUBLIC_URL


async def test_nothing_of_a_request_gets_into_a_header_of_its_answer(server: HostedServer) -> None:
    """A challenge names the scopes of a token, which an issuer chose."""
    for scope in ('x"y', "x\\", "x\r\nX-Evil: 1", "x, Basic realm=evil", "é\u2028"):
        run = {**ASK, "params": {"name": "run_command", "arguments": {"command": "id", "agent": "open"}}}
        answer = await server.post(run, server.token(scope=None, scp=[scope, "agentcore:invoke"]))

        assert answer.status_code == 403
        assert "x-evil" not in answer.headers
        assert answer.headers["www-authenticate"].count('"') == 8


async def test_no_path_redirects_a_request_with_its_token_to_http(server: HostedServer) -> None:
    root = server.url.removesuffix("/mcp")
    for path in ("/mcp/", "/mcp//", "/mcp%2f", "/sessions/", "//mcp"):
        for method in ("GET", "POST", "DELETE"):
            headers = {"Authorization": f"Bearer {server.token()}", "Host": "mcp.example.com"}
            async with server.http.stream(method, f"{root}{path}", headers=headers) as answer:
                assert "location" not in answer.headers
    slash = {"Authorization": f"Bearer {server.token()}", "Accept": "application/json, text/event-stream"}
    assert (await server.http.post(f"{root}/mcp/", json=LIST, headers=slash)).status_code == 200


async def test_headers_that_are_there_twice_are_refused(server: HostedServer) -> None:
    body = json.dumps(LIST).encode()
    requests = [
        head(server, f"Authorization: Bearer {server.token(sub='bob')}", body=body),
        head(server, "Authorization: Basic YTpi", body=body),
        head(server, "Host: mcp.example.com", "Host: evil.example", body=body),
        head(server, "Host: mcp.example.com", "Host: mcp.example.com", body=body),
        head(server, "Content-Length: 5", body=body),
        head(server, "Content-Length: 0", body=body),
        head(server, f"Content-Length: +{len(body)}", body=body, length=False),
        head(server, f"Content-Length: {len(body)}, {len(body) + 1}", body=body, length=False),
    ]
    for request in requests:
        assert (await exchanged(server.url, request)).split(b" ", 2)[1] == b"400", request


async def test_a_request_is_not_let_in_by_the_one_before_it_on_the_connection(server: HostedServer) -> None:
    before = len(server.runtime.requests)
    listing, asking = json.dumps(LIST).encode(), json.dumps(ASK).encode()
    good = head(server, body=listing)
    without = b"\r\n".join(line for line in head(server, body=asking).split(b"\r\n") if b"Bearer" not in line)
    answers = await exchanged(server.url, good + without + without.replace(b"POST", b"post", 1))

    assert [answer[:3] for answer in answers.split(b"HTTP/1.1 ")[1:]] == [b"200", b"401", b"401"]
    assert len(server.runtime.requests) == before


async def test_a_request_has_nothing_of_the_trace_of_the_one_before_it_on_the_connection(server: HostedServer) -> None:
    """Balancers send those of several callers over one connection. A long body has its reading paused and resumed."""
    before = len(server.runtime.requests)
    trace = "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "baggage: team=alices"
    ask = json.dumps(ASK)
    first = head(server, *trace, body=ask.replace('"hi"', f'"{"x" * 900_000}"').encode())
    second = head(server, body=ask.encode()).replace(server.token().encode(), server.token(sub="bob").encode())
    url = urlsplit(server.url)
    async with await anyio.connect_tcp(url.hostname or "", url.port or 0) as connection:
        for request in (first, second, head(server, *trace, body=ask.encode()) + second):
            await connection.send(request)
            received = b""
            with anyio.fail_after(WAIT_S):
                while received.count(b"\r\n0\r\n\r\n") < request.count(b"POST /mcp"):
                    received += await connection.receive()
    traces = [each.header("traceparent") for each in server.runtime.requests[before:]]
    baggage = [each.header("baggage") for each in server.runtime.requests[before:]]

    assert [trace is not None for trace in traces] == [True, False, True, False]
    assert baggage == ["team=alices", None, "team=alices", None]


async def test_a_second_request_is_not_smuggled_in_the_body_of_another(server: HostedServer) -> None:
    before = len(server.runtime.requests)
    smuggled = head(server, body=json.dumps(ASK).encode())
    chunked = b"0\r\n\r\n" + smuggled
    for lines in (
        ("Transfer-Encoding: chunked",),
        ("Transfer-Encoding: chunked", "Transfer-Encoding: identity"),
        ("Transfer-Encoding: gzip, chunked",),
        ("Transfer-Encoding: xchunked",),
        ("Transfer-Encoding : chunked",),
        ("Transfer-Encoding: \x0bchunked",),
        (" Transfer-Encoding: chunked",),
    ):
        answer = await exchanged(server.url, head(server, *lines, body=chunked))
        assert answer.count(b"HTTP/1.1 ") == 1, (lines, answer)
        assert answer.split(b" ", 2)[1] in (b"400", b"501"), (lines, answer)

    assert len(server.runtime.requests) == before


async def test_bodies_that_are_too_large_are_refused_before_they_are_there(server: HostedServer) -> None:
    before = len(server.runtime.requests)
    announced = await exchanged(server.url, head(server, "Content-Length: 99999999999", length=False))
    in_chunks = head(server, "Transfer-Encoding: chunked", length=False) + b"".join(
        [b"100000\r\n" + b" " * 0x100000 + b"\r\n"] * 5
    )
    streamed = await exchanged(server.url, in_chunks)
    zipped = await server.post(
        gzip.compress(json.dumps(ASK).encode()), server.token(), headers={"Content-Encoding": "gzip"}
    )

    assert announced.split(b" ", 2)[1] == b"413"
    assert streamed.split(b" ", 2)[1] == b"413"
    assert zipped.status_code == 400
    assert len(server.runtime.requests) == before


# Bodies that the gate reads before the SDK does.


def bodies() -> Iterator[tuple[str, bytes]]:
    """Give calls of ``run_command``, which the token of the test lacks the scope for, by what is odd about them."""
    run = {"name": "run_command", "arguments": {"command": "id", "agent": "open"}}
    call = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": run}
    text = json.dumps(call)
    yield "plain", text.encode()
    yield "method twice, the call last", text.replace('"method"', '"method": "tools/list", "method"').encode()
    yield "method twice, the call first", text.replace('"params"', '"method": "ping", "params"').encode()
    yield "name twice", text.replace('"name"', '"name": "list_agents", "name"').encode()
    yield "name twice, the call first", text.replace('"arguments"', '"name": "list_agents", "arguments"').encode()
    yield "params twice", text.replace('"params"', '"params": {"name": "list_agents"}, "params"').encode()
    yield "params twice, the call first", (text[:-1] + ', "params": {"name": "list_agents"}}').encode()
    yield "escapes", text.replace("tools/call", r"tools\u002fcall").replace("run_command", r"\u0072un_command").encode()
    yield "escaped keys", text.replace('"method"', r'"\u006dethod"').replace('"name"', r'"n\u0061me"').encode()
    yield "other case", text.replace("tools/call", "Tools/Call").encode()
    yield "spaces", text.replace("run_command", " run_command ").encode()
    yield "null byte", text.replace("run_command", r"run_command\u0000").encode()
    yield "byte order mark", text.encode("utf-8-sig")
    yield "UTF-16", text.encode("utf-16")
    yield "UTF-32", text.encode("utf-32-le")
    yield "Latin-1", text.replace("id", "ïd").encode("latin-1")
    yield "lone surrogate", text.replace('"id"', r'"\ud800"', 2).encode()
    yield "surrogate as UTF-8", text.replace('"id"', '"\ud800"').encode(errors="surrogatepass")
    yield "batch", json.dumps([call]).encode()
    yield "batch of two", json.dumps([LIST, call]).encode()
    yield "two documents", json.dumps(LIST).encode() + text.encode()
    yield "lines", json.dumps(LIST).encode() + b"\n" + text.encode()
    yield "nested in params", json.dumps({**LIST, "params": {"params": run, **run}}).encode()
    yield "deep", (text[:-1] + ', "x": ' + "[" * 150 + "]" * 150 + "}").encode()
    yield "too deep", (text[:-1] + ', "x": ' + "[" * 100_000 + "]" * 100_000 + "}").encode()
    yield "long number", text.replace('"id": 1', '"id": 1' + "0" * 5_000).encode()
    yield "not a number", text.replace('"id": 1', '"id": NaN').encode()
    yield "id null", text.replace('"id": 1', '"id": null').encode()
    yield "no id", text.replace('"id": 1, ', "").encode()
    yield "id of an object", text.replace('"id": 1', '"id": {}').encode()
    yield "no version", text.replace('"jsonrpc": "2.0", ', "").encode()
    yield "also a result", (text[:-1] + ', "result": {}}').encode()
    yield "also an error", (text[:-1] + ', "error": {"code": 1, "message": ""}}').encode()
    yield "a session to go on with", text.replace('"open"', '"open", "session_id": "all"').encode()
    yield "a handle", text.replace('"agent"', '"handle": "x", "agent"').encode()
    yield "no arguments", json.dumps({**call, "params": {"name": "run_command"}}).encode()
    for odd in (None, [], "x", 1, [run], json.dumps(run)):
        yield f"params {type(odd).__name__}", json.dumps({**call, "params": odd}).encode()
        yield f"arguments {type(odd).__name__}", json.dumps({**call, "params": {**run, "arguments": odd}}).encode()
        yield f"name {type(odd).__name__}", json.dumps({**call, "params": {**run, "name": odd}}).encode()
        odd_agent = {**run, "arguments": {"command": "id", "agent": odd}}
        yield f"agent {type(odd).__name__}", json.dumps({**call, "params": odd_agent}).encode()
    yield "name in a list", json.dumps({**call, "params": {**run, "name": ["run_command"]}}).encode()
    yield "method in a list", json.dumps({**call, "method": ["tools/call"]}).encode()


async def test_no_way_to_write_a_call_gets_it_past_the_check_of_its_scopes(
    server: HostedServer, subtests: pytest.Subtests
) -> None:
    token = server.token(scope="agentcore:invoke")
    meta = {
        "io.modelcontextprotocol/protocolVersion": VERSIONS[1],
        "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "0"},
        "io.modelcontextprotocol/clientCapabilities": {},
    }
    others = [
        {},
        {"Mcp-Method": "tools/list"},
        {"Mcp-Method": "tools/call", "Mcp-Name": "invoke_agent"},
        {"Mcp-Method": "tools/call", "Mcp-Name": "run_command"},
        {"Mcp-Name": "list_agents"},
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/json; charset=utf-16"},
        {"Content-Encoding": "identity"},
        {"X-HTTP-Method-Override": "GET"},
    ]
    for what, body in bodies():
        with subtests.test(what):
            before = len(server.runtime.requests)
            for version in VERSIONS:
                sent = body
                if version == VERSIONS[1] and b'"params": {' in body:
                    sent = body.replace(b'"params": {', b'"params": {"_meta": ' + json.dumps(meta).encode() + b", ")
                for headers in others:
                    answer = await server.post(sent, token, version=version, headers=headers)
                    assert answer.status_code != 500, answer.text
            assert server.runtime.requests[before:] == []


async def test_a_body_in_pieces_is_read_as_a_whole(server: HostedServer) -> None:
    before = len(server.runtime.requests)
    call = json.dumps({**ASK, "params": {"name": "run_command", "arguments": {"command": "id", "agent": "open"}}})
    url = urlsplit(server.url)
    async with await anyio.connect_tcp(url.hostname or "", url.port or 0) as connection:
        start = head(server, "Transfer-Encoding: chunked", length=False)
        token = server.token(scope="agentcore:invoke").encode()
        await connection.send(start.split(b"Bearer ")[0] + b"Bearer " + token + b"\r\n" + start.split(b"\r\n", 2)[2])
        for byte in call.encode():
            await connection.send(b"1\r\n" + bytes([byte]) + b"\r\n")
        await connection.send(b"0\r\n\r\n")
        with anyio.fail_after(WAIT_S):
            answer = await connection.receive()

    assert answer.split(b" ", 2)[1] == b"403"
    assert len(server.runtime.requests) == before


async def test_an_agent_is_not_reached_by_another_way_to_name_it(
    server: HostedServer, subtests: pytest.Subtests
) -> None:
    """Alice's token lacks the scope of one agent, and the other is bob's."""
    names: list[Any] = [
        "closed",
        "bobs",
        " closed",
        "closed ",
        "CLOSED",
        "bobs\n",
        '"closed"',
        '["closed"]',
        ["closed"],
    ]
    names += [{"name": "bobs"}, "null", None, "", "open,closed", "ask_closed", "\u0441losed", "closed\x00", "%63losed"]
    for tool, arguments in (
        ("invoke_agent", {"prompt": "hi"}),
        ("run_command", {"command": "id"}),
        ("stop_session", {"session_id": "review"}),
        ("stop_session", {"session_id": "all"}),
        ("ask_closed", {"prompt": "hi"}),
        ("ask_bobs", {"prompt": "hi"}),
    ):
        for name in names:
            with subtests.test(f"{tool} {name!r}"):
                before = len(server.runtime.requests)
                for version in VERSIONS:
                    given = {**arguments, "agent": name}
                    answer = await server.call(tool, given, server.token(), version=version)
                    assert answer.status_code in (200, 400, 403, 404), answer.text
                reached = [each.target for each in server.runtime.requests[before:]]
                assert not any("closed" in target or "bobs" in target for target in reached)


async def test_a_session_leads_no_token_to_an_agent_whose_scope_it_lacks(server: HostedServer) -> None:
    """The ledger knows which agent a session is of, and a call may leave the agent's name out."""
    wide, narrow = server.token(sub="carol", scope=f"{SCOPES} closed"), server.token(sub="carol")
    for version in VERSIONS:
        named = f"of-{version}"
        asked = await server.call("invoke_agent", {"prompt": "hi", "agent": "closed", "session_id": named}, wide)
        session_id = message(asked)["result"]["structuredContent"]["session_id"]
        before = len(server.runtime.requests)
        for session in (named, f" {named} ", session_id, f"{session_id}\n"):
            for tool, arguments in (
                ("invoke_agent", {"prompt": "hi", "session_id": session}),
                ("invoke_agent", {"prompt": "hi", "session_id": session, "agent": ""}),
                ("invoke_agent", {"prompt": "hi", "session_id": session, "agent": None}),
                ("run_command", {"command": "id", "session_id": session, "agent": "null"}),
                ("run_command", {"command": "id", "session_id": session, "handle": ""}),
                ("stop_session", {"session_id": session}),
                ("stop_session", {"session_id": " ALL "}),
                ("stop_session", {"session_id": "all", "agent": "None"}),
            ):
                answer = await server.call(tool, arguments, narrow, version=version)
                assert answer.status_code == 403 or message(answer)["result"]["isError"], (tool, arguments, answer.text)
                assert "closed" in answer.headers.get("www-authenticate", "closed")

        assert server.runtime.requests[before:] == []


async def test_a_task_leads_no_token_to_an_agent_whose_scope_it_lacks(tmp_path: Path) -> None:
    """A task is a call of its caller, whose later tokens may have fewer scopes."""
    slow = slow_command()
    client = {"io.modelcontextprotocol/clientInfo": {"name": "test", "version": "0"}}
    declared: dict[str, Any] = {
        "io.modelcontextprotocol/clientCapabilities": {"extensions": {"io.modelcontextprotocol/tasks": {}}}
    }
    agents = {name: AGENTS[name] for name in ("open", "closed")}

    async def ask(server: HostedServer, method: str, params: dict[str, Any], token: str) -> httpx2.Response:
        meta = {"_meta": {"io.modelcontextprotocol/protocolVersion": VERSIONS[1], **client, **declared}}
        body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": {**params, **meta}}
        headers = {"Mcp-Name": str(params.get("name") or params.get("taskId") or params.get("task_id"))}
        return await server.post(body, token, version=VERSIONS[1], headers=headers)

    async with hosted_server(tmp_path, agents=agents, answer=slow, top="live_handoff_after = 0.2") as server:
        wide, narrow = server.token(sub="carol", scope=f"{SCOPES} closed"), server.token(sub="carol")
        call = {"name": "run_command", "arguments": {"command": "make", "agent": "closed"}}
        begun = message(await ask(server, "tools/call", call, wide))
        task_id = begun["result"]["taskId"]
        refused = [await ask(server, method, {"taskId": task_id}, narrow) for method in ("tasks/get", "tasks/cancel")]
        hidden = await ask(server, "tasks/get", {"task_id": task_id}, narrow)
        twice = await ask(server, "tasks/get", {"task_id": task_id, "taskId": "x"}, narrow)
        goes_on = message(await ask(server, "tasks/get", {"taskId": task_id}, wide))["result"]
        slow.go_on.set()

    assert [answer.status_code for answer in refused] == [403, 403]
    assert all("closed" in answer.headers["www-authenticate"] for answer in refused)
    assert "error" in message(hidden)
    assert "error" in message(twice)
    assert goes_on["status"] == "working"


async def test_an_agent_that_is_not_yours_is_refused_like_one_that_does_not_exist(server: HostedServer) -> None:
    answers = [
        message(await server.call("invoke_agent", {"prompt": "hi", "agent": name}, server.token()))
        for name in ("bobs", "bbos")
    ]
    listed = message(await server.request("tools/list", {}, server.token()))

    assert json.dumps(answers[0]).replace("bobs", "bbos") == json.dumps(answers[1])
    assert "bobs" not in json.dumps(listed)


# Sessions.


async def test_a_session_id_fixes_nobody_to_a_session(server: HostedServer) -> None:
    """What mallory hands to alice, by whatever header or argument, is not a session that mallory is in."""

    async def session_of(token: str, session_id: str, **headers: str) -> str | None:
        before = len(server.runtime.requests)
        call = {
            **ASK,
            "params": {
                "name": "invoke_agent",
                "arguments": {"prompt": "hi", "agent": "open", "session_id": session_id},
            },
        }
        await server.post(call, token, headers=headers)
        sent = server.runtime.requests[before:]
        return sent[0].header("X-Amzn-Bedrock-AgentCore-Runtime-Session-Id") if sent else None

    alice, mallory = server.token(), server.token(sub="mallory")
    named = await session_of(mallory, "review")
    chosen = "a-session-that-mallory-chose-0123456789"

    assert named is not None
    assert await session_of(alice, "review") not in (None, named)
    assert await session_of(alice, named) is None
    assert await session_of(alice, chosen) is None
    for header in ("Mcp-Session-Id", "X-Amzn-Bedrock-AgentCore-Runtime-Session-Id"):
        for fixed in (named, chosen):
            assert await session_of(alice, "", **{header: fixed}) not in (None, fixed)


async def test_nobody_but_an_operator_sees_or_stops_the_sessions_of_others(server: HostedServer) -> None:
    await server.post(ASK, server.token(sub="bob"))
    before = len(server.runtime.requests)
    root = server.url.removesuffix("/mcp")
    for token, status in ((None, 401), (server.token(), 403), (server.token(scope="agentcore:operator"), 403)):
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        for method, path in (("GET", ""), ("GET", "?subject=alice"), ("POST", "/stop?all=true"), ("HEAD", "")):
            answer = await server.http.request(method, f"{root}/sessions{path}", headers=headers)
            assert answer.status_code == status
            assert "bob" not in answer.text

    assert len(server.runtime.requests) == before


async def test_an_operator_who_misspells_which_sessions_stops_none(server: HostedServer) -> None:
    await server.post(ASK, server.token(sub="bob"))
    before = len(server.runtime.requests)
    url = f"{server.url.removesuffix('/mcp')}/sessions/stop"
    operator = {"Authorization": f"Bearer {server.token(scope='agentcore:operate')}"}
    for query in ("", "?all=false", "?all", "?session=x", "?subject=bob&sesion_id=x", "?all=true&agnet=open"):
        answer = await server.http.post(f"{url}{query}", headers=operator)
        assert answer.status_code == 400
        assert "say which sessions in the query: all=true, or session_id" in answer.text

    assert len(server.runtime.requests) == before


async def test_a_page_of_another_server_on_this_machine_stops_no_sessions() -> None:
    """Without tokens, programs on the machine are operators. A browser sends such a request without asking first."""
    async with (
        http_server("--runtime-arn", f"{PREFIX}/one-0123456789", env={}) as url,
        httpx2.AsyncClient(trust_env=False, timeout=WAIT_S) as http,
    ):
        stop = f"{url.removesuffix('/mcp')}/sessions/stop?all=true"
        answers = [await http.post(stop, headers=page) for page in ({}, {"Origin": "http://localhost:3000"})]

    assert [answer.status_code for answer in answers] == [200, 403]


# What the server fetches and writes.


async def test_no_metadata_of_an_issuer_makes_the_server_fetch_from_elsewhere(tmp_path: Path) -> None:
    """An issuer that was taken over names the address of a service that only the server reaches."""

    async def inside(exchange: Exchange) -> None:
        await exchange.send(reply(body=b'{"keys": []}', content_type="application/json"))

    async def hostile(exchange: Exchange) -> None:
        path = exchange.request.target
        metadata = {"issuer": evil.endpoint_url, **elsewhere}
        if "openid" not in path:
            await exchange.send(reply("404 Not Found"))
        elif "deep" in elsewhere:
            await exchange.send(reply(body=elsewhere["deep"], content_type="application/json"))
        elif "redirect" in elsewhere:
            await exchange.send(reply("302 Found", location=elsewhere["redirect"]))
        else:
            await exchange.send(reply(body=json.dumps(metadata).encode(), content_type="application/json"))

    elsewhere: dict[str, Any] = {}
    async with loopback_server(inside) as secret, loopback_server(hostile) as evil:
        port = urlsplit(secret.endpoint_url).port
        for place in (
            {"redirect": f"{secret.endpoint_url}/latest/meta-data"},
            {"issuer": secret.endpoint_url, "jwks_uri": f"{secret.endpoint_url}/jwks"},
            {"jwks_uri": f"http://metadata.google.internal:{port}/"},
            {"jwks_uri": f"http://127.0.0.1.nip.io:{port}/"},
            {"jwks_uri": f"http://localhost.evil.example:{port}/"},
            {"jwks_uri": f"gopher://127.0.0.1:{port}/"},
            {"jwks_uri": "file:///etc/passwd"},
            {"jwks_uri": "http://169.254.169.254/latest/meta-data"},
            {"jwks_uri": [f"{secret.endpoint_url}/jwks"]},
            {"deep": b"[" * 100_000},
        ):
            elsewhere = place
            async with httpx2.AsyncClient(trust_env=False, timeout=WAIT_S) as http:
                tokens = Tokens(ServerAuth.model_validate({"issuers": [evil.endpoint_url]}), PUBLIC_URL, http)
                token = jwt.encode({"iss": evil.endpoint_url}, new_key("x").private, "ES256", headers={"kid": "x"})
                with pytest.raises(KeysUnavailableError):
                    await tokens.principal(token)

    assert secret.requests == []


async def test_what_an_attacker_writes_makes_no_line_of_the_log(tmp_path: Path) -> None:
    forged = "\nagentcore-mcp: forged\r\x1b[2Jforged\u2028forged"

    async def hostile(exchange: Exchange) -> None:
        metadata = {"issuer": forged, "jwks_uri": forged}
        await exchange.send(reply(body=json.dumps(metadata).encode(), content_type="application/json"))

    async with loopback_server(hostile) as issuer:
        config = tmp_path / "config.toml"
        config.write_text(
            f'[server]\npublic_url = "{PUBLIC_URL}"\nauth = {{ issuers = ["{issuer.endpoint_url}"] }}\n'
            f'[agents.one]\narn = "{PREFIX}/one-0123456789"\n'
        )
        async with (
            http_process("--config", str(config), env={}) as (url, process),
            httpx2.AsyncClient(timeout=WAIT_S) as http,
        ):
            claims = {"iss": issuer.endpoint_url, "sub": forged}
            token = jwt.encode(claims, new_key("x").private, "ES256", headers={"kid": forged})
            for _ in range(2):
                sent = {"Authorization": f"Bearer {token}", "X-Request-Id": "forged", "Traceparent": "forged"}
                answer = await http.post(f"{url}?forged=%0Aforged", json={"method": forged}, headers=sent)
                assert answer.status_code == 503
            await exchanged(url, b"POST /mcp HTTP/1.1\r\nHost: x\r\nX: \nagentcore-mcp: forged\r\n\r\n")
            await exchanged(url, b"\nagentcore-mcp: forged\r\n\r\n")
            process.terminate()
            assert process.stderr is not None
            log = b"".join([piece async for piece in process.stderr])

    lines = log.decode().splitlines()
    assert any("can't fetch the keys" in line for line in lines)
    assert all(line.startswith("agentcore-mcp: ") for line in lines)
    assert not any(line.startswith("agentcore-mcp: forged") for line in lines)
    assert "\x1b" not in log.decode()

"""Whatever goes wrong is a tool error that says what to do, and the next call is served."""

from __future__ import annotations

import json
import socket
from typing import TYPE_CHECKING, Any

import anyio
import botocore.session
import httpx2
import pytest
from mcp import Client

from agentcore_mcp.config import Agent, Auth, Settings
from agentcore_mcp.config.loading import load
from agentcore_mcp.errors import ServiceError
from agentcore_mcp.runtime import BearerAuth, SigV4Auth
from agentcore_mcp.runtime.client import RuntimeClient
from agentcore_mcp.runtime.retries import Retries
from agentcore_mcp.server.assembly import create_server
from agentcore_mcp.wire.eventstream import (
    ContentDelta,
    ContentStart,
    ContentStop,
    encode_command_event,
)
from agentcore_mcp.wire.eventstream.events import encode_exception
from agentcore_mcp.wire.eventstream.frames import encode_frame
from agentcore_mcp.wire.ids import RuntimeArn
from tests.support.runtimes import ARN
from tests.support.servers import LAST_CHUNK, Exchange, LoopbackServer, chunk, chunked, head, loopback_server, reply
from tests.support.sse import encode_sse
from tests.support.waiting import WAIT_S

if TYPE_CHECKING:
    from mcp.types import CallToolResult

# As often as always, without the pauses.
QUICK = Retries(first_pause_s=0.001)
SECRET = "not-a-real-token"
SESSION = "a-session-of-this-test-0123456789abcdef"
EVENT_STREAM = "application/vnd.amazon.eventstream"
ANSWERS = {
    "/invocations": reply(body=b'"fine"', content_type="application/json"),
    "/commands": reply(
        body=encode_command_event(ContentStart()) + encode_command_event(ContentStop(0, "COMPLETED")),
        content_type=EVENT_STREAM,
    ),
    "/stopruntimesession": reply(body=b"{}", content_type="application/json"),
}
CALLS: dict[str, dict[str, Any]] = {
    "invoke_agent": {"prompt": "hello", "session_id": SESSION},
    "run_command": {"command": "ls", "session_id": SESSION},
    "stop_session": {"session_id": SESSION},
}


def _settings(endpoint_url: str, *, token: str | None = SECRET) -> Settings:
    if token is None:
        arn = RuntimeArn.parse(ARN)
        return Settings(agents=(Agent(name="test_agent", arn=arn, endpoint_url=endpoint_url, auth=Auth(none=True)),))
    return load(
        {
            "AGENTCORE_RUNTIME_ARN": ARN,
            "AGENTCORE_ENDPOINT_URL": endpoint_url,
            "AGENTCORE_BEARER_TOKEN": token,
        }
    ).settings


def _text(result: CallToolResult) -> str:
    return "".join(block.text for block in result.content if block.type == "text")


class Failing:
    """A runtime that answers with the given bytes until it is well again, and then as it should."""

    def __init__(self, *pieces: bytes) -> None:
        self._pieces = pieces
        self.well = False

    async def __call__(self, exchange: Exchange) -> None:
        if self.well:
            path = exchange.request.target.partition("?")[0]
            await exchange.send(next(answer for end, answer in ANSWERS.items() if path.endswith(end)))
            return
        for piece in self._pieces:
            await exchange.send(piece)


async def _fails_once(tool: str, *pieces: bytes, token: str | None = SECRET) -> str:
    """Call a tool at a runtime that fails; return the error's text after seeing the next call succeed."""
    failing = Failing(*pieces)
    with anyio.fail_after(WAIT_S):
        async with (
            loopback_server(failing) as runtime,
            Client(create_server(_settings(runtime.endpoint_url, token=token), retries=QUICK), mode="legacy") as client,
        ):
            failed = await client.call_tool(tool, CALLS[tool])
            sent = len(runtime.requests)
            failing.well = True
            following = await client.call_tool(tool, CALLS[tool])
    assert failed.is_error
    assert not following.is_error
    # What the agent may have seen is never sent again by itself; stopping is harmless, and the front door's two "not
    # now" come before the agent.
    may_repeat = tool == "stop_session" or any(code in _text(failed) for code in ("RetryableConflict", "Throttling"))
    assert sent == 1 or may_repeat
    assert SECRET not in _text(failed)
    assert "Traceback" not in _text(failed)
    return _text(failed)


def _refusal(status: str, code: str, message: str, **headers: str) -> bytes:
    return reply(
        status,
        json.dumps({"message": message}).encode(),
        content_type="application/json",
        x_amzn_errortype=f"{code}:http://internal.amazon.com/coral/",
        x_amzn_requestid="0a1b2c3d",
        **headers,
    )


@pytest.mark.parametrize("tool", CALLS)
@pytest.mark.parametrize(
    ("status", "code", "next_step"),
    [
        ("400 Bad Request", "ValidationException", "Correct the argument"),
        ("402 Payment Required", "ServiceQuotaExceededException", "stop_session"),
        ("403 Forbidden", "AccessDeniedException", "AGENTCORE_BEARER_TOKEN"),
        ("409 Conflict", "RetryableConflictException", "Wait 5 seconds"),
        ("409 Conflict", "ConflictException", "Wait 5 seconds"),
        ("424 Failed Dependency", "RuntimeClientError", "in the logs of what answers at http://127.0.0.1"),
        ("429 Too Many Requests", "ThrottlingException", "Wait 10 seconds"),
        ("500 Internal Server Error", "InternalServerException", "reports an internal fault"),
    ],
)
async def test_a_refusal_tells_code_status_ids_and_the_next_step(
    tool: str, status: str, code: str, next_step: str
) -> None:
    text = await _fails_once(tool, _refusal(status, code, "the service's own words"))

    known = ("agent test_agent, runtime test_agent-0123456789", f"session_id: {SESSION}", "request 0a1b2c3d")
    for part in (code, "the service's own words", f"HTTP {status[:3]}", *known):
        assert part in text
    assert next_step in text


@pytest.mark.parametrize("seconds", ["0", "9" * 400])
async def test_a_time_to_come_back_that_is_none_is_left_aside(seconds: str) -> None:
    refusal = _refusal("429 Too Many Requests", "ThrottlingException", "slow down", retry_after=seconds)

    assert "Wait 10 seconds and call again." in await _fails_once("invoke_agent", refusal)


@pytest.mark.parametrize("status", ["403 Forbidden", "404 Not Found", "429 Too Many Requests"])
async def test_a_session_that_the_service_did_not_open_is_not_listed(status: str) -> None:
    async with (
        loopback_server(Failing(_refusal(status, "", "no"))) as runtime,
        Client(create_server(_settings(runtime.endpoint_url), retries=QUICK), mode="legacy") as client,
    ):
        await client.call_tool("run_command", CALLS["run_command"])
        listed = await client.call_tool("list_agents", {})

    assert SESSION not in _text(listed)


@pytest.mark.parametrize("tool", ["invoke_agent", "run_command"])
async def test_an_unknown_runtime_names_the_settings(tool: str) -> None:
    text = await _fails_once(tool, _refusal("404 Not Found", "ResourceNotFoundException", "No endpoint or agent found"))

    assert "AGENTCORE_RUNTIME_ARN and AGENTCORE_QUALIFIER (or --qualifier)" in text


async def test_stopping_a_session_that_is_gone_is_no_error() -> None:
    async def gone(exchange: Exchange) -> None:
        await exchange.send(_refusal("404 Not Found", "ResourceNotFoundException", "Session not found"))

    async with (
        loopback_server(gone) as runtime,
        Client(create_server(_settings(runtime.endpoint_url)), mode="legacy") as client,
    ):
        result = await client.call_tool("stop_session", CALLS["stop_session"])

    assert not result.is_error
    assert result.structured_content == {"session_id": SESSION, "status": "already_gone", "stopped": [], "count": 0}


@pytest.mark.parametrize(
    ("answer", "token", "next_step"),
    [
        pytest.param(
            reply(
                "401 Unauthorized",
                b'{"jsonrpc":"2.0","error":{"code":-32001,"message":"Missing Authentication Token"}}',
                www_authenticate='Bearer resource_metadata="https://example.com/x"',
            ),
            None,
            "This runtime expects OAuth",
            id="no token where OAuth is expected",
        ),
        pytest.param(
            _refusal("403 Forbidden", "AccessDeniedException", "Authorization method mismatch. The agent is ..."),
            None,
            "This runtime expects OAuth",
            id="a signature where OAuth is expected",
        ),
        pytest.param(
            reply("403 Forbidden", b'{"message":"OAuth authorization failed: Failed to parse token"}'),
            SECRET,
            "be read as a token: check AGENTCORE_BEARER_TOKEN",
            id="garbage as a token",
        ),
        pytest.param(
            _refusal("403 Forbidden", "UnrecognizedClientException", "The security token is invalid"),
            SECRET,
            "remove AGENTCORE_BEARER_TOKEN",
            id="a token where a signature is expected",
        ),
        pytest.param(
            reply(
                "401 Unauthorized",
                b'{"jsonrpc":"2.0","error":{"code":-32001,"message":"Ineffectual token, will expire"}}',
                www_authenticate='Bearer resource_metadata="https://example.com/x"',
            ),
            SECRET,
            "The token has expired",
            id="an expired token",
        ),
        pytest.param(
            _refusal("403 Forbidden", "AccessDeniedException", "not authorized to perform the action"),
            None,
            "asks for credentials, and this server sends none: set auth of the agent test_agent",
            id="nothing where credentials are expected",
        ),
    ],
)
async def test_refused_credentials_name_the_setting_to_change(answer: bytes, token: str | None, next_step: str) -> None:
    assert next_step in await _fails_once("invoke_agent", answer, token=token)


UNKNOWN_OPERATION = "com.amazon.coral.service#UnknownOperationException"
FOREIGN = {
    "a sign-in page": reply(body=b"<html><title>Sign in</title></html>", content_type="text/html"),
    "a proxy's refusal": reply("403 Forbidden", b"<html>Blocked by policy</html>", content_type="text/html"),
    "a proxy's words": reply("403 Forbidden", b"RBAC: access denied", content_type="text/plain"),
    "a proxy that wants a password": reply("407 Proxy Authentication Required", b"<html></html>"),
    "a portal": reply("302 Found", location="https://portal.example.com/sign-in"),
    "a web server": reply("404 Not Found", b"<html>404</html>", content_type="text/html"),
    "a load balancer": reply("503 Service Unavailable", b"<html>no targets</html>", content_type="text/html"),
    "another service of AWS": reply("404 Not Found", x_amzn_errortype=UNKNOWN_OPERATION, x_amzn_requestid="1a2b"),
}


@pytest.mark.parametrize("tool", CALLS)
@pytest.mark.parametrize("answer", FOREIGN)
async def test_an_answer_that_agentcore_did_not_write_says_so_and_what_to_check(tool: str, answer: str) -> None:
    text = await _fails_once(tool, FOREIGN[answer])

    assert "Something on the way" in text or "something on the way" in text
    assert "proxy" in text
    assert "the token from" not in text
    assert "doesn't exist in the ARN's account" not in text


@pytest.mark.parametrize("status", ["400 Bad Request", "404 Not Found", "500 Internal Server Error", "502 Bad Gateway"])
@pytest.mark.parametrize("body", [b"", b"<html><h1>Not what you expected</h1></html>", b"[1, 2", b"\xff\xfe"])
async def test_an_answer_from_something_else_is_an_error_with_its_status(status: str, body: bytes) -> None:
    text = await _fails_once("invoke_agent", reply(status, body, content_type="text/html"))

    assert f"HTTP {status[:3]}" in text


async def test_a_failure_inside_the_answer_comes_with_what_was_said_before() -> None:
    failure = {"error": "no model", "error_type": "ModelError", "message": "An error occurred during streaming"}
    body = encode_sse('"Let me see. "') + encode_sse(json.dumps(failure))
    text = await _fails_once("invoke_agent", reply(body=body, content_type="text/event-stream"))

    assert "ModelError: no model" in text
    assert "the agent's own code" in text
    assert "Let me see. " in text


@pytest.mark.parametrize(
    ("tool", "pieces"),
    [
        ("invoke_agent", (chunked("text/event-stream"), chunk(encode_sse('"begun "')))),
        ("invoke_agent", (head(content_type="application/json", content_length="100"), b'"begun ')),
        ("run_command", (chunked(EVENT_STREAM), chunk(encode_command_event(ContentDelta("begun "))))),
        ("run_command", (chunked(EVENT_STREAM), chunk(encode_command_event(ContentDelta("begun "))), LAST_CHUNK)),
    ],
)
async def test_an_answer_that_breaks_off_is_an_error_with_what_had_arrived(tool: str, pieces: tuple[bytes]) -> None:
    text = await _fails_once(tool, *pieces)

    assert "may still be running" in text
    assert "begun " in text


async def test_an_exception_inside_a_command_is_told_with_its_code() -> None:
    frames = encode_command_event(ContentDelta("begun ")) + encode_exception("ThrottlingException", "slow down")
    text = await _fails_once("run_command", reply(body=frames, content_type=EVENT_STREAM))

    assert "ThrottlingException: slow down" in text
    assert "begun " in text


@pytest.mark.parametrize("code", ["ValidationException", "ThrottlingException", "InternalServerException"])
async def test_an_exception_inside_a_command_does_not_invite_a_second_run(code: str) -> None:
    frames = encode_command_event(ContentDelta("begun ")) + encode_exception(code, "no")
    text = await _fails_once("run_command", reply(body=frames, content_type=EVENT_STREAM))

    assert "may still be running" in text
    assert "call again" not in text


@pytest.mark.parametrize("token", [SECRET, None])
async def test_a_refusal_that_quotes_the_request_gives_no_secret_away(token: str | None) -> None:
    secrets = {"aws_secret_access_key": "not-a-real-secret/0123456789", "aws_session_token": "not/a+real/session=="}

    async def echo(exchange: Exchange) -> None:
        quoted = "\n".join(f"{name}:{value}" for name, value in exchange.request.headers)
        await exchange.send(_refusal("403 Forbidden", "InvalidSignatureException", f"does not match:\n{quoted}"))

    session = botocore.session.Session()
    session.set_credentials("AKIAIOSFODNN7EXAMPLE", *secrets.values())
    async with loopback_server(echo) as runtime:
        auth = BearerAuth(token) if token else SigV4Auth(session)
        async with RuntimeClient(auth=auth, endpoint_url=runtime.endpoint_url) as client:
            with pytest.raises(ServiceError) as raised:
                await client.stop_session(ARN, session_id=SESSION)

    sent = runtime.requests[0].header("Authorization") or ""
    for secret in (SECRET, *secrets.values(), sent):
        assert secret not in str(raised.value)
    assert "does not match" in str(raised.value)


@pytest.mark.parametrize("rest", ["nothing more", "a cut", "an open connection"])
async def test_a_command_is_over_when_its_exit_code_has_come(rest: str) -> None:
    async def answer(exchange: Exchange) -> None:
        await exchange.send(chunked(EVENT_STREAM))
        await exchange.send(chunk(encode_command_event(ContentStop(5, "COMPLETED"))))
        if rest == "nothing more":
            await exchange.send(LAST_CHUNK)
        if rest == "an open connection":
            await exchange.peer_closed()

    with anyio.fail_after(WAIT_S):
        async with (
            loopback_server(answer) as runtime,
            Client(create_server(_settings(runtime.endpoint_url)), mode="legacy") as client,
        ):
            result = await client.call_tool("run_command", CALLS["run_command"])

    assert not result.is_error
    assert result.structured_content is not None
    assert result.structured_content["exit_code"] == 5


async def test_an_error_as_large_as_an_answer_is_cut() -> None:
    failure = {"error": "x" * 2_000_000, "error_type": "E", "message": "An error occurred during streaming"}
    text = await _fails_once(
        "invoke_agent", reply(body=encode_sse(json.dumps(failure)), content_type="text/event-stream")
    )

    assert len(text) < 10_000
    assert "characters left out" in text


async def test_a_status_that_is_no_text_leaves_the_server_alive() -> None:
    frame = encode_frame(
        {":message-type": "event", ":event-type": "chunk"},
        b'{"contentStop": {"exitCode": 0, "status": "\\ud800"}}',
    )

    async def answer(exchange: Exchange) -> None:
        await exchange.send(reply(body=frame, content_type=EVENT_STREAM))

    async with (
        loopback_server(answer) as runtime,
        Client(create_server(_settings(runtime.endpoint_url)), mode="legacy") as client,
    ):
        result = await client.call_tool("run_command", CALLS["run_command"])

    assert not result.is_error


async def test_one_server_object_serves_one_client_after_the_other() -> None:
    async with loopback_server(_fine) as runtime:
        server = create_server(_settings(runtime.endpoint_url))
        for _ in range(2):
            async with Client(server, mode="legacy") as client:
                assert not (await client.call_tool("invoke_agent", CALLS["invoke_agent"])).is_error


async def test_an_agent_that_is_not_there_is_told_with_its_address() -> None:
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        port = nobody.getsockname()[1]
    async with Client(create_server(_settings(f"http://127.0.0.1:{port}")), mode="legacy") as client:
        for tool, arguments in CALLS.items():
            result = await client.call_tool(tool, arguments)

            assert result.is_error
            assert "Nothing was sent, so it is safe to call again" in _text(result)
            assert f"127.0.0.1:{port}" in _text(result)
        listed = await client.call_tool("list_agents", {})

    assert SESSION not in _text(listed)


@pytest.mark.parametrize(
    ("tool", "arguments", "sentence"),
    [
        ("invoke_agent", {"prompt": ""}, "the prompt is empty"),
        ("invoke_agent", {"prompt": " \n"}, "the prompt is empty"),
        ("invoke_agent", {"prompt": "hi", "session_id": "not a session"}, "leave session_id out for a new one"),
        ("invoke_agent", {"prompt": "hi", "session_id": "all"}, "to stop_session it means every one"),
        ("invoke_agent", {"prompt": "hi", "session_id": "x" * 257}, "33 to 256"),
        ("invoke_agent", {"prompt": "hi", "session_id": "x" * 40 + "\r\nHost: elsewhere"}, "33 to 256"),
        ("run_command", {"command": ""}, "the command is empty; say what is to be run"),
        ("run_command", {"command": " "}, "the command is empty; say what is to be run"),
        ("run_command", {"command": "x" * 65_537}, "65537 characters, at most 65536"),
        ("run_command", {"command": "ls", "timeout_seconds": 0}, "1 to 3600"),
        ("run_command", {"command": "ls", "timeout_seconds": 3601}, "1 to 3600"),
        ("run_command", {"command": "ls", "timeout_seconds": -5}, "1 to 3600"),
        ("stop_session", {"session_id": ""}, "session_id is empty"),
        ("stop_session", {"session_id": "a/b"}, "'a/b'; pass the session_id of an earlier result, the short name"),
    ],
)
async def test_bad_input_is_told_what_is_allowed_and_nothing_is_sent(
    tool: str, arguments: dict[str, Any], sentence: str
) -> None:
    async with (
        loopback_server(Failing()) as runtime,
        Client(create_server(_settings(runtime.endpoint_url)), mode="legacy") as client,
    ):
        result = await client.call_tool(tool, arguments)

        listed = await client.call_tool("list_agents", {})

    assert result.is_error
    assert sentence in _text(result)
    assert "agent test_agent" in _text(result) or "session_id is empty" in sentence
    assert "session_id: " not in _text(result)
    assert "open sessions:\n(none)" in _text(listed)
    assert runtime.requests == []


async def test_both_channels_of_a_result_carry_the_whole_answer_and_the_session() -> None:
    async def answer(exchange: Exchange) -> None:
        frames = encode_command_event(ContentDelta("out", "err")) + encode_command_event(ContentStop(7, "TIMED_OUT"))
        await exchange.send(reply(body=frames, content_type=EVENT_STREAM))

    async with (
        loopback_server(answer) as runtime,
        Client(create_server(_settings(runtime.endpoint_url)), mode="legacy") as client,
    ):
        result = await client.call_tool("run_command", CALLS["run_command"])

    assert not result.is_error
    assert result.structured_content == {
        "session_id": SESSION,
        "exit_code": 7,
        "status": "TIMED_OUT",
        "stdout": "out",
        "stderr": "err",
        "note": (
            "it was ended after 300 s, and printed this until then; if it needs longer, pass a larger "
            "timeout_seconds, at most 3600"
        ),
    }
    for part in (SESSION, "exit code 7", "TIMED_OUT", "out", "[stderr]\nerr", result.structured_content["note"]):
        assert part in _text(result)


async def test_the_agent_gets_the_prompt_and_the_session_that_were_given() -> None:
    async with (
        loopback_server(_fine) as runtime,
        Client(create_server(_settings(runtime.endpoint_url)), mode="legacy") as client,
    ):
        # A prompt that is JSON stays the text that it is.
        result = await client.call_tool("invoke_agent", {"prompt": '{"x": 1}', "session_id": SESSION})

    assert json.loads(_only(runtime).body) == {"prompt": '{"x": 1}'}
    assert _only(runtime).header("X-Amzn-Bedrock-AgentCore-Runtime-Session-Id") == SESSION
    assert _only(runtime).header("Authorization") == f"Bearer {SECRET}"
    assert result.structured_content == {
        "session_id": SESSION,
        "status": "COMPLETED",
        "text": "fine",
    }


async def _fine(exchange: Exchange) -> None:
    await exchange.send(ANSWERS["/invocations"])


def _only(runtime: LoopbackServer) -> Any:
    assert len(runtime.requests) == 1
    return runtime.requests[0]


async def test_a_fault_of_our_own_shows_nothing_of_itself() -> None:
    def answer(request: httpx2.Request) -> httpx2.Response:
        raise LookupError("something of ours")

    server = create_server(_settings("http://127.0.0.1:9"), transport=httpx2.MockTransport(answer))
    async with Client(server, mode="legacy") as client:
        failed = [await client.call_tool(tool, arguments) for tool, arguments in CALLS.items()]

    assert [_text(result) for result in failed] == [f"Error executing tool {tool}" for tool in CALLS]

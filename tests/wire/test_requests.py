"""The requests of the three operations, held against botocore's service model and its serializer."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import botocore.session
import pytest
from botocore.awsrequest import prepare_request_dict
from botocore.loaders import Loader
from botocore.serialize import create_serializer
from hypothesis import given, strategies as st

from agentcore_mcp.errors import InvalidRequestError
from agentcore_mcp.wire.headers import EVENT_STREAM_TYPE, JSON_TYPE, SESSION_HEADER, SSE_TYPE
from agentcore_mcp.wire.ids import RuntimeArn, RuntimeId, check_session_id
from agentcore_mcp.wire.requests import Request, command_request, invoke_request, stop_request, websocket_request

if TYPE_CHECKING:
    from collections.abc import Callable

SESSION = botocore.session.get_session()
SERVICE = SESSION.get_service_model("bedrock-agentcore")
SHAPES = Loader().load_service_model("bedrock-agentcore", "service-2")["shapes"]
ARN_PATTERN = Loader().load_service_model("bedrock-agentcore-control", "service-2")["shapes"]["AgentRuntimeArn"][
    "pattern"
]

ARN_TEXT = "arn:aws:bedrock-agentcore:us-west-2:123456789012:runtime/agent_1-abcdefghij"
ARN = RuntimeArn.parse(ARN_TEXT)
RUNTIME_ID = RuntimeId("agent_1-abcdefghij", "123456789012", "us-west-2")
HARNESS_TEXT = ARN_TEXT.replace(":runtime/", ":harness/")
HARNESS = RuntimeArn.parse(HARNESS_TEXT)
SESSION_ID = "session-" + "s" * 30
TOKEN = "11111111-2222-3333-4444-555555555555"
ACCEPT = f"{SSE_TYPE}, {JSON_TYPE}"


def botocore_request(operation: str, arguments: dict[str, Any]) -> Request:
    """Return the request that botocore makes of an operation's arguments."""
    serializer = create_serializer(SERVICE.metadata["protocol"], include_validation=True)
    wanted = serializer.serialize_to_request(
        {"agentRuntimeArn": ARN_TEXT, "runtimeSessionId": SESSION_ID} | arguments, SERVICE.operation_model(operation)
    )
    prepare_request_dict(wanted, "https://host")
    target = wanted["url"].removeprefix("https://host")
    return Request(target, tuple(wanted["headers"].items()), wanted["body"], wanted["method"])


IDEMPOTENT = {
    name: operation.get("idempotent", False)
    for name, operation in Loader().load_service_model("bedrock-agentcore", "service-2")["operations"].items()
}

SAME_REQUESTS: dict[str, tuple[Request, str, dict[str, Any]]] = {
    "invoke": (
        invoke_request(ARN, b'{"prompt":"hi"}', session_id=SESSION_ID),
        "InvokeAgentRuntime",
        {"payload": b'{"prompt":"hi"}', "contentType": JSON_TYPE, "accept": ACCEPT},
    ),
    "invoke_empty": (
        invoke_request(ARN, b"", session_id=SESSION_ID),
        "InvokeAgentRuntime",
        {"payload": b"", "contentType": JSON_TYPE, "accept": ACCEPT},
    ),
    "invoke_with_everything": (
        invoke_request(
            ARN,
            b"\xff\x00",
            session_id=SESSION_ID,
            qualifier="a b/é&x=~",
            content_type="application/octet-stream",
            accept="*/*",
            user_id="user one",
            headers={
                "Mcp-Session-Id": "m",
                "Mcp-Protocol-Version": "2025-11-25",
                "Mcp-Method": "tools/call",
                "Mcp-Name": "x",
                "X-Amzn-Trace-Id": "Root=1",
                "traceparent": "00-1-2-01",
                "tracestate": "a=b",
                "baggage": "k=v",
            },
        ),
        "InvokeAgentRuntime",
        {
            "payload": b"\xff\x00",
            "qualifier": "a b/é&x=~",
            "contentType": "application/octet-stream",
            "accept": "*/*",
            "runtimeUserId": "user one",
            "mcpSessionId": "m",
            "mcpProtocolVersion": "2025-11-25",
            "mcpMethod": "tools/call",
            "mcpName": "x",
            "traceId": "Root=1",
            "traceParent": "00-1-2-01",
            "traceState": "a=b",
            "baggage": "k=v",
        },
    ),
    "command": (
        command_request(ARN, "echo 'größer \u2028'\n", session_id=SESSION_ID),
        "InvokeAgentRuntimeCommand",
        {
            "body": {"command": "echo 'größer \u2028'\n", "timeout": 300},
            "contentType": JSON_TYPE,
            "accept": EVENT_STREAM_TYPE,
        },
    ),
    "command_with_everything": (
        command_request(
            ARN, "true", session_id=SESSION_ID, timeout_s=7, qualifier="DEFAULT", headers={"baggage": "k=v"}
        ),
        "InvokeAgentRuntimeCommand",
        {
            "body": {"command": "true", "timeout": 7},
            "contentType": JSON_TYPE,
            "accept": EVENT_STREAM_TYPE,
            "qualifier": "DEFAULT",
            "baggage": "k=v",
        },
    ),
    "invoke_by_id": (
        invoke_request(RUNTIME_ID, b"{}", session_id=SESSION_ID),
        "InvokeAgentRuntime",
        {
            "agentRuntimeArn": "agent_1-abcdefghij",
            "accountId": "123456789012",
            "payload": b"{}",
            "contentType": JSON_TYPE,
            "accept": ACCEPT,
        },
    ),
    "command_by_id": (
        command_request(RUNTIME_ID, "true", session_id=SESSION_ID, qualifier="blue/green"),
        "InvokeAgentRuntimeCommand",
        {
            "agentRuntimeArn": "agent_1-abcdefghij",
            "accountId": "123456789012",
            "qualifier": "blue/green",
            "body": {"command": "true", "timeout": 300},
            "contentType": JSON_TYPE,
            "accept": EVENT_STREAM_TYPE,
        },
    ),
    "command_in_a_harness": (
        command_request(HARNESS, "true", session_id=SESSION_ID),
        "InvokeAgentRuntimeCommand",
        {
            "agentRuntimeArn": HARNESS_TEXT,
            "body": {"command": "true", "timeout": 300},
            "contentType": JSON_TYPE,
            "accept": EVENT_STREAM_TYPE,
        },
    ),
    "stop": (
        stop_request(ARN, session_id=SESSION_ID, client_token=TOKEN),
        "StopRuntimeSession",
        {"clientToken": TOKEN},
    ),
    "stop_at_an_endpoint": (
        stop_request(ARN, session_id=SESSION_ID, client_token=TOKEN, qualifier="blue/green"),
        "StopRuntimeSession",
        {"clientToken": TOKEN, "qualifier": "blue/green"},
    ),
}


@pytest.mark.parametrize("name", SAME_REQUESTS)
def test_a_request_is_the_one_that_botocore_makes(name: str) -> None:
    ours, operation, arguments = SAME_REQUESTS[name]
    theirs = botocore_request(operation, arguments)

    assert (ours.method, ours.target, ours.body) == (theirs.method, theirs.target, theirs.body)
    assert sorted(ours.headers) == sorted(theirs.headers)


def test_further_headers_follow_those_of_the_operation() -> None:
    request = stop_request(
        ARN, session_id=SESSION_ID, client_token=TOKEN, headers={"X-Amzn-Trace-Id": "t", "x-b": "Ä\t☃"}
    )

    assert request.headers == (
        ("Content-Type", JSON_TYPE),
        (SESSION_HEADER, SESSION_ID),
        ("X-Amzn-Trace-Id", "t"),
        ("x-b", "Ä\t☃"),
    )


def test_only_a_stop_can_be_sent_twice() -> None:
    """Its client token is what the service model means by idempotent."""
    for ours, operation, _ in SAME_REQUESTS.values():
        assert ours.idempotent == IDEMPOTENT[operation]


# --- limits


def invoke(**changes: Any) -> Request:
    payload = changes.pop("payload", b"{}")
    return invoke_request(ARN, payload, **{"session_id": SESSION_ID} | changes)


def command(**changes: Any) -> Request:
    text = changes.pop("command", "true")
    return command_request(ARN, text, **{"session_id": SESSION_ID} | changes)


def stop(**changes: Any) -> Request:
    return stop_request(ARN, **{"session_id": SESSION_ID, "client_token": TOKEN} | changes)


@pytest.mark.parametrize(
    ("build", "changes"),
    [
        (invoke, {"session_id": "!" * 33}),
        (invoke, {"session_id": "~" * 256}),
        (invoke, {"user_id": "u"}),
        (invoke, {"user_id": "u" * 1024}),
        (invoke, {"payload": bytes(100_000_000)}),
        (command, {"command": "x"}),
        (command, {"command": "x" * 65_536}),
        (command, {"timeout_s": 1}),
        (command, {"timeout_s": 3600}),
        (stop, {"client_token": "a" * 33}),
        (stop, {"client_token": "a" * 256}),
    ],
)
def test_the_limits_themselves_are_allowed(build: Callable[..., Request], changes: dict[str, Any]) -> None:
    assert build(**changes).method == "POST"


BAD_ARGUMENTS: list[tuple[Callable[..., Request], dict[str, Any], str]] = [
    (invoke, {"session_id": "s" * 32}, f"not a session id: {'s' * 32!r} (32 characters); it has 33 to 256 letters"),
    (invoke, {"session_id": "s" * 257}, f"not a session id: {'s' * 256!r} (257 characters); it has 33 to 256 letters"),
    (invoke, {"session_id": ""}, "not a session id: '' (0 characters); it has 33 to 256 letters"),
    (command, {"session_id": "s" * 32}, f"not a session id: {'s' * 32!r} (32 characters); it has 33 to 256 letters"),
    (stop, {"session_id": "s" * 32}, f"not a session id: {'s' * 32!r} (32 characters); it has 33 to 256 letters"),
    (invoke, {"user_id": ""}, "the value of header 'X-Amzn-Bedrock-AgentCore-Runtime-User-Id' has 0 characters, 1 to"),
    (
        invoke,
        {"user_id": "u" * 1025},
        "the value of header 'X-Amzn-Bedrock-AgentCore-Runtime-User-Id' has 1025 characters, 1 to",
    ),
    (invoke, {"payload": bytes(100_000_001)}, "the payload has 100000001 bytes, at most 100000000 are allowed"),
    (command, {"command": ""}, "the command is empty"),
    (command, {"command": " \n\t"}, "the command is empty"),
    (command, {"command": "x" * 65_537}, "the command has 65537 characters, at most 65536 are allowed"),
    (command, {"timeout_s": 0}, "the command timeout is 0 s, 1 to 3600 are allowed, in whole seconds"),
    (command, {"timeout_s": 3601}, "the command timeout is 3601 s, 1 to 3600 are allowed, in whole seconds"),
    (command, {"timeout_s": 1.5}, "the command timeout is 1.5 s, 1 to 3600 are allowed, in whole seconds"),
    (invoke, {"qualifier": "a\ud800"}, "the parameter 'a\\ud800' can't be sent: surrogates not allowed"),
    (
        stop,
        {"client_token": "a" * 32},
        f"not a client token: {'a' * 32!r}; it has 33 to 256 letters, digits and dashes",
    ),
    (stop, {"client_token": "-" + "a" * 40}, "not a client token: '-aaa"),
    (stop, {"client_token": "a" * 40 + "-"}, "not a client token: 'aaa"),
    (stop, {"client_token": "a" * 40 + "_a"}, "not a client token: 'aaa"),
    (stop, {"client_token": "a" * 257}, "not a client token: 'aaa"),
]


@pytest.mark.parametrize(("build", "changes", "message"), BAD_ARGUMENTS)
def test_an_argument_outside_the_limits_is_refused(
    build: Callable[..., Request], changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(InvalidRequestError, match=f"^{re.escape(message)}"):
        build(**changes)


# --- nothing gets into a header that does not belong there

INJECTIONS = ["\r\nX-Evil: 1", "\nX-Evil: 1", "\rX-Evil: 1", "\0", "\x1b[31m", "\x7f", "\x85", "\u2028", "\ud83d"]


@pytest.mark.parametrize("build", [invoke, command, stop])
@pytest.mark.parametrize("evil", INJECTIONS)
def test_line_ends_and_controls_never_reach_a_header(build: Callable[..., Request], evil: str) -> None:
    with pytest.raises(InvalidRequestError, match=r"^not a session id"):
        build(session_id=SESSION_ID + evil)
    with pytest.raises(
        InvalidRequestError, match=r"^the value of header 'x-a' has characters that a header can't carry$"
    ):
        build(headers={"x-a": "v" + evil})
    with pytest.raises(InvalidRequestError, match=r"^not a header name: 'x-a"):
        build(headers={"x-a" + evil: "v"})


@pytest.mark.parametrize("evil", INJECTIONS)
@pytest.mark.parametrize("argument", ["user_id", "content_type", "accept"])
def test_line_ends_and_controls_never_reach_the_headers_of_an_invocation(argument: str, evil: str) -> None:
    with pytest.raises(InvalidRequestError, match=r"^the value of header '") as caught:
        invoke(**{argument: "value" + evil})

    assert "value" + evil not in str(caught.value)


@pytest.mark.parametrize("build", [invoke, command, stop])
def test_a_qualifier_can_only_be_the_value_of_its_parameter(build: Callable[..., Request]) -> None:
    target = build(qualifier="a\r\n&x=1#é ?").target

    assert target.endswith("?qualifier=a%0D%0A%26x%3D1%23%C3%A9%20%3F")


@pytest.mark.parametrize("build", [invoke, command, stop])
@pytest.mark.parametrize("name", ["", " ", "a b", "a:", "a\u00e9", "(a)"])
def test_a_header_name_is_a_token(build: Callable[..., Request], name: str) -> None:
    with pytest.raises(InvalidRequestError, match=r"^not a header name: "):
        build(headers={name: "v"})


@pytest.mark.parametrize("build", [invoke, command, stop])
@pytest.mark.parametrize("name", ["Authorization", "HOST", "content-type", SESSION_HEADER.lower()])
def test_headers_of_the_request_itself_cannot_be_replaced(build: Callable[..., Request], name: str) -> None:
    with pytest.raises(InvalidRequestError, match=f"^the header '{name}' is set by the request itself") as caught:
        build(headers={name: "secret"})

    assert "secret" not in str(caught.value)


@given(st.text(max_size=300))
def test_a_session_id_is_visible_ascii_of_the_right_length(text: str) -> None:
    valid = 33 <= len(text) <= 256 and all("!" <= character <= "~" for character in text)
    if valid:
        assert check_session_id(text) == text
    else:
        with pytest.raises(InvalidRequestError):
            check_session_id(text)


# --- runtimes by id, and harnesses


def test_a_session_is_not_stopped_by_the_id_of_its_runtime() -> None:
    with pytest.raises(InvalidRequestError, match="sessions are stopped by the ARN of their runtime, not by its id"):
        stop_request(RUNTIME_ID, session_id=SESSION_ID, client_token=TOKEN)
    assert "accountId" not in SHAPES["StopRuntimeSessionRequest"]["members"]


def test_a_harness_is_not_asked_as_a_runtime_is() -> None:
    with pytest.raises(InvalidRequestError, match=f"^{HARNESS_TEXT} is a harness: .* InvokeHarness asks it"):
        invoke_request(HARNESS, b"{}", session_id=SESSION_ID)


def test_stopping_the_session_of_a_harness_is_left_to_the_service() -> None:
    assert "%3Aharness%2Fagent_1" in stop_request(HARNESS, session_id=SESSION_ID, client_token=TOKEN).target


@pytest.mark.parametrize(
    "parts",
    [
        ("", "123456789012", "us-west-2"),
        ("../evil", "123456789012", "us-west-2"),
        ("agent?x=1", "123456789012", "us-west-2"),
        (ARN_TEXT, "123456789012", "us-west-2"),
        ("agent-1", "12345678901", "us-west-2"),
        ("agent-1", "123456789012&x=1", "us-west-2"),
        ("agent-1", "123456789012", "evil.example.com/"),
        ("agent-1", "123456789012", ""),
        ("agent-1", "123456789012", "us-west-2", "moon"),
    ],
)
def test_an_id_is_checked_like_the_parts_of_an_arn(parts: tuple[str, ...]) -> None:
    with pytest.raises(InvalidRequestError, match=r"^not the id of an agent runtime with its account of 12 digits: "):
        RuntimeId(*parts)


# --- ARNs


def test_an_arn_is_read_into_its_parts() -> None:
    arn = RuntimeArn.parse(ARN_TEXT)

    assert (arn.partition, arn.region, arn.account_id) == ("aws", "us-west-2", "123456789012")
    assert arn.runtime_id == "agent_1-abcdefghij"
    assert str(ARN) == ARN_TEXT


@pytest.mark.parametrize("partition", SESSION.get_available_partitions())
def test_arns_of_every_partition_are_read(partition: str) -> None:
    arn = ARN_TEXT.replace(":aws:", f":{partition}:")

    assert (str(RuntimeArn.parse(arn)), RuntimeArn.parse(arn).partition) == (arn, partition)


@given(st.from_regex(re.compile(SHAPES["HarnessArn"]["pattern"].replace("([^:]+)?", "aws"), re.ASCII), fullmatch=True))
def test_every_harness_arn_of_the_service_model_is_read(arn: str) -> None:
    assert str(RuntimeArn.parse(arn)) == arn
    assert RuntimeArn.parse(arn).is_harness


@given(st.from_regex(re.compile(ARN_PATTERN.replace("(-[^:]+)?", ""), re.ASCII), fullmatch=True))
def test_every_arn_of_the_service_model_is_read(arn: str) -> None:
    assert str(RuntimeArn.parse(arn)) == arn


@pytest.mark.parametrize(
    "text",
    [
        "",
        "agent_1-abcdefghij",
        ARN_TEXT + "\n",
        " " + ARN_TEXT,
        ARN_TEXT + "/DEFAULT",
        ARN_TEXT.replace("runtime/", "gateway/") + "/runtime-endpoint/DEFAULT",
        ARN_TEXT.replace("123456789012", "12345678901"),
        ARN_TEXT.replace("123456789012", "١٢٣٤٥٦٧٨٩٠١٢"),
        ARN_TEXT.replace("bedrock-agentcore", "lambda"),
        ARN_TEXT.replace("runtime/", "gateway/"),
        ARN_TEXT.replace("us-west-2", "us-west-2.evil.example"),
        ARN_TEXT.replace("us-west-2", ""),
        ARN_TEXT.replace("us-west-2", "u" * 64),
        ARN_TEXT.replace("arn:aws:", "arn:aws@evil:"),
        ARN_TEXT.replace("agent_1", "../agent_1"),
        ARN_TEXT.replace("agent_1", "agent?x"),
        ARN_TEXT.replace("agent_1", "1agent"),
    ],
)
def test_anything_but_the_arn_of_a_runtime_is_refused(text: str) -> None:
    message = (
        f"not the ARN of an agent runtime: {text!r}; it looks like "
        "arn:aws:bedrock-agentcore:REGION:ACCOUNT:runtime/NAME-ID, with an ACCOUNT of 12 digits"
    )

    with pytest.raises(InvalidRequestError, match=f"^{re.escape(message)}$"):
        RuntimeArn.parse(text)


@pytest.mark.parametrize("qualifier", ["DEFAULT", "blue_1", ""])
def test_the_arn_of_an_endpoint_is_refused_with_what_to_give_instead(qualifier: str) -> None:
    told = f"it is that of an endpoint: give {ARN_TEXT}, and {qualifier!r} as the qualifier"

    with pytest.raises(InvalidRequestError, match=f"{re.escape(told)}$"):
        RuntimeArn.parse(f"{ARN_TEXT}/runtime-endpoint/{qualifier}")


# --- WebSockets

CUSTOM = {"X-Amzn-Bedrock-AgentCore-Runtime-Custom-Team": "blue"}


@pytest.mark.parametrize(
    ("arguments", "target", "in_headers"),
    [
        ({}, "ws", {SESSION_HEADER: SESSION_ID}),
        ({"qualifier": "a/b"}, "ws?qualifier=a%2Fb", {SESSION_HEADER: SESSION_ID}),
        ({"shell_id": "a-1"}, "ws/shells?shellId=a-1", {SESSION_HEADER: SESSION_ID}),
        ({"headers": CUSTOM}, "ws", {SESSION_HEADER: SESSION_ID} | CUSTOM),
        (
            {"headers": CUSTOM, "in_query": True, "qualifier": "q"},
            f"ws?qualifier=q&{SESSION_HEADER}={SESSION_ID}&X-Amzn-Bedrock-AgentCore-Runtime-Custom-Team=blue",
            {},
        ),
    ],
)
def test_an_upgrade_names_what_it_is_for(arguments: dict[str, Any], target: str, in_headers: dict[str, str]) -> None:
    request = websocket_request(ARN, session_id=SESSION_ID, **arguments)

    assert request.method == "GET"
    assert request.target == f"/runtimes/{quote(ARN_TEXT, safe='')}/{target}"
    assert dict(request.headers) == in_headers


@pytest.mark.parametrize("in_query", [False, True])
@pytest.mark.parametrize(
    "name", ["Upgrade", "connection", "Sec-WebSocket-Key", "X-Amz-Expires", "Qualifier", "shellId"]
)
def test_a_header_may_not_mean_something_to_the_upgrade(name: str, in_query: bool) -> None:
    with pytest.raises(InvalidRequestError, match=f"^the parameter '{name}' is set by the request itself$"):
        websocket_request(ARN, session_id=SESSION_ID, headers={name: "v"}, in_query=in_query)


@pytest.mark.parametrize("name", ["a\r\nb", "a b", "a:", "größe", ""])
@pytest.mark.parametrize("in_query", [False, True])
def test_a_name_in_the_query_is_that_of_a_header(name: str, in_query: bool) -> None:
    with pytest.raises(InvalidRequestError, match=r"^not a header name: "):
        websocket_request(ARN, session_id=SESSION_ID, headers={name: "v"}, in_query=in_query)


@pytest.mark.parametrize("shell_id", ["", "-a", "_a", "a" * 129, "a b", "ä", "a\n"])
def test_a_shell_id_outside_its_limits_is_refused(shell_id: str) -> None:
    with pytest.raises(InvalidRequestError, match=r"^not a shell id: .*; it has 1 to 128 letters, digits, dashes"):
        websocket_request(ARN, session_id=SESSION_ID, shell_id=shell_id)

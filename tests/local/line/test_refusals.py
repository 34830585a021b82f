"""The refusals of the local AgentCore: boto3 raises the exception that the service model names for each."""

from __future__ import annotations

import json
import socket
from typing import TYPE_CHECKING, Any

import httpx2
import pytest

from agentcore_mcp.wire.headers import SESSION_HEADER
from agentcore_mcp.wire.ids import RuntimeArn
from agentcore_mcp.wire.limits import COMMAND_MAX_CHARS, PAYLOAD_MAX_BYTES
from agentcore_mcp.wire.requests import command_request
from tests.support.agentcore import Boto, error_code, new_session_id
from tests.support.waiting import WAIT_S

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from agentcore_mcp.local.agentcore import LocalAgentCore

SHORT_ID = "x" * 32
LONG_ID = "x" * 257
FOREIGN_ARN = "arn:aws:bedrock-agentcore:us-east-1:123456789012:runtime/other-0123456789"


@pytest.fixture(scope="module")
def lenient(probe: LocalAgentCore) -> Iterator[Boto]:
    """Give a boto3 that sends what it would refuse itself."""
    with Boto.of(probe, check_parameters=False) as boto:
        yield boto


@pytest.mark.parametrize("session_id", [SHORT_ID, LONG_ID])
@pytest.mark.parametrize("operation", ["invoke", "run", "stop"])
def test_a_session_id_of_the_wrong_length_is_a_validation_error(lenient: Boto, operation: str, session_id: str) -> None:
    calls: dict[str, Callable[[], object]] = {
        "invoke": lambda: lenient.invoke({}, session_id),
        "run": lambda: lenient.run("true", session_id),
        "stop": lambda: lenient.stop(session_id),
    }
    with pytest.raises(lenient.client.exceptions.ValidationException) as caught:
        calls[operation]()
    answer = caught.value.response

    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 400
    assert answer["reason"] == "FieldValidationFailed"
    assert [field["name"] for field in answer["fieldList"]] == ["runtimeSessionId"]


def test_a_stop_needs_a_session(boto: Boto) -> None:
    answer = httpx2.post(f"{boto.endpoint_url}/runtimes/{_quoted(boto.arn)}/stopruntimesession", timeout=WAIT_S)

    assert answer.status_code == 400
    assert answer.headers["x-amzn-errortype"] == "ValidationException"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"command": ""}, "command"),
        ({"command": "x" * (COMMAND_MAX_CHARS + 1)}, "command"),
        ({"command": "echo \0"}, "command"),
        ({"command": "true", "timeout": 0}, "timeout"),
        ({"command": "true", "timeout": 3601}, "timeout"),
    ],
)
def test_a_command_outside_the_limits_is_a_validation_error(
    lenient: Boto, session_id: str, body: dict[str, Any], field: str
) -> None:
    with pytest.raises(lenient.client.exceptions.ValidationException) as caught:
        lenient.client.invoke_agent_runtime_command(agentRuntimeArn=lenient.arn, runtimeSessionId=session_id, body=body)

    assert [refused["name"] for refused in caught.value.response["fieldList"]] == [field]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "CannotParse"),
        (b"{", "CannotParse"),
        (b"[" * 100_000, "CannotParse"),
        (b"\xff", "CannotParse"),
        (b"[]", "CannotParse"),
        (b"{}", "FieldValidationFailed"),
        (b'{"command": 1}', "FieldValidationFailed"),
        (b'{"command": "\\ud800"}', "FieldValidationFailed"),
        (b'{"command": "true", "timeout": true}', "FieldValidationFailed"),
        (b'{"command": "true", "timeout": 1.5}', "FieldValidationFailed"),
        (b" " * 2_000_000, "FieldValidationFailed"),
    ],
    ids=lambda value: repr(value)[:30],
)
def test_a_command_body_of_another_shape_is_a_validation_error(boto: Boto, body: bytes, reason: str) -> None:
    answer = httpx2.post(f"{boto.endpoint_url}/runtimes/{_quoted(boto.arn)}/commands", content=body, timeout=WAIT_S)

    assert (answer.status_code, answer.headers["x-amzn-errortype"]) == (400, "ValidationException")
    assert answer.json()["reason"] == reason
    boto.stop(answer.headers[SESSION_HEADER])


@pytest.mark.parametrize("body", [b"{", b"[]", b'{"clientToken": "short"}', b'{"clientToken": 5}'])
def test_a_stop_body_of_another_shape_is_a_validation_error(boto: Boto, session_id: str, body: bytes) -> None:
    answer = httpx2.post(
        f"{boto.endpoint_url}/runtimes/{_quoted(boto.arn)}/stopruntimesession",
        headers={SESSION_HEADER: session_id},
        content=body,
        timeout=WAIT_S,
    )

    assert (answer.status_code, answer.headers["x-amzn-errortype"]) == (400, "ValidationException")


@pytest.mark.parametrize("body", [b"", b"{}"])
def test_a_stop_needs_no_client_token(boto: Boto, session_id: str, body: bytes) -> None:
    boto.run("true", session_id)
    url = f"{boto.endpoint_url}/runtimes/{_quoted(boto.arn)}/stopruntimesession"
    statuses = [
        httpx2.post(url, headers={SESSION_HEADER: session_id}, content=body, timeout=WAIT_S).status_code
        for _ in range(2)
    ]

    assert statuses == [200, 404]


def test_a_session_whose_directory_was_deleted_is_a_server_error(boto: Boto, session_id: str) -> None:
    boto.run('rmdir "$PWD"', session_id)
    with pytest.raises(boto.client.exceptions.InternalServerException):
        boto.run("true", session_id)
    with pytest.raises(boto.client.exceptions.InternalServerException):
        boto.ask({}, session_id)

    assert boto.stop(session_id)["statusCode"] == 200


def test_a_client_token_of_another_session_is_a_validation_error(boto: Boto, session_id: str) -> None:
    token = new_session_id()
    boto.run("true", session_id)
    boto.stop(session_id, clientToken=token)
    with pytest.raises(boto.client.exceptions.ValidationException) as caught:
        boto.stop(new_session_id(), clientToken=token)

    assert caught.value.response["reason"] == "IdempotentParameterMismatchException"


@pytest.mark.parametrize("arn", [FOREIGN_ARN, FOREIGN_ARN.replace("us-east-1", "eu-west-1")])
def test_an_unknown_runtime_is_not_found(boto: Boto, session_id: str, arn: str) -> None:
    with pytest.raises(boto.client.exceptions.ResourceNotFoundException) as caught:
        boto.client.invoke_agent_runtime(agentRuntimeArn=arn, runtimeSessionId=session_id, payload=b"{}")

    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 404
    assert session_id not in boto.sessions()


@pytest.mark.parametrize("arn", ["arn:aws:s3:::bucket", "arn:aws:bedrock-agentcore:us-east-1:1:runtime/x"])
def test_a_malformed_arn_is_a_validation_error(boto: Boto, session_id: str, arn: str) -> None:
    with pytest.raises(boto.client.exceptions.ValidationException) as caught:
        boto.client.invoke_agent_runtime(agentRuntimeArn=arn, runtimeSessionId=session_id, payload=b"{}")

    assert [field["name"] for field in caught.value.response["fieldList"]] == ["agentRuntimeArn"]


def test_an_unknown_endpoint_of_the_runtime_is_not_found(boto: Boto, session_id: str) -> None:
    with pytest.raises(boto.client.exceptions.ResourceNotFoundException):
        boto.ask({}, session_id, qualifier="prod")

    assert boto.ask({}, session_id, qualifier="DEFAULT")["calls"] == 1


def test_the_agent_id_will_do_with_its_account(boto: Boto, session_id: str) -> None:
    arn = RuntimeArn.parse(boto.arn)
    request = {"agentRuntimeArn": arn.runtime_id, "runtimeSessionId": session_id, "payload": b"{}"}

    assert boto.client.invoke_agent_runtime(**request, accountId=arn.account_id)["statusCode"] == 200
    with pytest.raises(boto.client.exceptions.ResourceNotFoundException):
        boto.client.invoke_agent_runtime(**request, accountId="000000000000")
    with pytest.raises(boto.client.exceptions.ValidationException):
        boto.client.invoke_agent_runtime(**request)


def test_a_payload_over_the_limit_is_refused_before_it_is_sent(boto: Boto, session_id: str) -> None:
    head = f"POST /runtimes/{_quoted(boto.arn)}/invocations HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
    head += f"{SESSION_HEADER}: {session_id}\r\nContent-Length: {PAYLOAD_MAX_BYTES + 1}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", int(boto.endpoint_url.rpartition(":")[2]))) as connection:
        connection.sendall(head.encode())
        answer = connection.makefile("rb").read()

    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b'"fieldList": [{"name": "payload"' in answer


def test_a_payload_over_the_limit_is_refused_also_when_its_size_is_not_announced(boto: Boto, session_id: str) -> None:
    def megabytes() -> Iterator[bytes]:
        for _ in range(PAYLOAD_MAX_BYTES // 1_000_000 + 1):
            yield b"x" * 1_000_000

    answer = httpx2.post(
        f"{boto.endpoint_url}/runtimes/{_quoted(boto.arn)}/invocations",
        headers={SESSION_HEADER: session_id},
        content=megabytes(),
        timeout=WAIT_S,
    )

    assert answer.status_code == 400
    assert [field["name"] for field in answer.json()["fieldList"]] == ["payload"]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/runtimes/x/invocations"),
        ("POST", "/runtimes/x/other"),
        ("POST", "/"),
        ("POST", "/runtimes/arn:aws:bedrock-agentcore:us-east-1:123456789012:runtime/x-0123456789/commands"),
    ],
)
def test_what_is_no_operation_is_not_found(boto: Boto, method: str, path: str) -> None:
    """The last: an ARN with its slash unencoded is two segments, which is no path of this service."""
    answer = httpx2.request(method, boto.endpoint_url + path, timeout=WAIT_S)

    assert (answer.status_code, error_code(answer)) == (404, "UnknownOperationException")


@pytest.mark.parametrize(
    "headers",
    [{"Origin": "https://example.com"}, {"Origin": "null"}, {"Host": "rebound.example.com"}, {"Host": "["}],
)
def test_a_web_page_is_not_answered(boto: Boto, session_id: str, headers: dict[str, str]) -> None:
    """Any page in a browser can send such a request to a loopback port, and this one would run a command."""
    request = command_request(RuntimeArn.parse(boto.arn), "true", session_id=session_id)
    answer = httpx2.post(
        boto.endpoint_url + request.target,
        headers=dict(request.headers) | headers,
        content=request.body,
        timeout=WAIT_S,
    )

    assert (answer.status_code, answer.headers["x-amzn-errortype"]) == (403, "AccessDeniedException")
    assert json.loads(answer.content)["message"]
    assert session_id not in boto.sessions()


@pytest.mark.parametrize("operation", ["invocations", "commands", "stopruntimesession", "ws"])
@pytest.mark.parametrize("fields", [("5", "chunked"), ("0", "chunked"), ("5", "Chunked"), ("5", "identity")])
def test_a_request_with_two_ends_is_refused(boto: Boto, operation: str, fields: tuple[str, str]) -> None:
    """Whoever has passed it on may have taken the rest for another request."""
    head = f"POST /runtimes/{_quoted(boto.arn)}/{operation} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
    head += f"Content-Length: {fields[0]}\r\nTransfer-Encoding: {fields[1]}\r\n\r\n0\r\n\r\n"
    with socket.create_connection(("127.0.0.1", int(boto.endpoint_url.rpartition(":")[2]))) as connection:
        connection.sendall(head.encode())
        answer = connection.makefile("rb").read()

    assert 400 <= int(answer.split()[1]) < 500 or answer.startswith(b"HTTP/1.1 501 ")


def _quoted(arn: str) -> str:
    return arn.replace(":", "%3A").replace("/", "%2F")

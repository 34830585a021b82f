"""The local AgentCore holds requests against the service model, as boto3 and raw HTTP see it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import httpx2
import pytest

from agentcore_mcp.local.line.refusals import Refusal
from agentcore_mcp.local.line.validation import check_members
from agentcore_mcp.wire.headers import SESSION_HEADER, Member
from agentcore_mcp.wire.operations import CARD, COMMAND, INVOKE, SHELL, SOCKET, STOP, Operation
from tests.support.agentcore import Boto, error_code
from tests.support.waiting import WAIT_S

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agentcore_mcp.local.agentcore import LocalAgentCore

SESSION_ID = "a-session-of-thirty-three-letters"
OPERATIONS = (INVOKE, COMMAND, STOP, CARD, SOCKET, SHELL)
EVERY_LIMIT = [
    pytest.param(operation, member, kind, length, id=f"{operation.name}-{member.name}-{kind}")
    for operation in OPERATIONS
    for member in operation.members
    for kind, length in (("short", member.min_chars - 1), ("long", member.max_chars + 1))
    if length >= 0
]


@pytest.fixture(scope="module")
def lenient(probe: LocalAgentCore) -> Iterator[Boto]:
    """Give a boto3 that sends what it would refuse itself."""
    with Boto.of(probe, check_parameters=False) as boto:
        yield boto


@pytest.mark.parametrize(("operation", "member", "kind", "length"), EVERY_LIMIT)
def test_a_header_outside_its_limits_is_named(operation: Operation, member: Member, kind: str, length: int) -> None:
    headers = {SESSION_HEADER.lower(): SESSION_ID} | {member.header.lower(): "x" * length}
    with pytest.raises(Refusal) as caught:
        check_members(operation, headers, {})
    limit = length + 1 if kind == "short" else length - 1
    comparison = "greater" if kind == "short" else "less"

    assert (caught.value.status, caught.value.reason) == (400, "FieldValidationFailed")
    assert str(caught.value).startswith("ValidationException: 1 validation error detected: Value at ")
    assert caught.value.fields == ((member.name, f"Member must have length {comparison} than or equal to {limit}"),)
    check_members(operation, headers | {member.header.lower(): "x" * limit}, {})


def test_two_errors_are_more_than_one() -> None:
    with pytest.raises(Refusal, match=r"2 validation errors detected: Value at 'mcpName' .*; Value at 'baggage' "):
        check_members(INVOKE, {SESSION_HEADER.lower(): SESSION_ID, "mcp-name": "x" * 1025, "baggage": "x" * 8193}, {})


def test_everything_that_is_wrong_is_named_at_once(boto: Boto) -> None:
    answer = httpx2.post(
        _url(boto, INVOKE) + "?accountId=12",
        headers={SESSION_HEADER: "short", "Mcp-Name": "x" * 1025, "baggage": "x" * 8193},
        json={},
        timeout=WAIT_S,
    )
    body = answer.json()

    assert (answer.status_code, error_code(answer)) == (400, "ValidationException")
    assert body["reason"] == "FieldValidationFailed"
    assert [field["name"] for field in body["fieldList"]] == ["runtimeSessionId", "mcpName", "baggage", "accountId"]
    assert body["message"].startswith("4 validation errors detected: Value at 'runtimeSessionId' failed to satisfy ")


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        ({"runtimeUserId": "x" * 1025}, "runtimeUserId"),
        ({"mcpSessionId": "x" * 1025}, "mcpSessionId"),
        ({"traceId": "x" * 129}, "traceId"),
        ({"traceParent": "x" * 129}, "traceParent"),
        ({"traceState": "x" * 513}, "traceState"),
        ({"contentType": "x" * 257}, "contentType"),
        ({"accept": "x" * 257}, "accept"),
        ({"accountId": "12"}, "accountId"),
    ],
)
def test_boto3_reads_the_refusal_of_a_member(lenient: Boto, arguments: dict[str, Any], name: str) -> None:
    with pytest.raises(lenient.client.exceptions.ValidationException) as caught:
        lenient.client.invoke_agent_runtime(
            agentRuntimeArn=lenient.arn, runtimeSessionId=SESSION_ID, payload=b"{}", **arguments
        )
    answer = caught.value.response

    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 400
    assert answer["reason"] == "FieldValidationFailed"
    assert [field["name"] for field in answer["fieldList"]] == [name]
    assert SESSION_ID not in lenient.sessions()


def test_a_stop_without_a_session_says_that_it_is_missing(boto: Boto) -> None:
    answer = httpx2.post(_url(boto, STOP), timeout=WAIT_S)

    assert answer.json()["fieldList"] == [{"name": "runtimeSessionId", "message": "Member must not be null"}]


@pytest.mark.parametrize("operation", [INVOKE, COMMAND, STOP], ids=lambda operation: operation.name)
def test_every_answer_has_a_request_id_and_every_error_the_headers_of_aws(boto: Boto, operation: Operation) -> None:
    answer = httpx2.post(_url(boto, operation), headers={SESSION_HEADER: "short"}, timeout=WAIT_S)

    assert re.fullmatch(r"[0-9a-f-]{36}", answer.headers["x-amzn-requestid"])
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-amzn-errortype"] == "ValidationException"


def _url(boto: Boto, operation: Operation) -> str:
    return f"{boto.endpoint_url}/runtimes/{boto.arn.replace(':', '%3A').replace('/', '%2F')}/{operation.path}"

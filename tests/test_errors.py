"""What each answer of a runtime becomes: type, code, sentence; held against the errors of botocore's service model."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest
from botocore.loaders import Loader

from agentcore_mcp import errors
from agentcore_mcp.errors import AgentCoreError, AgentError, AgentRuntimeError, ServiceError, error_from_answer

if TYPE_CHECKING:
    from collections.abc import Iterator

MODEL = Loader().load_service_model("bedrock-agentcore", "service-2")
OPERATIONS = ("InvokeAgentRuntime", "InvokeAgentRuntimeCommand", "StopRuntimeSession")
CODES = sorted({error["shape"] for name in OPERATIONS for error in MODEL["operations"][name]["errors"]})

MISSING_TOKEN = b'{"jsonrpc":"2.0","error":{"code":-32001,"message":"Missing Authentication Token"}}'
PROXY_PAGE = b"<html>\r\n  <head><title>502 Bad Gateway</title></head>\r\n</html>\r\n"


def status_of(code: str) -> int:
    return int(MODEL["shapes"][code]["error"]["httpStatusCode"])


def type_of(code: str) -> type[AgentRuntimeError]:
    return AgentError if code == "RuntimeClientError" else ServiceError


@pytest.mark.parametrize("code", CODES)
def test_every_code_of_the_three_operations_is_a_typed_exception(code: str) -> None:
    headers = {"x-amzn-errortype": code, "x-amzn-requestid": "r-1"}

    error = error_from_answer(status_of(code), headers, b'{"message":"why"}', session_id="s-1")

    assert type(error) is type_of(code)
    assert (error.error_type, error.error, error.status) == (code, "why", status_of(code))
    assert (error.request_id, error.session_id) == ("r-1", "s-1")
    assert str(error) == error.message == f"{code}: why"


@pytest.mark.parametrize("code", [code for code in CODES if code != "ConflictException"])
def test_every_code_is_known_by_its_status_alone(code: str) -> None:
    """But for ConflictException, which shares 409 with the usual RetryableConflictException."""
    error = error_from_answer(status_of(code), {}, b"")

    assert (type(error), error.error_type) == (type_of(code), f"HTTP {status_of(code)}")
    assert not isinstance(error, ServiceError) or error.code == code
    assert str(error) == f"HTTP {status_of(code)}: the runtime gave no message"


def test_a_status_that_stands_for_nothing_is_its_own_code() -> None:
    error = error_from_answer(502, {}, b"")
    named = error_from_answer(404, {"x-amzn-errortype": "OtherException"}, b"")

    assert isinstance(error, ServiceError)
    assert isinstance(named, ServiceError)
    assert (error.code, named.code) == ("HTTP 502", "OtherException")


@pytest.mark.parametrize(
    "body",
    [
        b'{"message":"why"}',
        b'{"Message":"why"}',
        b'{"message":"","Message":"why"}',
        b'{"message":null,"error":{"message":"why"}}',
        b'{"error":"why"}',
        b"why",
        b"  why\n",
    ],
)
def test_the_message_is_found_wherever_it_is(body: bytes) -> None:
    assert error_from_answer(403, {}, body).error == "why"


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({"x-amzn-errortype": "ThrottlingException"}, {}),
        ({"x-amzn-errortype": "ThrottlingException:http://internal.amazon.com/coral/"}, {}),
        ({"x-amzn-errortype": "com.amazonaws.agentcore#ThrottlingException:http://x#y"}, {}),
        ({"x-amzn-errortype": "ThrottlingException"}, {"__type": "OtherException"}),
        ({}, {"__type": "ThrottlingException"}),
        ({}, {"__type": "com.amazonaws.agentcore#ThrottlingException"}),
        ({}, {"code": "ThrottlingException"}),
        ({"x-amzn-errortype": ""}, {"__type": None, "code": "ThrottlingException"}),
    ],
)
def test_the_code_is_found_wherever_it_is(headers: dict[str, str], body: dict[str, Any]) -> None:
    assert error_from_answer(500, headers, json.dumps(body).encode()).error_type == "ThrottlingException"


# Answers as they were captured from the service, and as what stands before it sends them.
ANSWERS: list[tuple[int | None, dict[str, str], bytes, type[AgentRuntimeError], str]] = [
    (401, {}, MISSING_TOKEN, ServiceError, "HTTP 401: Missing Authentication Token"),
    (
        403,
        {},
        b'{"message":"OAuth authorization failed: Failed to parse token"}',
        ServiceError,
        "HTTP 403: OAuth authorization failed: Failed to parse token",
    ),
    (
        403,
        {"x-amzn-errortype": "AccessDeniedException:"},
        b'{"message":"Authorization method mismatch. The agent is configured for another one."}',
        ServiceError,
        "AccessDeniedException: Authorization method mismatch. The agent is configured for another one.",
    ),
    (
        424,
        {"x-amzn-errortype": "RuntimeClientError"},
        b'{"message":"Received error (500) from runtime. Please check your CloudWatch logs."}',
        AgentError,
        "RuntimeClientError: Received error (500) from runtime. Please check your CloudWatch logs.",
    ),
    (409, {}, b"", ServiceError, "HTTP 409: the runtime gave no message"),
    (502, {}, PROXY_PAGE, ServiceError, "HTTP 502: <html> <head><title>502 Bad Gateway</title></head> </html>"),
    (503, {}, b"", ServiceError, "HTTP 503: the runtime gave no message"),
    (302, {}, b"", ServiceError, "HTTP 302: the runtime gave no message"),
    (500, {}, b'data: {"error": "x"}\n\n', ServiceError, 'HTTP 500: data: {"error": "x"}'),
    (500, {}, b"[1, 2]", ServiceError, "HTTP 500: [1, 2]"),
    (500, {}, b'{"detail": 7}', ServiceError, 'HTTP 500: {"detail": 7}'),
    (500, {}, b'"just text"', ServiceError, 'HTTP 500: "just text"'),
    (500, {}, b"\xff\xfe", ServiceError, "HTTP 500: \ufffd\ufffd"),
    (500, {}, b'{"message": "half \\ud83d"}', ServiceError, "HTTP 500: half ?"),
    (None, {"x-amzn-errortype": "ThrottlingException"}, b"", ServiceError,
     "ThrottlingException: the runtime gave no message"),
    (None, {}, b"", ServiceError, "UnknownError: the runtime gave no message"),
]  # fmt: skip


@pytest.mark.parametrize(("status", "headers", "body", "error_type", "message"), ANSWERS)
def test_an_answer_becomes_this_exception_with_this_sentence(
    status: int | None, headers: dict[str, str], body: bytes, error_type: type[AgentRuntimeError], message: str
) -> None:
    error = error_from_answer(status, headers, body)

    assert type(error) is error_type
    assert str(error) == message
    assert error.status == status


@pytest.mark.parametrize("body", [b"x" * 301, b"x" * 1_000_000, "é".encode() * 700, b"[" * 100_000])
def test_an_unreadable_body_is_quoted_in_part(body: bytes) -> None:
    error = error_from_answer(500, {}, body).error

    assert error.endswith("…")
    assert len(error) == errors.BODY_EXCERPT_CHARS + 1


def test_a_short_body_is_quoted_whole() -> None:
    assert error_from_answer(500, {}, b"x" * 300).error == "x" * 300


def test_a_validation_error_says_which_fields() -> None:
    body = {
        "message": "bad",
        "reason": "FieldValidationFailed",
        "fieldList": [{"name": "timeout", "message": "too long"}, "?", {"name": 7}],
    }

    error = error_from_answer(400, {}, json.dumps(body).encode())

    assert isinstance(error, ServiceError)
    assert error.reason == "FieldValidationFailed"
    assert error.fields == (("timeout", "too long"), ("", ""))


@pytest.mark.parametrize("body", [b"{}", b'{"reason": 7, "fieldList": "x"}', b'{"reason": "", "fieldList": null}'])
def test_an_error_without_reason_and_fields_has_none(body: bytes) -> None:
    error = error_from_answer(400, {}, body)

    assert isinstance(error, ServiceError)
    assert (error.reason, error.fields, error.www_authenticate) == (None, (), None)


def test_a_challenge_is_kept() -> None:
    challenge = 'Bearer resource_metadata="https://host/.well-known/oauth-protected-resource?qualifier=DEFAULT"'

    error = error_from_answer(401, {"www-authenticate": challenge}, MISSING_TOKEN)

    assert isinstance(error, ServiceError)
    assert error.www_authenticate == challenge


@pytest.mark.parametrize(
    ("headers", "request_id"),
    [
        ({"x-amzn-requestid": "a", "x-amzn-request-id": "b"}, "a"),
        ({"x-amzn-requestid": "", "x-amzn-request-id": "b"}, "b"),
        ({}, None),
    ],
)
def test_the_request_id_is_found_under_both_names(headers: dict[str, str], request_id: str | None) -> None:
    assert error_from_answer(500, headers, b"").request_id == request_id


# --- the tree


def test_an_error_without_a_type_is_its_own_text() -> None:
    assert str(AgentError("it broke")) == "it broke"
    assert str(AgentError("it broke", "ValueError")) == "ValueError: it broke"


def test_the_tree_at_the_top_of_the_file_is_the_tree() -> None:
    def lines(parent: type[AgentCoreError], indent: str) -> Iterator[str]:
        children = [child for child in parent.__subclasses__() if child.__module__ == errors.__name__]
        for child in children:
            last = child is children[-1]
            yield f"{indent}{'└── ' if last else '├── '}{child.__name__}"
            yield from lines(child, indent + ("    " if last else "│   "))

    drawn = re.findall(r"^    ([├└│ ]*── \w+)", errors.__doc__ or "", re.MULTILINE)

    assert drawn == list(lines(AgentCoreError, ""))


def test_one_class_catches_everything() -> None:
    defined = [value for value in vars(errors).values() if isinstance(value, type) and issubclass(value, Exception)]

    assert [value for value in defined if not issubclass(value, AgentCoreError)] == []

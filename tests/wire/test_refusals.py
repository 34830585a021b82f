"""What each answer of a runtime becomes: type, code, sentence, who answered, when to come back.

Held against the errors of botocore's service model.
"""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pytest
from botocore.loaders import Loader

from agentcore_mcp.errors import AgentError, AgentRuntimeError, ServiceError
from agentcore_mcp.wire.refusals import (
    BODY_EXCERPT_CHARS,
    RETRY_AFTER_MAX_S,
    error_of_answer,
    is_foreign_page,
    retry_after_s,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from agentcore_mcp.wire.challenges import Scheme


NOW = 1_800_000_000.0

MODEL = Loader().load_service_model("bedrock-agentcore", "service-2")
OPERATIONS = ("InvokeAgentRuntime", "InvokeAgentRuntimeCommand", "StopRuntimeSession")
CODES = sorted({error["shape"] for name in OPERATIONS for error in MODEL["operations"][name]["errors"]})

MISSING_TOKEN = b'{"jsonrpc":"2.0","error":{"code":-32001,"message":"Missing Authentication Token"}}'
PROXY_PAGE = b"<html>\r\n  <head><title>502 Bad Gateway</title></head>\r\n</html>\r\n"


def error_of(status: int | None, headers: Mapping[str, str], body: bytes, **more: Any) -> ServiceError | AgentError:
    return error_of_answer(status, headers, body, now=NOW, **more)


def status_of(code: str) -> int:
    return int(MODEL["shapes"][code]["error"]["httpStatusCode"])


def type_of(code: str) -> type[AgentRuntimeError]:
    return AgentError if code == "RuntimeClientError" else ServiceError


@pytest.mark.parametrize("code", CODES)
def test_every_code_of_the_three_operations_is_a_typed_exception(code: str) -> None:
    headers = {"x-amzn-errortype": code, "x-amzn-requestid": "r-1"}

    error = error_of(status_of(code), headers, b'{"message":"why"}', session_id="s-1")

    assert type(error) is type_of(code)
    assert (error.error_type, error.error, error.status) == (code, "why", status_of(code))
    assert (error.request_id, error.session_id) == ("r-1", "s-1")
    assert str(error) == error.message == f"{code}: why"


@pytest.mark.parametrize("code", [code for code in CODES if code != "ConflictException"])
def test_every_code_is_known_by_its_status_alone(code: str) -> None:
    """But for ConflictException, which shares 409 with the usual RetryableConflictException."""
    error = error_of(status_of(code), {}, b"")

    assert (type(error), error.error_type) == (type_of(code), f"HTTP {status_of(code)}")
    assert not isinstance(error, ServiceError) or error.code == code
    assert str(error).startswith(f"HTTP {status_of(code)}: the runtime gave no message")


def test_a_status_that_stands_for_nothing_is_its_own_code() -> None:
    error = error_of(502, {}, b"")
    named = error_of(404, {"x-amzn-errortype": "OtherException"}, b"")

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
    assert error_of(403, {}, body).error == "why"


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
        ({}, {"Code": "ThrottlingException"}),
        ({"x-amzn-errortype": ""}, {"__type": None, "code": "ThrottlingException"}),
    ],
)
def test_the_code_is_found_wherever_it_is(headers: dict[str, str], body: dict[str, Any]) -> None:
    assert error_of(500, headers, json.dumps(body).encode()).error_type == "ThrottlingException"


# Answers as they were captured from the service, and as what stands before it sends them.
FOREIGN = (
    " (it does not look like AgentCore's answer: something on the way gave it, or the endpoint URL leads elsewhere)"
)
ID = {"x-amzn-requestid": "r-1"}
ANSWERS: list[tuple[int, dict[str, str], bytes, type[AgentRuntimeError], str]] = [
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
    (409, ID, b"", ServiceError, "HTTP 409: the runtime gave no message"),
    (502, {}, PROXY_PAGE, ServiceError,
     "HTTP 502: <html> <head><title>502 Bad Gateway</title></head> </html>" + FOREIGN),
    (503, ID, b"", ServiceError, "HTTP 503: the runtime gave no message"),
    (302, ID, b"", ServiceError, "HTTP 302: the runtime gave no message"),
    (500, ID, b'data: {"error": "x"}\n\n', ServiceError, 'HTTP 500: data: {"error": "x"}'),
    (500, ID, b"[1, 2]", ServiceError, "HTTP 500: [1, 2]"),
    (500, ID, b'{"detail": 7}', ServiceError, 'HTTP 500: {"detail": 7}'),
    (500, ID, b'"just text"', ServiceError, 'HTTP 500: "just text"'),
    (500, ID, b"\xff\xfe", ServiceError, "HTTP 500: \ufffd\ufffd"),
    (500, ID, b'{"message": "half \\ud83d"}', ServiceError, "HTTP 500: half \ufffd"),
    (500, {}, b'{"error":"bad","message":"details"}', ServiceError, "HTTP 500: bad (details)"),
    (500, {}, b'{"error":"bad","message":"bad"}', ServiceError, "HTTP 500: bad"),
    (500, {}, b'{"error":{"message":"bad"},"message":"details"}', ServiceError, "HTTP 500: bad (details)"),
    (500, {}, b'{"error":7,"message":"details"}', ServiceError, "HTTP 500: details"),
    (400, {}, b'{"error":"bad","error_type":"Validation","message":"details"}', AgentError,
     "Validation: bad (details)"),
    (500, ID, b'{"error":"bad","error_type":"a.b:C#d"}', AgentError, "a.b:C#d: bad"),
    (429, {"x-amzn-errortype": "ThrottlingException"}, b'{"error":"bad","error_type":"Busy"}', ServiceError,
     "ThrottlingException: bad"),
]  # fmt: skip


@pytest.mark.parametrize(("status", "headers", "body", "error_type", "message"), ANSWERS)
def test_an_answer_becomes_this_exception_with_this_sentence(
    status: int, headers: dict[str, str], body: bytes, error_type: type[AgentRuntimeError], message: str
) -> None:
    error = error_of(status, headers, body)

    assert type(error) is error_type
    assert str(error) == message
    assert error.status == status


@pytest.mark.parametrize(
    ("body", "reason_phrase", "text"),
    [
        (b"", "Service Unavailable", "Service Unavailable"),
        (b" \r\n", "Come Back Later", "Come Back Later"),
        (b"", "", "the runtime gave no message"),
        (b"{}", "Not Found", "Not Found"),
        (b'{"message":""}', "Service Unavailable", '{"message":""}'),
        (b"closed", "Service Unavailable", "closed"),
    ],
)
def test_an_answer_without_a_body_has_its_reason_phrase(body: bytes, reason_phrase: str, text: str) -> None:
    error = error_of(503, ID, body, reason_phrase=reason_phrase)

    assert (error.error, error.error_type, str(error)) == (text, "HTTP 503", f"HTTP 503: {text}")


# Who answered.


@pytest.mark.parametrize(
    ("status", "headers", "body"),
    [
        (200, {"content-type": "text/html"}, b"<html><title>Sign in</title></html>"),
        (403, {"content-type": "text/html", "server": "squid"}, b"<html><h1>ERR_ACCESS_DENIED</h1></html>"),
        (401, {"www-authenticate": 'Basic realm="proxy"'}, b"<html></html>"),
        (403, {}, b"RBAC: access denied"),
        (403, {}, b""),
        (404, {}, b'{"detail":"Not Found"}'),
        (404, {}, b"404 page not found\n"),
        (502, {"content-type": "text/html"}, PROXY_PAGE),
        (503, {}, b"upstream connect error or disconnect/reset before headers"),
        (511, {}, b""),
        (404, ID | {"x-amzn-errortype": "com.amazon.coral.service#UnknownOperationException"}, b""),
        (404, ID, b'{"__type":"com.amazon.coral.service#UnknownOperationException"}'),
        (404, {}, b'{"Output":{"__type":"com.amazon.coral.service#UnknownOperationException"},"Version":"1.0"}'),
    ],
)
@pytest.mark.parametrize("sent", ["bearer", "sigv4", None])
def test_an_answer_that_agentcore_did_not_write_says_so(
    status: int, headers: dict[str, str], body: bytes, sent: Scheme | None
) -> None:
    error = error_of(status, headers, body, sent=sent)

    assert isinstance(error, ServiceError)
    assert error.foreign
    assert str(error).endswith(FOREIGN)
    assert error.auth_problem is None


@pytest.mark.parametrize(
    ("status", "headers", "body"),
    [
        (403, ID, b"<html>Forbidden</html>"),
        (403, {"x-amzn-errortype": "AccessDeniedException"}, b""),
        (403, {}, b'{"message":"OAuth authorization failed: Failed to parse token"}'),
        (401, {}, MISSING_TOKEN),
        (401, {"www-authenticate": 'Bearer resource_metadata="https://host"'}, b""),
        (404, {}, b'{"__type":"ResourceNotFoundException"}'),
        (429, {}, b'{"Message":"Rate exceeded"}'),
    ],
)
def test_an_answer_that_may_be_agentcores_is_taken_for_one(status: int, headers: dict[str, str], body: bytes) -> None:
    error = error_of(status, headers, body)

    assert isinstance(error, ServiceError)
    assert not error.foreign


@pytest.mark.parametrize(
    ("headers", "foreign"),
    [
        ({"content-type": "text/html"}, True),
        ({"content-type": "Text/HTML; charset=utf-8"}, True),
        ({"content-type": "application/xhtml+xml"}, True),
        ({"content-type": "text/html"} | ID, False),
        ({"content-type": "text/html", "x-amzn-bedrock-agentcore-runtime-session-id": "s"}, False),
        ({"content-type": "text/plain"}, False),
        ({"content-type": "application/json"}, False),
        ({}, False),
    ],
)
def test_a_web_page_without_a_header_of_aws_is_not_the_agents(headers: dict[str, str], foreign: bool) -> None:
    assert is_foreign_page(headers) is foreign


@pytest.mark.parametrize("body", [b"x" * 301, b"x" * 1_000_000, "é".encode() * 700, b"[" * 100_000])
def test_an_unreadable_body_is_quoted_in_part(body: bytes) -> None:
    error = error_of(500, {}, body).error

    assert error.endswith("…")
    assert len(error) == BODY_EXCERPT_CHARS + 1


def test_a_short_body_is_quoted_whole() -> None:
    assert error_of(500, {}, b"x" * 300).error == "x" * 300


def test_a_validation_error_says_which_fields() -> None:
    body = {
        "message": "bad",
        "reason": "FieldValidationFailed",
        "fieldList": [{"name": "timeout", "message": "too long"}, "?", {"name": 7}],
    }

    error = error_of(400, {}, json.dumps(body).encode())

    assert isinstance(error, ServiceError)
    assert error.reason == "FieldValidationFailed"
    assert error.fields == (("timeout", "too long"), ("", ""))


@pytest.mark.parametrize("body", [b"{}", b'{"reason": 7, "fieldList": "x"}', b'{"reason": "", "fieldList": null}'])
def test_an_error_without_reason_and_fields_has_none(body: bytes) -> None:
    error = error_of(400, {}, body)

    assert isinstance(error, ServiceError)
    assert (error.reason, error.fields, error.www_authenticate) == (None, (), None)


def test_a_challenge_is_kept() -> None:
    challenge = 'Bearer resource_metadata="https://host/.well-known/oauth-protected-resource?qualifier=DEFAULT"'

    error = error_of(401, {"www-authenticate": challenge}, MISSING_TOKEN)

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
    assert error_of(500, headers, b"").request_id == request_id


# When to come back.


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0),
        (" 30 ", 30),
        ("9" * 10, RETRY_AFTER_MAX_S),
        ("9" * 5000, RETRY_AFTER_MAX_S),
        ("Fri, 31 Dec 9999 23:59:59 GMT", RETRY_AFTER_MAX_S),
        ("Fri, 15 Jan 2027 08:00:09 GMT", 9),
        ("Fri, 15 Jan 2027 07:00:00 GMT", 0),
        ("Fri Jan 15 08:00:09 2027", 9),
        ("", None),
        ("soon", None),
        ("-7", None),
    ],
)
def test_retry_after_is_seconds_or_a_date(value: str, seconds: float | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever time it is here."""
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()  # type: ignore[attr-defined, unused-ignore]
    try:
        assert retry_after_s(value, now=NOW) == seconds
    finally:
        monkeypatch.undo()
        time.tzset()  # type: ignore[attr-defined, unused-ignore]

"""Which headers a caller may add to a request, what a value may hold, and which headers an agent may see."""

from __future__ import annotations

import warnings

import h11
import pytest
from hypothesis import given, strategies as st

from agentcore_mcp.errors import InvalidRequestError
from agentcore_mcp.wire.headers import (
    CUSTOM_HEADER_PREFIX,
    SESSION_HEADER,
    VALUE_CHARS,
    forwarded,
    header_fields,
    is_forwardable,
)

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from bedrock_agentcore.runtime.models import RESTRICTED_HEADERS, is_forwardable_header

OWN = {"Content-Type": "application/json", SESSION_HEADER: "s" * 33}


@pytest.mark.parametrize("name", VALUE_CHARS)
def test_a_value_may_be_as_long_as_its_limit_and_no_longer(name: str) -> None:
    shortest, longest = VALUE_CHARS[name]

    assert header_fields({name: "v" * longest}, {}) == ((name, "v" * longest),)
    for length in (longest + 1, *range(shortest)):
        with pytest.raises(
            InvalidRequestError,
            match=f"^the value of header '{name}' has {length} characters, {shortest} to {longest} are allowed$",
        ):
            header_fields({name: "v" * length}, {})


@pytest.mark.parametrize(
    "name",
    [
        f"{CUSTOM_HEADER_PREFIX}Tenant",
        f"{CUSTOM_HEADER_PREFIX.lower()}x",
        "X-Amzn-Trace-Id",
        "x-amzn-trace-id",
        "traceparent",
        "Mcp-Name",
        "X-Api-Key",
        "Cookie",
        "Content-Encoding",
        "x-amazing",
    ],
)
def test_headers_for_the_agent_are_passed_on(name: str) -> None:
    assert header_fields(OWN, {name: "v"}) == (*OWN.items(), (name, "v"))


@pytest.mark.parametrize(
    "name",
    [
        "X-Amz-Security-Token",
        "x-amz-date",
        "X-Amz-",
        "X-Amzn-RequestId",
        "X-Amzn-Trace-Id-2",
        "X-Amzn-Bedrock-AgentCore-Runtime-User-Id",
        "X-Amzn-Bedrock-AgentCore-Runtime-Session-Id",
        "X-Amzn-Bedrock-AgentCore-Something-New",
        CUSTOM_HEADER_PREFIX,
    ],
)
def test_headers_of_aws_are_refused(name: str) -> None:
    with pytest.raises(InvalidRequestError, match=f"^the header '{name}' is reserved for AWS") as caught:
        header_fields({}, {name: "s3cret"})

    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    "name",
    [
        "Authorization",
        "Proxy-Authorization",
        "Host",
        "Content-Length",
        "Transfer-Encoding",
        "TE",
        "Trailer",
        "Connection",
        "Proxy-Connection",
        "Keep-Alive",
        "Upgrade",
        "Expect",
        "Accept-Encoding",
        "User-Agent",
        "content-TYPE",
        SESSION_HEADER.upper(),
    ],
)
def test_headers_of_the_request_and_its_connection_are_refused(name: str) -> None:
    with pytest.raises(InvalidRequestError, match=f"^the header '{name}' is set by the request itself"):
        header_fields(OWN, {name: "v"})


def test_a_header_is_given_once_however_it_is_spelled() -> None:
    with pytest.raises(InvalidRequestError, match=r"^the header 'x-a' is set by the request itself, and can't be set"):
        header_fields(OWN, {"X-A": "1", "x-a": "2"})


@pytest.mark.parametrize("value", [" v", "v ", "\tv", "v\t", " ", "\t"])
def test_a_blank_at_either_end_is_refused_because_it_would_be_lost(value: str) -> None:
    with pytest.raises(InvalidRequestError, match=r"^the value of header 'x-a' begins or ends with a blank"):
        header_fields({}, {"x-a": value})


@given(st.text(max_size=30), st.text(max_size=30))
def test_whatever_is_let_through_can_be_sent(name: str, value: str) -> None:
    """h11, which httpx2 sends with, is as strict as RFC 9110."""
    try:
        fields = header_fields({}, {name: value})
    except InvalidRequestError:
        return
    raw = [(key.encode("ascii"), text.encode()) for key, text in fields]
    request = h11.Request(method="POST", target="/", headers=[(b"Host", b"h"), *raw])
    sent = h11.Connection(h11.CLIENT).send(request)

    assert sent is not None
    assert sent.split(b"\r\n")[2] == raw[0][0] + b": " + raw[0][1]


# Which headers reach an agent: the published rule, name for name.

NAMES = [
    *sorted(RESTRICTED_HEADERS),
    "Authorization",
    "X-Amz-Date",
    "X-Amz-Bedrock-AgentCore-Identity-WAT",
    "X-Amzn-Trace-Id",
    "X-Amzn-Bedrock-AgentCore-Runtime-Session-Id",
    "X-Amzn-Bedrock-AgentCore-Runtime-Custom-Tenant",
    "X-Amzn",
    "X-Tenant",
    "traceparent",
    "baggage",
    "Content-Disposition",
    "",
]


@pytest.mark.parametrize("name", NAMES)
def test_a_header_is_forwarded_by_the_published_rule(name: str) -> None:
    for spelling in (name, name.lower(), name.upper()):
        assert is_forwardable(spelling) == is_forwardable_header(spelling)


def test_authorization_has_one_spelling_and_the_last_value_counts() -> None:
    headers = [("authorization", "Bearer a"), ("X-Tenant", "t"), ("cookie", "c=1"), ("X-Tenant", "u")]

    assert forwarded(headers) == {"Authorization": "Bearer a", "X-Tenant": "u"}

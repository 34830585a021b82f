"""The local AgentCore's check of signatures, with requests that botocore and the published SDK have signed."""

from __future__ import annotations

import re
import warnings
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import boto3.session
import pytest
from botocore.auth import SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import ReadOnlyCredentials
from hypothesis import given, strategies as st

from agentcore_mcp.local.callers.claims import Incoming
from agentcore_mcp.local.callers.sigv4 import LOCAL_KEYS, KeyPair, SignatureAuthorizer
from agentcore_mcp.local.line.refusals import Refusal
from agentcore_mcp.wire.ids import SERVICE
from agentcore_mcp.wire.limits import PRESIGNED_MAX_S

with warnings.catch_warnings():
    # The published package still defines a model in pydantic's old way, which is not for us to fix.
    warnings.filterwarnings("ignore", category=DeprecationWarning)
    from bedrock_agentcore.runtime import AgentCoreRuntimeClient

if TYPE_CHECKING:
    from collections.abc import Callable

REGION = "us-east-1"
ARN = f"arn:aws:bedrock-agentcore:{REGION}:123456789012:runtime/local_agent-L0calAgent"
URL = f"http://127.0.0.1:8080/runtimes/{ARN.replace(':', '%3A').replace('/', '%2F')}"
OTHER_KEYS = KeyPair("AKIAFAKEFAKEFAKEFAKE", "not/a/real/secret/key+at+all")

authorizer = SignatureAuthorizer(LOCAL_KEYS, REGION)


def signed(
    *,
    url: str = URL + "/invocations?qualifier=DEFAULT",
    headers: dict[str, str] | None = None,
    body: bytes = b"{}",
    keys: KeyPair = LOCAL_KEYS,
    session_token: str | None = None,
    region: str = REGION,
    service: str = SERVICE,
) -> Incoming:
    """Let botocore sign a request."""
    request = AWSRequest("POST", url, headers={"Content-Type": "application/json", **(headers or {})}, data=body)
    credentials = ReadOnlyCredentials(keys.access_key_id, keys.secret_access_key, session_token)
    SigV4Auth(credentials, service, region).add_auth(request)
    return _incoming("POST", request.url, dict(request.headers.items()), body)


def presigned(*, url: str = URL + "/ws?qualifier=a%20b", expires: int = PRESIGNED_MAX_S) -> Incoming:
    """Let botocore sign a URL."""
    request = AWSRequest("GET", url)
    credentials = ReadOnlyCredentials(LOCAL_KEYS.access_key_id, LOCAL_KEYS.secret_access_key, None)
    SigV4QueryAuth(credentials, SERVICE, REGION, expires=expires).add_auth(request)
    return _incoming("GET", request.url, {}, b"")


def _incoming(method: str, url: str, headers: dict[str, str], body: bytes) -> Incoming:
    parts = urlsplit(url)
    # botocore sends UTF-8, which ASGI reads as Latin-1.
    lowered = {name.lower(): value.encode().decode("latin-1") for name, value in headers.items()}
    return Incoming(method, parts.path, parts.query, {"host": parts.netloc, **lowered}, body)


def without(request: Incoming, name: str) -> Incoming:
    return replace(request, headers={key: value for key, value in request.headers.items() if key != name})


def with_header(request: Incoming, name: str, value: str) -> Incoming:
    return replace(request, headers={**request.headers, name: value})


def with_authorization(request: Incoming, old: str, new: str) -> Incoming:
    authorization = request.headers["authorization"]
    assert old in authorization
    return with_header(request, "authorization", authorization.replace(old, new))


def with_query(old: str, new: str) -> Incoming:
    """Return a presigned request with something else in its query."""
    assert old in presigned().query
    return replace(presigned(), query=presigned().query.replace(old, new))


def with_time(time: str) -> Incoming:
    """Return a presigned request of another time."""
    return replace(presigned(), query=re.sub(r"X-Amz-Date=\w+", f"X-Amz-Date={time}", presigned().query))


def refusal(request: Incoming, *, by: SignatureAuthorizer = authorizer) -> tuple[str, str]:
    with pytest.raises(Refusal) as caught:
        by.check(request)
    assert caught.value.status == 403
    assert caught.value.challenge is None
    return caught.value.code, caught.value.message


def at(offset: timedelta) -> SignatureAuthorizer:
    """Return an authorizer whose clock is off by this."""
    return SignatureAuthorizer(LOCAL_KEYS, REGION, now=lambda: datetime.now(UTC) + offset)


@pytest.mark.parametrize(
    "make",
    [
        signed,
        lambda: signed(body=b""),
        lambda: signed(body=bytes(range(256)) * 1000),
        lambda: signed(url=URL + "/commands"),
        lambda: signed(url=URL + "/invocations?qualifier=a%20b%2Fc&accountId=123456789012&empty="),
        lambda: signed(headers={"X-Amzn-Bedrock-AgentCore-Runtime-Session-Id": "x" * 33, "X-Spaces": "  two   words "}),
        lambda: signed(headers={"User-Agent": "is left out by botocore", "X-Latin": "é"}),
        presigned,
        lambda: presigned(expires=30),
        lambda: presigned(url=URL + "/ws"),
    ],
)
def test_what_botocore_signs_is_let_in(make: Callable[[], Incoming]) -> None:
    authorizer.check(make())


def test_headers_that_botocore_would_not_sign_may_be_signed() -> None:
    """Another SDK may choose others; what counts is which the client names."""
    request = AWSRequest("POST", URL + "/invocations", headers={"User-Agent": "mine"}, data=b"{}")
    signer = SigV4Auth(
        ReadOnlyCredentials(LOCAL_KEYS.access_key_id, LOCAL_KEYS.secret_access_key, None), SERVICE, REGION
    )
    request.context["timestamp"] = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    date = request.context["timestamp"]
    canonical = "\n".join(
        [
            "POST",
            urlsplit(URL).path.replace("%", "%25") + "/invocations",
            "",
            f"host:127.0.0.1:8080\nuser-agent:mine\nx-amz-date:{date}\n",
            "host;user-agent;x-amz-date",
            signer.payload(request),
        ]
    )
    signature = signer.signature(signer.string_to_sign(request, canonical), request)
    authorization = (
        f"AWS4-HMAC-SHA256 Credential={signer.scope(request)},SignedHeaders=host;user-agent;x-amz-date,"
        f"Signature={signature}"
    )
    headers = {"authorization": authorization, "x-amz-date": date, "user-agent": "mine"}
    authorizer.check(_incoming("POST", URL + "/invocations", headers, b"{}"))


def test_what_the_published_sdk_signs_for_a_websocket_is_let_in() -> None:
    session = boto3.session.Session(LOCAL_KEYS.access_key_id, LOCAL_KEYS.secret_access_key, region_name=REGION)
    sdk = AgentCoreRuntimeClient(REGION, session=session)
    url, headers = sdk.generate_ws_connection(ARN, endpoint_name="DEFAULT")
    authorizer.check(_incoming("GET", url, headers, b""))
    authorizer.check(_incoming("GET", sdk.generate_presigned_url(ARN, endpoint_name="DEFAULT"), {}, b""))


def test_no_credentials_are_a_missing_authentication_token() -> None:
    assert refusal(without(signed(), "authorization")) == (
        "MissingAuthenticationTokenException",
        "Missing Authentication Token",
    )


def test_a_bearer_token_is_the_wrong_method() -> None:
    code, message = refusal(with_header(signed(), "authorization", "Bearer some.token.here"))

    assert (code, message.split(".")[0]) == ("AccessDeniedException", "Authorization method mismatch")


@pytest.mark.parametrize(
    "make",
    [lambda: signed(keys=OTHER_KEYS), lambda: signed(session_token="of-somebody")],
    ids=["another key", "a session token that does not belong to the key"],
)
def test_an_unknown_key_is_an_invalid_security_token(make: Callable[[], Incoming]) -> None:
    assert refusal(make()) == (
        "UnrecognizedClientException",
        "The security token included in the request is invalid.",
    )


@pytest.mark.parametrize(
    "change",
    [
        lambda: signed(keys=replace(LOCAL_KEYS, secret_access_key="wrong")),
        lambda: replace(signed(), body=b"[]"),
        lambda: replace(signed(), body=b""),
        lambda: replace(signed(), path="/runtimes/other/invocations"),
        lambda: replace(signed(), query="qualifier=OTHER"),
        lambda: replace(signed(), query=""),
        lambda: replace(signed(), method="GET"),
        lambda: with_header(signed(), "content-type", "text/plain"),
        lambda: without(signed(), "content-type"),
        lambda: with_header(signed(), "host", "elsewhere"),
        lambda: with_authorization(signed(), "content-type;host", "host"),
        lambda: with_authorization(signed(), "Signature=", "Signature=0"),
        lambda: with_authorization(signed(), "Signature=", "Signature=é"),
        lambda: signed(headers={"X-Amz-Content-SHA256": "0" * 64}),
        lambda: signed(headers={"X-Amz-Content-SHA256": "UNSIGNED-PAYLOAD"}),
        lambda: replace(presigned(), query=presigned().query + "&more=1"),
        lambda: with_header(presigned(), "host", "elsewhere"),
    ],
)
def test_what_was_changed_after_it_was_signed_does_not_match(change: Callable[[], Incoming]) -> None:
    code, message = refusal(change())

    assert code == "InvalidSignatureException"
    assert message.startswith("The request signature we calculated does not match the signature you provided.")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda: with_header(signed(), "x-amz-extra", "1"), "'x-amz-extra' must be a 'SignedHeader' in the AWS"),
        (lambda: with_authorization(signed(), "host;", ""), "'Host' or ':authority' must be a 'SignedHeader'"),
        (lambda: signed(region="eu-west-1"), "Credential should be scoped to a valid region, not 'eu-west-1'."),
        (lambda: signed(service="bedrock"), "Credential should be scoped to correct service: 'bedrock-agentcore'."),
        (lambda: with_authorization(signed(), "aws4_request", "aws5"), "Credential should be scoped with a valid term"),
        (
            lambda: with_authorization(signed(), f"/{datetime.now(UTC):%Y%m%d}/", "/20200101/"),
            "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '20200101' !=",
        ),
        (lambda: presigned(expires=0), "X-Amz-Expires must be between 1 and 300 seconds"),
        (lambda: presigned(expires=PRESIGNED_MAX_S + 1), "X-Amz-Expires must be between 1 and 300 seconds"),
        *[
            (
                partial(with_query, "X-Amz-Expires=300", f"X-Amz-Expires={seconds}"),
                "X-Amz-Expires must be between 1 and",
            )
            for seconds in ("9" * 10, "9" * 5_000, "1" + "0" * 100_000, "%C2%B2", "%D9%A3", "-1", "1e2", "+5", "1_0")
        ],
        *[
            (partial(with_time, time), problem)
            for time, problem in [
                ("00010101T000000Z", "Signature expired"),
                ("00010101T000459Z", "Signature expired"),
                ("99991231T235959Z", "Signature not yet current"),
                ("99991231T235501Z", "Signature not yet current"),
            ]
        ],
    ],
)
def test_a_signature_for_something_else_is_refused_with_the_reason(
    change: Callable[[], Incoming], message: str
) -> None:
    code, said = refusal(change())

    assert code == "InvalidSignatureException"
    assert said.startswith(message)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda: with_authorization(signed(), "Signature=", "Nothing="), "requires 'Signature' parameter."),
        (lambda: with_authorization(signed(), "SignedHeaders=", "Nothing="), "requires 'SignedHeaders' parameter."),
        (lambda: with_authorization(signed(), "Credential=", "Nothing="), "requires 'Credential' parameter."),
        (lambda: without(signed(), "x-amz-date"), "requires existence of either a 'X-Amz-Date' or a 'Date' header."),
        (lambda: with_header(signed(), "x-amz-date", "yesterday"), "Date must be in ISO-8601 'basic format'."),
        (lambda: with_authorization(signed(), "/us-east-1", ""), "Credential must have exactly 5 slash-delimited"),
        (lambda: with_header(signed(), "authorization", "Basic abc"), "Unsupported AWS 'algorithm'"),
        (
            lambda: replace(presigned(), query=presigned().query.replace("X-Amz-Date", "Nothing")),
            "AWS query-string parameters must include 'X-Amz-Date'.",
        ),
        (
            lambda: replace(presigned(), query=presigned().query.replace("HMAC", "ECDSA")),
            "Unsupported AWS 'algorithm'",
        ),
    ],
)
def test_half_a_signature_is_refused_with_what_is_missing(change: Callable[[], Incoming], message: str) -> None:
    code, said = refusal(change())

    assert code == "IncompleteSignatureException"
    assert message in said


_ODD = st.one_of(
    st.sampled_from(["0", "-1", "9" * 5_000, "00010101T000000Z", "99991231T235959Z", "\x9b", "=", ";", "/" * 9, "%"]),
    st.text(st.characters(max_codepoint=255), max_size=40),
)


@given(st.sampled_from(["Credential", "SignedHeaders", "Signature", "Date", "Expires", "Algorithm"]), _ODD)
def test_whatever_a_signature_has_in_it_is_let_in_or_refused(name: str, value: str) -> None:
    in_query = re.sub(f"X-Amz-{name}=[^&]*", lambda _: f"X-Amz-{name}={value}", presigned().query)
    header = signed().headers["authorization"]
    in_header = re.sub(f"{name}=[^,]*", lambda _: f"{name}={value}", header)
    changed = ("x-amz-date", value) if name == "Date" else ("authorization", in_header)
    for request in (replace(presigned(), query=in_query), with_header(signed(), *changed)):
        with suppress(Refusal):
            authorizer.check(request)


def test_a_signed_time_may_be_five_minutes_off_in_either_direction() -> None:
    for minutes in (4.9, -4.9):
        at(timedelta(minutes=minutes)).check(signed())

    code, message = refusal(signed(), by=at(timedelta(minutes=5.1)))
    assert code == "InvalidSignatureException"
    assert message.startswith("Signature expired: ")
    assert message.endswith(" - 5 min.)")
    code, message = refusal(signed(), by=at(timedelta(minutes=-5.1)))
    assert code == "InvalidSignatureException"
    assert message.startswith("Signature not yet current: ")
    assert message.endswith(" + 5 min.)")


def test_a_presigned_url_is_good_for_as_long_as_it_says() -> None:
    at(timedelta(seconds=85)).check(presigned(expires=90))
    code, message = refusal(presigned(expires=90), by=at(timedelta(seconds=95)))

    assert code == "InvalidSignatureException"
    assert message.startswith("Signature expired: ")
    assert message.endswith(" - 90 s.)")


def test_a_refusal_never_quotes_what_may_be_a_secret() -> None:
    for request in (
        with_header(signed(), "authorization", "the-token-itself"),
        with_header(signed(), "authorization", "AWS4-HMAC-SHA256 the-token-itself"),
        with_authorization(signed(), "Signature=", "Nothing=the-token-itself"),
    ):
        assert "the-token-itself" not in refusal(request)[1]
    assert LOCAL_KEYS.secret_access_key not in repr(LOCAL_KEYS)

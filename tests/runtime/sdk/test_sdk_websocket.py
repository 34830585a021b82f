"""What AgentCoreRuntimeClient gives to connect a WebSocket with, compared with botocore and the published package."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, parse_qsl, quote, urlsplit

import boto3
import pytest

from agentcore_mcp.errors import CredentialsError
from agentcore_mcp.runtime.sdk.client import AgentCoreRuntimeClient
from tests.support.aws import (
    ACCESS_KEY_ID,
    SECRET_ACCESS_KEY,
    SESSION_TOKEN,
    botocore_authorization,
    botocore_presigned_signature,
    fake_session,
)
from tests.support.clients import ARN, REGION, SESSION_ID
from tests.support.published import AgentCoreRuntimeClient as PublishedClient
from tests.support.servers import Recorded

if TYPE_CHECKING:
    from collections.abc import Mapping

TOKEN = "not.a.real-token"
HOST = f"bedrock-agentcore.{REGION}.amazonaws.com"
URL = f"wss://{HOST}/runtimes/{quote(ARN, safe='')}/ws"
SESSION_NAME = "X-Amzn-Bedrock-AgentCore-Runtime-Session-Id"
# Made anew by each call; the signature is compared with botocore's for the same time.
OF_THE_MOMENT = {"X-Amz-Date", "Authorization", "Sec-WebSocket-Key", "User-Agent"}


@pytest.fixture
def client() -> AgentCoreRuntimeClient:
    return AgentCoreRuntimeClient(session=fake_session())


@pytest.fixture
def published() -> Any:
    return PublishedClient(REGION, boto3.session.Session(ACCESS_KEY_ID, SECRET_ACCESS_KEY, SESSION_TOKEN))


@pytest.mark.parametrize("shell_id", [None, "my-shell_1"])
@pytest.mark.parametrize("endpoint_name", [None, "DEFAULT", "blue/green 2"])
def test_signed_headers_are_botocores(
    client: AgentCoreRuntimeClient, endpoint_name: str | None, shell_id: str | None
) -> None:
    custom = {"X-Amzn-Bedrock-AgentCore-Runtime-Custom-Tenant": "a b"}
    url, headers = client.generate_ws_connection(ARN, SESSION_ID, endpoint_name, shell_id=shell_id, headers=custom)

    assert headers["Authorization"] == botocore_authorization(_upgrade(url, headers), REGION)
    assert _signed(headers) == {
        "host",
        "x-amz-date",
        "x-amz-security-token",
        SESSION_NAME.lower(),
        "x-amzn-bedrock-agentcore-runtime-custom-tenant",
    }


@pytest.mark.parametrize("shell_id", [None, "my-shell_1"])
@pytest.mark.parametrize("endpoint_name", [None, "DEFAULT", "blue/green 2"])
def test_presigned_urls_are_botocores(
    client: AgentCoreRuntimeClient, endpoint_name: str | None, shell_id: str | None
) -> None:
    url = client.generate_presigned_url(
        ARN, SESSION_ID, endpoint_name, {"abc": "p q/r+s=t&\u00fc"}, 60, shell_id=shell_id
    )

    query = parse_qs(urlsplit(url).query)
    assert query["X-Amz-Signature"] == [botocore_presigned_signature(url, REGION)]
    assert (query["X-Amz-Expires"], query["X-Amz-SignedHeaders"]) == (["60"], ["host"])
    assert (query[SESSION_NAME], query["abc"]) == ([SESSION_ID], ["p q/r+s=t&\u00fc"])
    assert (query.get("qualifier"), query.get("shellId")) == (
        endpoint_name and [endpoint_name],
        shell_id and [shell_id],
    )


@pytest.mark.parametrize("endpoint_name", [None, "DEFAULT"])
def test_url_and_headers_are_those_of_the_published_client(
    client: AgentCoreRuntimeClient, published: Any, endpoint_name: str | None
) -> None:
    """But for one thing: our signature covers the session id, as theirs does for shells only."""
    ours_url, ours = client.generate_ws_connection(ARN, SESSION_ID, endpoint_name)
    theirs_url, theirs = published.generate_ws_connection(ARN, SESSION_ID, endpoint_name)

    assert ours_url == theirs_url == URL + (f"?qualifier={endpoint_name}" if endpoint_name else "")
    assert ours.keys() == theirs.keys()
    assert _lasting(ours) == _lasting(theirs)
    assert _signed(ours) == _signed(theirs) | {SESSION_NAME.lower()}


@pytest.mark.parametrize("endpoint_name", [None, "DEFAULT"])
def test_url_and_headers_for_a_token_are_those_of_the_published_client(
    client: AgentCoreRuntimeClient, published: Any, endpoint_name: str | None
) -> None:
    ours_url, ours = client.generate_ws_connection_oauth(ARN, TOKEN, SESSION_ID, endpoint_name)
    theirs_url, theirs = published.generate_ws_connection_oauth(ARN, TOKEN, SESSION_ID, endpoint_name)

    assert ours_url == theirs_url
    assert ours.keys() == theirs.keys()
    assert _lasting(ours) == _lasting(theirs)
    assert ours["Authorization"] == theirs["Authorization"] == f"Bearer {TOKEN}"


@pytest.mark.parametrize("arguments", [(), ("DEFAULT",), ("DEFAULT", {"abc": "pqr"}), ("DEFAULT", None, 7)])
def test_presigned_urls_are_those_of_the_published_client(
    client: AgentCoreRuntimeClient, published: Any, arguments: tuple[Any, ...]
) -> None:
    ours = client.generate_presigned_url(ARN, SESSION_ID, *arguments)
    theirs = published.generate_presigned_url(ARN, SESSION_ID, *arguments)

    assert ours.partition("?")[0] == theirs.partition("?")[0] == URL
    assert _lasting(dict(parse_qsl(urlsplit(ours).query))) == _lasting(dict(parse_qsl(urlsplit(theirs).query)))


def test_shells_are_those_of_the_published_client(client: AgentCoreRuntimeClient, published: Any) -> None:
    """Whose header way leaves the headers of the upgrade to the WebSocket library, which ours names in every way."""
    ours_url, ours = client.generate_ws_connection(ARN, SESSION_ID, "DEFAULT", shell_id="shell")
    theirs_url, theirs = published.connect_shell(ARN, SESSION_ID, "DEFAULT", "shell")
    assert ours_url == theirs_url == URL + "/shells?qualifier=DEFAULT&shellId=shell"
    assert _lasting(theirs).items() <= _lasting(ours).items()
    assert _signed(ours) == _signed(theirs)

    presigned = client.generate_presigned_url(ARN, SESSION_ID, "DEFAULT", shell_id="shell")
    their_presigned = published.connect_shell_presigned(ARN, SESSION_ID, "DEFAULT", "shell")
    assert _lasting(dict(parse_qsl(presigned))) == _lasting(dict(parse_qsl(their_presigned)))

    bearer_url, bearer = client.generate_ws_connection_oauth(ARN, TOKEN, SESSION_ID, shell_id="shell")
    assert bearer_url == URL + "/shells?shellId=shell"
    assert bearer["Authorization"] == f"Bearer {TOKEN}"


def test_the_callers_headers_are_not_changed(client: AgentCoreRuntimeClient) -> None:
    custom = {"abc": "pqr"}
    client.generate_presigned_url(ARN, custom_headers=custom)
    client.generate_ws_connection(ARN, headers=custom)

    assert custom == {"abc": "pqr"}


def test_without_a_session_there_is_a_new_one_each_time(client: AgentCoreRuntimeClient) -> None:
    ids = {client.generate_ws_connection(ARN)[1][SESSION_NAME] for _ in range(2)}
    ids |= {client.generate_ws_connection_oauth(ARN, TOKEN)[1][SESSION_NAME] for _ in range(2)}
    ids |= {parse_qs(urlsplit(client.generate_presigned_url(ARN)).query)[SESSION_NAME][0] for _ in range(2)}

    assert len(ids) == 6


def test_each_connection_has_a_key_of_its_own(client: AgentCoreRuntimeClient) -> None:
    keys = [client.generate_ws_connection_oauth(ARN, TOKEN)[1]["Sec-WebSocket-Key"] for _ in range(2)]

    assert keys[0] != keys[1]
    assert [len(base64.b64decode(key)) for key in keys] == [16, 16]


@pytest.mark.parametrize(
    ("arn", "host"),
    [
        (ARN, HOST),
        (
            ARN.replace("aws:", "aws-cn:", 1).replace(REGION, "cn-north-1"),
            "bedrock-agentcore.cn-north-1.amazonaws.com.cn",
        ),
    ],
)
def test_host_and_signature_are_for_the_arns_region(client: AgentCoreRuntimeClient, arn: str, host: str) -> None:
    """Theirs are for the client's, which AgentCore refuses if it is another one."""
    url, headers = client.generate_ws_connection(arn)
    presigned = client.generate_presigned_url(arn)

    region = arn.split(":")[3]
    assert urlsplit(url).netloc == headers["Host"] == urlsplit(presigned).netloc == host
    assert headers["Authorization"].split("/")[2] == region
    assert headers["Authorization"] == botocore_authorization(_upgrade(url, headers), region)


@pytest.mark.parametrize(
    ("endpoint_url", "expected"),
    [
        ("http://127.0.0.1:8080", "ws://127.0.0.1:8080/runtimes/"),
        ("http://localhost/gateway/", "ws://localhost/gateway/runtimes/"),
        ("https://example.com:8443", "wss://example.com:8443/runtimes/"),
    ],
)
def test_an_endpoint_url_says_where_and_whether_with_tls(endpoint_url: str, expected: str) -> None:
    client = AgentCoreRuntimeClient(session=fake_session(), endpoint_url=endpoint_url)
    url, headers = client.generate_ws_connection(ARN)
    presigned = client.generate_presigned_url(ARN)

    assert url.startswith(expected)
    assert presigned.startswith(expected)
    assert headers["Authorization"] == botocore_authorization(_upgrade(url, headers), REGION)
    assert parse_qs(urlsplit(presigned).query)["X-Amz-Signature"] == [botocore_presigned_signature(presigned, REGION)]


def test_without_credentials_there_is_nothing_to_sign_with(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)

    client = AgentCoreRuntimeClient()
    with pytest.raises(CredentialsError, match="no AWS credentials") as caught:
        client.generate_ws_connection(ARN)
    assert isinstance(caught.value, RuntimeError), "as in the published package"
    with pytest.raises(CredentialsError, match="no AWS credentials"):
        client.generate_presigned_url(ARN)
    assert client.generate_ws_connection_oauth(ARN, TOKEN)[0] == URL


def _upgrade(url: str, headers: Mapping[str, str]) -> Recorded:
    parts = urlsplit(url)
    target = parts.path + (f"?{parts.query}" if parts.query else "")
    return Recorded("GET", target, tuple((name.lower(), value) for name, value in headers.items()), b"")


def _signed(headers: Mapping[str, str]) -> set[str]:
    return set(headers["Authorization"].split("SignedHeaders=")[1].split(",")[0].split(";"))


def _lasting(items: Mapping[str, str]) -> dict[str, str]:
    return {
        name: value
        for name, value in items.items()
        if name not in OF_THE_MOMENT and name not in ("X-Amz-Signature", "X-Amz-Credential")
    }

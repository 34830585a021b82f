"""Credentials for a WebSocket: signed headers, presigned URLs made by botocore, and tokens, in a header or not."""

from __future__ import annotations

import base64
from typing import Any
from urllib.parse import quote

import botocore.session
import httpx2
import pytest
from botocore.auth import SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import ReadOnlyCredentials
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect
from websockets.typing import Subprotocol

from agentcore_mcp.errors import ServiceError
from agentcore_mcp.local.agentcore import LocalAgentCore
from agentcore_mcp.local.callers.sigv4 import LOCAL_KEYS
from agentcore_mcp.runtime.sdk.client import AgentCoreRuntimeClient
from agentcore_mcp.wire.headers import SESSION_HEADER
from agentcore_mcp.wire.ids import SERVICE
from tests.support.agentcore import Boto, new_session_id
from tests.support.shells import OAuthAuth, PresignedAuth, PublishedClient, read_until
from tests.support.waiting import WAIT_S

PROBE = "tests.support.agents.probe:app"
KEYS = (LOCAL_KEYS.access_key_id, LOCAL_KEYS.secret_access_key)


async def test_our_client_connects_with_signed_headers_and_a_presigned_url(signing: LocalAgentCore) -> None:
    with _client(signing, KEYS[1]) as client:
        async with client.connect_ws(signing.agent_runtime_arn) as agent:
            await agent.send_text("signed")
            assert await agent.receive_text() == "signed"
        url = client.generate_presigned_url(signing.agent_runtime_arn, endpoint_name="DEFAULT")
    with connect(url, open_timeout=WAIT_S) as connection:
        connection.send("presigned")
        assert connection.recv(timeout=WAIT_S) == "presigned"


async def test_our_client_is_refused_with_another_secret(signing: LocalAgentCore) -> None:
    with _client(signing, "wrong") as client, pytest.raises(ServiceError) as caught:
        async with client.connect_ws(signing.agent_runtime_arn):
            pass

    assert (caught.value.status, caught.value.error_type) == (403, "InvalidSignatureException")


def test_a_url_that_botocore_presigned_is_good_for_its_session_and_no_longer_than_five_minutes(
    signing: LocalAgentCore,
) -> None:
    session_id = new_session_id()
    with connect(_presigned(signing, session_id, expires=300), open_timeout=WAIT_S) as connection:
        connection.send("presigned")
        assert connection.recv(timeout=WAIT_S) == "presigned"
        response = connection.response
    assert response is not None
    assert response.headers[SESSION_HEADER] == session_id

    for url, code in (
        (_presigned(signing, session_id, expires=301), "InvalidSignatureException"),
        (_presigned(signing, session_id, expires=300) + "&more=1", "InvalidSignatureException"),
        (_address(signing), "MissingAuthenticationTokenException"),
    ):
        status, headers = _refusal(url)

        assert (status, headers["x-amzn-errortype"].partition(":")[0]) == (403, code)


@pytest.mark.parametrize("auth", ["sigv4", PresignedAuth()], ids=str)
async def test_a_shell_that_the_published_sdk_signs_is_let_in_and_with_another_secret_it_is_not(
    signing: LocalAgentCore, auth: Any
) -> None:
    """It presigns for the host without its port; of AWS's hosts none has one."""
    with Boto.of(signing) as boto:
        async with PublishedClient(boto, keys=KEYS).open_shell(boto.arn, auth=auth) as shell:
            await shell.send("echo two is $((1 + 1))\n")
            assert "two is 2" in await read_until(shell, "two is 2")
        with pytest.raises(InvalidStatus, match="403"):
            async with PublishedClient(boto, keys=(KEYS[0], "wrong")).open_shell(boto.arn, auth=auth):
                pass


async def test_a_shell_of_the_published_sdk_is_let_in_with_a_token(oauth: LocalAgentCore) -> None:
    with Boto.of(oauth) as boto:
        client = PublishedClient(boto)
        async with client.open_shell(boto.arn, auth=OAuthAuth(oauth.token())) as shell:
            await shell.send("echo two is $((1 + 1))\n")
            assert "two is 2" in await read_until(shell, "two is 2")
        with pytest.raises(InvalidStatus, match="403"):
            async with client.open_shell(boto.arn, auth=OAuthAuth("not-a-real-token")):
                pass


def test_a_token_is_brought_in_a_header_or_as_a_browser_can(oauth: LocalAgentCore) -> None:
    token = oauth.token()
    with connect(
        _address(oauth), additional_headers={"Authorization": f"Bearer {token}"}, open_timeout=WAIT_S
    ) as connection:
        connection.send("header")
        assert connection.recv(timeout=WAIT_S) == "header"
    encoded = base64.urlsafe_b64encode(token.encode()).decode().rstrip("=")
    offered = [Subprotocol(f"base64UrlBearerAuthorization.{encoded}"), Subprotocol("base64UrlBearerAuthorization")]
    with connect(_address(oauth), subprotocols=offered, open_timeout=WAIT_S) as connection:
        connection.send("subprotocol")
        assert connection.recv(timeout=WAIT_S) == "subprotocol"


def test_without_a_token_the_handshake_is_answered_with_the_challenge(oauth: LocalAgentCore) -> None:
    status, headers = _refusal(_address(oauth))

    assert status == 401
    assert headers["www-authenticate"].startswith(f'Bearer resource_metadata="{oauth.endpoint_url}/runtimes/arn%3A')
    assert _refusal(_presigned(oauth, new_session_id(), expires=60))[0] == 403


def test_the_challenge_leads_to_the_issuer(oauth: LocalAgentCore, signing: LocalAgentCore) -> None:
    _, headers = _refusal(_address(oauth))
    metadata = httpx2.get(headers["www-authenticate"].split('"')[1], timeout=WAIT_S).json()

    assert metadata["authorization_servers"] == [oauth.auth["issuer"]]
    other = _address(signing).replace("ws:", "http:").removesuffix("/ws")
    assert httpx2.get(f"{other}/invocations/.well-known/oauth-protected-resource", timeout=WAIT_S).status_code == 404


def test_an_error_and_a_cold_start_can_be_asked_for_here_too() -> None:
    with LocalAgentCore(app=PROBE) as local:
        with pytest.raises(InvalidStatus) as caught:
            connect(
                _address(local), additional_headers={"X-Local-Fault": "error=ThrottlingException"}, open_timeout=WAIT_S
            )
        assert caught.value.response.status_code == 429
        fault = {"X-Local-Fault": "cold-start=0.1, cut-after=0"}
        with connect(_address(local), additional_headers=fault, open_timeout=WAIT_S) as connection:
            connection.send("whole")
            assert connection.recv(timeout=WAIT_S) == "whole"


def _client(local: LocalAgentCore, secret: str) -> AgentCoreRuntimeClient:
    session = botocore.session.Session()
    session.set_credentials(KEYS[0], secret)
    return AgentCoreRuntimeClient(session=session, endpoint_url=local.endpoint_url)


def _address(local: LocalAgentCore) -> str:
    return f"{local.endpoint_url.replace('http', 'ws')}/runtimes/{quote(local.agent_runtime_arn, safe='')}/ws"


def _presigned(local: LocalAgentCore, session_id: str, *, expires: int) -> str:
    request = AWSRequest("GET", f"{_address(local).replace('ws:', 'http:')}?{SESSION_HEADER}={session_id}")
    SigV4QueryAuth(ReadOnlyCredentials(*KEYS, None), SERVICE, "us-east-1", expires=expires).add_auth(request)
    return str(request.url).replace("http:", "ws:")


def _refusal(url: str) -> tuple[int, dict[str, str]]:
    with pytest.raises(InvalidStatus) as caught:
        connect(url, open_timeout=WAIT_S)
    return caught.value.response.status_code, dict(caught.value.response.headers.raw_items())

"""Credentials at the local AgentCore's front door, as boto3, our own client and raw HTTP bring them."""

from __future__ import annotations

import json
import socket
from typing import TYPE_CHECKING, Any

import botocore.session
import httpx2
import jwt
import pytest
from botocore.exceptions import ClientError
from click.testing import CliRunner

from agentcore_mcp.cli import main
from agentcore_mcp.errors import CredentialsError, ServiceError
from agentcore_mcp.local.agentcore import LocalAgentCore
from agentcore_mcp.local.callers.issuer import CLIENT_ID, CLIENT_SECRET, OTHER_CLIENT_ID
from agentcore_mcp.local.callers.sigv4 import LOCAL_KEYS
from agentcore_mcp.runtime import BearerAuth, NoAuth, SigV4Auth
from agentcore_mcp.runtime.auth.oauth import ClientCredentials
from agentcore_mcp.runtime.client import RuntimeClient
from agentcore_mcp.wire.headers import USER_HEADER
from agentcore_mcp.wire.ids import RuntimeArn
from agentcore_mcp.wire.requests import invoke_request
from tests.support.agentcore import FAKE_KEYS, Boto, error_code, new_session_id
from tests.support.waiting import WAIT_S

if TYPE_CHECKING:
    from collections.abc import Callable

KEYS = (LOCAL_KEYS.access_key_id, LOCAL_KEYS.secret_access_key)


def test_a_boto3_with_the_right_keys_uses_every_operation(signing: LocalAgentCore) -> None:
    session_id = new_session_id()
    with Boto.of(signing, keys=KEYS) as boto:
        assert boto.ask({"prompt": "€"}, session_id, qualifier="DEFAULT")["payload"] == {"prompt": "€"}
        assert boto.run("echo signed", session_id).stdout == "signed\n"
        assert boto.stop(session_id)["statusCode"] == 200


async def test_a_signed_header_need_not_be_ascii(signing: LocalAgentCore) -> None:
    session_id = new_session_id()
    with Boto.of(signing, keys=KEYS) as boto:
        seen = boto.ask({}, session_id, runtimeUserId="Jürgen →")["headers"]
    async with (
        RuntimeClient(auth=SigV4Auth(_session(*KEYS)), endpoint_url=signing.endpoint_url) as client,
        client.invoke(signing.agent_runtime_arn, b"{}", session_id=session_id, user_id="Jürgen →") as invocation,
    ):
        answers = [answer async for answer in invocation]

    assert seen[USER_HEADER.lower()].encode("latin-1").decode() == "Jürgen →"
    assert json.loads("".join(answers))["headers"][USER_HEADER.lower()] == seen[USER_HEADER.lower()]


@pytest.mark.parametrize(
    ("keys", "region", "code"),
    [
        ((KEYS[0], "wrong"), "us-east-1", "InvalidSignatureException"),
        (FAKE_KEYS, "us-east-1", "UnrecognizedClientException"),
        (KEYS, "eu-west-1", "InvalidSignatureException"),
    ],
)
@pytest.mark.parametrize("operation", ["invoke", "run", "stop"])
def test_a_boto3_with_other_credentials_is_refused(
    signing: LocalAgentCore, operation: str, keys: tuple[str, str], region: str, code: str
) -> None:
    session_id = new_session_id()
    with Boto.of(signing, keys=keys, region=region) as boto:
        calls: dict[str, Callable[[], object]] = {
            "invoke": lambda: boto.invoke({}, session_id),
            "run": lambda: boto.run("true", session_id),
            "stop": lambda: boto.stop(session_id),
        }
        with pytest.raises(ClientError) as caught:
            calls[operation]()

        assert caught.value.response["Error"]["Code"] == code
        assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403
        assert session_id not in boto.sessions()


@pytest.mark.parametrize("size", [0, 5_000_000])
def test_a_signed_payload_reaches_the_agent_whole(signing: LocalAgentCore, size: int) -> None:
    with Boto.of(signing, keys=KEYS) as boto:
        answer = boto.client.invoke_agent_runtime(
            agentRuntimeArn=boto.arn,
            runtimeSessionId=new_session_id(),
            contentType="application/x-probe",
            payload=b"x" * size,
        )

        assert json.loads(answer["response"].read())["received"] == size


def test_a_signed_command_that_is_too_long_is_a_validation_error(signing: LocalAgentCore) -> None:
    with (
        Boto.of(signing, keys=KEYS, check_parameters=False) as boto,
        pytest.raises(boto.client.exceptions.ValidationException),
    ):
        boto.run("x" * 2_000_000, new_session_id())


def test_an_unsigned_request_is_refused_as_aws_refuses_it(signing: LocalAgentCore) -> None:
    answer = _post(signing)

    assert answer.status_code == 403
    assert answer.headers["x-amzn-errortype"] == (
        "MissingAuthenticationTokenException:http://internal.amazon.com/coral/com.amazon.coral.service/"
    )
    assert answer.json() == {"message": "Missing Authentication Token"}


def test_a_bearer_token_for_a_runtime_that_wants_signatures_is_403_without_a_challenge(signing: LocalAgentCore) -> None:
    answer = _post(signing, {"Authorization": "Bearer some.token.here"})

    assert (answer.status_code, error_code(answer)) == (403, "AccessDeniedException")
    assert answer.json()["message"].startswith("Authorization method mismatch.")
    assert "www-authenticate" not in answer.headers


async def test_our_client_is_let_in_with_the_right_keys_and_refused_with_others(signing: LocalAgentCore) -> None:
    async with RuntimeClient(auth=SigV4Auth(_session(*KEYS)), endpoint_url=signing.endpoint_url) as client:
        session_id = new_session_id()
        async with client.invoke(signing.agent_runtime_arn, b"{}", session_id=session_id) as answer:
            assert answer.status == 200
        stopped = await client.stop_session(signing.agent_runtime_arn, session_id=session_id)
        assert not stopped.already_gone

    for auth, code, problem in (
        (SigV4Auth(_session(KEYS[0], "wrong")), "InvalidSignatureException", None),
        (SigV4Auth(_session(*FAKE_KEYS)), "UnrecognizedClientException", None),
        (NoAuth(), "MissingAuthenticationTokenException", None),
        (BearerAuth("some.token.here"), "AccessDeniedException", "aws_credentials_expected"),
    ):
        error = await _refusal(signing, auth)

        assert (error.status, error.error_type, error.www_authenticate) == (403, code, None)
        assert error.auth_problem == problem


def test_another_key_pair_can_be_chosen() -> None:
    with LocalAgentCore(auth="sigv4", access_key_id="AKIAMINE", secret_access_key="my/fake+secret") as local:
        assert local.auth == {
            "mode": "sigv4",
            "access_key_id": "AKIAMINE",
            "secret_access_key": "my/fake+secret",
            "region": "us-east-1",
        }
        with Boto.of(local, keys=("AKIAMINE", "my/fake+secret")) as boto:
            assert boto.run("echo in", new_session_id()).stdout == "in\n"
        with Boto.of(local, keys=KEYS) as boto, pytest.raises(ClientError, match="UnrecognizedClientException"):
            boto.run("true", new_session_id())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--auth", "sigv4", "--access-key-id", "A"], "one of them is missing"),
        (["--auth", "sigv4", "--access-key-id", "A", "--secret-access-key", ""], "one of them is missing"),
        (["--access-key-id", "A", "--secret-access-key", "s"], "a key pair is for auth 'sigv4' only, not 'none'"),
        (["--auth", "basic"], "'basic' is not one of"),
    ],
)
def test_credentials_that_can_do_nothing_are_said_so(options: list[str], message: str) -> None:
    result = CliRunner().invoke(main, ["local", *options])

    assert result.exit_code != 0
    assert message in result.output


async def test_our_client_is_let_in_with_a_token_of_the_issuer(oauth: LocalAgentCore) -> None:
    async with RuntimeClient(auth=BearerAuth(_credentials(oauth)), endpoint_url=oauth.endpoint_url) as client:
        session_id = new_session_id()
        async with client.invoke(oauth.agent_runtime_arn, b'{"prompt": "hi"}', session_id=session_id) as answer:
            seen = json.loads("".join([piece async for piece in answer]))
        stopped = await client.stop_session(oauth.agent_runtime_arn, session_id=session_id)

    assert seen["payload"] == {"prompt": "hi"}
    assert "authorization" not in seen["headers"]
    assert not stopped.already_gone


async def test_our_client_tells_refused_tokens_apart(oauth: LocalAgentCore) -> None:
    stranger, old = oauth.token(client_id=OTHER_CLIENT_ID), oauth.token(lifetime_s=30)
    forged = oauth.token()[:-10] + "AAAAAAAAAA"
    for auth, status, message, problem in (
        (NoAuth(), 401, "Missing Authentication Token", "token_expected"),
        (BearerAuth("not.a.token"), 403, "OAuth authorization failed: Failed to parse token", "token_unreadable"),
        (BearerAuth(stranger), 401, "Claim 'client_id' value mismatch with configuration.", "token_mismatch"),
        (BearerAuth(old), 401, "Ineffectual token, will expire within the next minute", "token_expired"),
        (BearerAuth(forged), 401, "Token signature verification failed", "token_mismatch"),
    ):
        error = await _refusal(oauth, auth)

        assert (error.status, error.error, error.auth_problem) == (status, message, problem)
        assert (error.www_authenticate is not None) == (status == 401)


async def test_a_signature_for_a_runtime_that_wants_tokens_is_403(oauth: LocalAgentCore) -> None:
    error = await _refusal(oauth, SigV4Auth(_session(*KEYS)))

    assert (error.status, error.error_type, error.www_authenticate) == (403, "AccessDeniedException", None)
    assert error.auth_problem == "token_expected"
    assert error.error.startswith("Authorization method mismatch.")
    with Boto.of(oauth, keys=KEYS) as boto, pytest.raises(boto.client.exceptions.AccessDeniedException):
        boto.run("true", new_session_id())


def test_no_token_is_401_with_a_challenge_and_a_json_rpc_body(oauth: LocalAgentCore) -> None:
    answer = _post(oauth)
    arn = oauth.agent_runtime_arn.replace(":", "%3A").replace("/", "%2F")

    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == (
        f'Bearer resource_metadata="{oauth.endpoint_url}/runtimes/{arn}/invocations/.well-known/'
        'oauth-protected-resource?qualifier=DEFAULT"'
    )
    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == {"jsonrpc": "2.0", "error": {"code": -32001, "message": "Missing Authentication Token"}}


def test_a_stranger_can_verify_the_issuers_tokens_by_its_discovery_document(oauth: LocalAgentCore) -> None:
    discovery = httpx2.get(f"{oauth.auth['issuer']}/.well-known/openid-configuration", timeout=WAIT_S).json()
    answer = httpx2.post(
        discovery["token_endpoint"],
        auth=(oauth.auth["client_id"], oauth.auth["client_secret"]),
        data={"grant_type": "client_credentials", "scope": "mcp/invoke"},
        timeout=WAIT_S,
    )
    token = answer.json()["access_token"]
    key = jwt.PyJWKClient(discovery["jwks_uri"]).get_signing_key_from_jwt(token)
    claims = jwt.decode(token, key.key, ["RS256"], issuer=discovery["issuer"])

    assert discovery["issuer"] == oauth.auth["issuer"] == f"{oauth.endpoint_url}/_local/oauth"
    assert discovery["token_endpoint"] == oauth.auth["token_endpoint"]
    assert (answer.json()["token_type"], answer.json()["expires_in"]) == ("Bearer", 3600)
    assert answer.headers["cache-control"] == "no-store"
    assert (claims["client_id"], claims["scope"]) == (CLIENT_ID, "mcp/invoke")
    assert claims["exp"] - claims["iat"] == 3600


@pytest.mark.parametrize("auth_method", ["client_secret_basic", "client_secret_post"])
def test_a_client_may_send_its_secret_either_way(oauth: LocalAgentCore, auth_method: Any) -> None:
    auth = oauth.auth
    source = ClientCredentials(auth["token_endpoint"], CLIENT_ID, CLIENT_SECRET, auth_method=auth_method)

    assert source.fetch(None).value.count(".") == 2
    wrong = ClientCredentials(auth["token_endpoint"], CLIENT_ID, "wrong", auth_method=auth_method)
    with pytest.raises(CredentialsError, match="invalid_client"):
        wrong.fetch(None)


@pytest.mark.parametrize(
    ("form", "authorization", "status", "error"),
    [
        ({"grant_type": "client_credentials"}, None, 401, "invalid_client"),
        ({"grant_type": "client_credentials"}, "Basic é", 401, "invalid_client"),
        ({"grant_type": "client_credentials"}, "Basic OnM=", 401, "invalid_client"),
        (
            {"grant_type": "client_credentials", "client_id": CLIENT_ID, "client_secret": "é"},
            None,
            401,
            "invalid_client",
        ),
        ({"grant_type": "password", "client_id": CLIENT_ID}, "right", 400, "unsupported_grant_type"),
        ({"grant_type": "client_credentials", "lifetime_s": "-1"}, "right", 400, "invalid_request"),
        *[
            ({"grant_type": "client_credentials", "lifetime_s": seconds}, "right", 400, "invalid_request")
            for seconds in ("86401", "9" * 5_000, "1e3", "", "²", "٣")
        ],
    ],
)
def test_a_token_request_that_is_wrong_is_refused_as_rfc_6749_has_it(
    oauth: LocalAgentCore, form: dict[str, str], authorization: str | None, status: int, error: str
) -> None:
    if authorization == "right":
        form = form | {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}
    sent = authorization or ""
    headers = httpx2.Headers([] if sent in ("", "right") else [(b"Authorization", sent.encode("latin-1"))])
    answer = httpx2.post(oauth.auth["token_endpoint"], data=form, headers=headers, timeout=WAIT_S)

    assert (answer.status_code, answer.json()["error"]) == (status, error)
    assert ("www-authenticate" in answer.headers) == (status == 401)


@pytest.mark.parametrize(("method", "path"), [("GET", "token"), ("POST", "jwks.json"), ("GET", "other")])
def test_the_issuer_has_no_other_addresses(oauth: LocalAgentCore, method: str, path: str) -> None:
    answer = httpx2.request(method, f"{oauth.auth['issuer']}/{path}", timeout=WAIT_S)

    assert (answer.status_code, error_code(answer)) == (404, "UnknownOperationException")


def test_a_client_that_leaves_in_the_middle_of_its_form_does_no_harm(oauth: LocalAgentCore) -> None:
    head = "POST /_local/oauth/token HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\ngrant_type="
    with socket.create_connection(("127.0.0.1", int(oauth.endpoint_url.rpartition(":")[2]))) as connection:
        connection.sendall(head.encode())
        connection.shutdown(socket.SHUT_WR)
        assert connection.recv(1000) == b""

    assert oauth.token()


def test_without_tokens_there_is_no_issuer(signing: LocalAgentCore) -> None:
    answer = httpx2.get(f"{signing.endpoint_url}/_local/oauth/jwks.json", timeout=WAIT_S)

    assert (answer.status_code, error_code(answer)) == (404, "UnknownOperationException")


def _session(access_key_id: str, secret_access_key: str) -> botocore.session.Session:
    session = botocore.session.Session()
    session.set_credentials(access_key_id, secret_access_key)
    return session


def _credentials(local: LocalAgentCore) -> ClientCredentials:
    return ClientCredentials(local.auth["token_endpoint"], local.auth["client_id"], local.auth["client_secret"])


async def _refusal(local: LocalAgentCore, auth: httpx2.Auth) -> ServiceError:
    """Return what our client makes of the refusal of a command, which must not have run."""
    session_id = new_session_id()
    async with RuntimeClient(auth=auth, endpoint_url=local.endpoint_url) as client:
        with pytest.raises(ServiceError) as caught:
            async with client.run_command(local.agent_runtime_arn, "true", session_id=session_id):
                pass
    sessions = httpx2.get(f"{local.endpoint_url}/_local/sessions", timeout=WAIT_S).json()
    assert session_id not in [session["id"] for session in sessions]
    return caught.value


def _post(local: LocalAgentCore, headers: dict[str, str] | None = None) -> httpx2.Response:
    request = invoke_request(RuntimeArn.parse(local.agent_runtime_arn), b"{}", session_id=new_session_id())
    return httpx2.post(
        local.endpoint_url + request.target,
        headers={**dict(request.headers), **(headers or {})},
        content=request.body,
        timeout=WAIT_S,
    )

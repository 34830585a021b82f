"""Signing in at Cognito: our requests are boto3's, renewals use the refresh token, and each refusal says what to do."""

from __future__ import annotations

import asyncio
import json
import time
import traceback
from typing import TYPE_CHECKING, Any

import boto3
import botocore.session
import pytest
from botocore import UNSIGNED
from botocore.config import Config

from agentcore_mcp.errors import ConfigurationError, CredentialsError
from agentcore_mcp.runtime import BearerAuth
from agentcore_mcp.runtime.auth.cognito import CognitoPassword
from agentcore_mcp.runtime.auth.tokens import Token, TokenCache
from tests.support.clients import ARN, SESSION_ID, client_of
from tests.support.servers import Exchange, LoopbackServer, Recorded, loopback_server, reply
from tests.support.tokens import jwt_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

REGION = "eu-west-1"
CLIENT_ID = "1example23456789"
USERNAME = "alice@example.com"
PASSWORD = 's3cret "pässword"\\'
CLIENT_SECRET = "s3cret-of-the-client"

# What the pool calls the user who signs in as alice@example.com.
NAME_IN_POOL = "11111111-2222-3333-4444-555555555555"


def access_token(number: int = 1) -> str:
    return jwt_of(token_use="access", username=NAME_IN_POOL, jti=str(number), exp=int(time.time()) + 3600)


def result(token: str, **others: object) -> bytes:
    members = {"AccessToken": token, "ExpiresIn": 3600, "TokenType": "Bearer", "IdToken": "not-this-one", **others}
    return reply(body=json.dumps({"AuthenticationResult": members, "ChallengeParameters": {}}).encode())


def refused(code: str, message: str, status: str = "400 Bad Request") -> bytes:
    return reply(status, json.dumps({"__type": code, "message": message}).encode())


def parameters_of(request: Recorded) -> dict[str, str]:
    parameters: dict[str, str] = json.loads(request.body)["AuthParameters"]
    return parameters


def source_at(server: LoopbackServer, **others: Any) -> CognitoPassword:
    return CognitoPassword(REGION, CLIENT_ID, USERNAME, PASSWORD, endpoint_url=server.endpoint_url, **others)


def in_turn(*answers: bytes) -> Callable[[Exchange], Awaitable[None]]:
    """Give one answer after the other."""
    left = iter(answers)

    async def answer(exchange: Exchange) -> None:
        await exchange.send(next(left))

    return answer


async def initiate_with_boto3(server: LoopbackServer, flow: str, parameters: dict[str, str]) -> dict[str, Any]:
    def initiate() -> dict[str, Any]:
        config = Config(signature_version=UNSIGNED, retries={"total_max_attempts": 1})
        client = boto3.client("cognito-idp", region_name=REGION, endpoint_url=server.endpoint_url, config=config)
        try:
            answer: dict[str, Any] = client.initiate_auth(AuthFlow=flow, AuthParameters=parameters, ClientId=CLIENT_ID)
            return answer
        finally:
            client.close()

    return await asyncio.to_thread(initiate)


def essence(request: Recorded) -> dict[str, object]:
    return {
        "line": (request.method, request.target),
        "headers": [request.header(name) for name in ("X-Amz-Target", "Content-Type", "Host", "Authorization")],
        "body": json.loads(request.body),
    }


# What we send.


@pytest.mark.parametrize("client_secret", [CLIENT_SECRET, None])
async def test_signing_in_sends_what_boto3_sends(client_secret: str | None) -> None:
    token = access_token()
    async with loopback_server(in_turn(result(token), result(token))) as server:
        ours = await TokenCache(source_at(server, client_secret=client_secret)).aget()
        theirs = await initiate_with_boto3(server, "USER_PASSWORD_AUTH", parameters_of(server.requests[0]))

    assert essence(server.requests[0]) == essence(server.requests[1])
    assert ours == theirs["AuthenticationResult"]["AccessToken"] == token


async def test_a_renewal_sends_what_boto3_sends() -> None:
    async with loopback_server(in_turn(result(access_token(2)), result(access_token(2)))) as server:
        previous = Token(access_token(1), refresh_token="r3fresh")
        await asyncio.to_thread(source_at(server, client_secret=CLIENT_SECRET).fetch, previous)
        await initiate_with_boto3(server, "REFRESH_TOKEN_AUTH", parameters_of(server.requests[0]))

    assert essence(server.requests[0]) == essence(server.requests[1])


async def test_the_secret_hash_is_the_one_that_openssl_computes() -> None:
    """With ``openssl dgst -sha256 -hmac SECRET -binary | base64`` of user name and client id."""
    async with loopback_server(in_turn(result("t"))) as server:
        await TokenCache(source_at(server, client_secret=CLIENT_SECRET)).aget()

    assert parameters_of(server.requests[0]) == {
        "USERNAME": USERNAME,
        "PASSWORD": PASSWORD,
        "SECRET_HASH": "mMTNDDmiJrwyB3e2mIb4JOmJuXMFfdHFgvio+gIqyBY=",
    }


async def test_without_a_client_secret_there_is_no_hash() -> None:
    async with loopback_server(in_turn(result("t"))) as server:
        await TokenCache(source_at(server)).aget()

    assert parameters_of(server.requests[0]) == {"USERNAME": USERNAME, "PASSWORD": PASSWORD}


def test_requests_go_where_those_of_botocore_go() -> None:
    """Where AWS has another domain, an endpoint URL is needed."""
    session = botocore.session.Session()
    regions = [
        region for part in ("aws", "aws-us-gov") for region in session.get_available_regions("cognito-idp", part)
    ]

    assert len(regions) > 20
    for region in regions:
        config = Config(signature_version=UNSIGNED)
        theirs = session.create_client("cognito-idp", region_name=region, config=config).meta.endpoint_url
        assert CognitoPassword(region, CLIENT_ID, USERNAME, PASSWORD).url == theirs


# What becomes of a token.


async def test_a_token_is_kept_and_renewed_without_the_password() -> None:
    issued = [access_token(number) for number in range(4)]
    answers = (
        result(issued[0], ExpiresIn=0, RefreshToken="r3fresh-1"),
        result(issued[1], ExpiresIn=0),
        result(issued[2], ExpiresIn=0, RefreshToken="r3fresh-2"),
        result(issued[3], ExpiresIn=0),
    )
    async with loopback_server(in_turn(*answers)) as server:
        cache = TokenCache(source_at(server, client_secret=CLIENT_SECRET))
        assert [await cache.aget() for _ in range(4)] == issued

    assert [json.loads(request.body)["AuthFlow"] for request in server.requests] == [
        "USER_PASSWORD_AUTH",
        *["REFRESH_TOKEN_AUTH"] * 3,
    ]
    renewals = [parameters_of(request) for request in server.requests[1:]]
    assert [parameters["REFRESH_TOKEN"] for parameters in renewals] == ["r3fresh-1", "r3fresh-1", "r3fresh-2"]
    assert all(PASSWORD not in json.dumps(parameters, ensure_ascii=False) for parameters in renewals)
    # Of the user's name in the pool, since the refresh token belongs to that and not to the alias.
    assert {parameters["SECRET_HASH"] for parameters in renewals} == {"q1bNLTRAFti4NEvmc/EsTgUI0uEq6fXTHR0sr/zjSOM="}


@pytest.mark.parametrize("message", ["Refresh Token has expired", "Refresh Token has been revoked"])
async def test_a_refresh_token_that_is_refused_is_replaced_by_signing_in(message: str) -> None:
    answers = (result("first", RefreshToken="r3fresh"), refused("NotAuthorizedException", message), result("second"))
    async with loopback_server(in_turn(*answers)) as server:
        cache = TokenCache(source_at(server))

        assert await cache.aget() == "first"
        assert await cache.aget(refused="first") == "second"

    assert [json.loads(request.body)["AuthFlow"] for request in server.requests] == [
        "USER_PASSWORD_AUTH",
        "REFRESH_TOKEN_AUTH",
        "USER_PASSWORD_AUTH",
    ]


async def test_a_runtime_is_called_with_the_access_token_and_again_with_a_new_one() -> None:
    async def runtime(exchange: Exchange) -> None:
        accepted = exchange.request.header("authorization") == "Bearer second"
        await exchange.send(reply() if accepted else reply("401 Unauthorized"))

    async with (
        loopback_server(in_turn(result("first", RefreshToken="r3fresh"), result("second"))) as cognito,
        client_of(runtime, auth=BearerAuth(source_at(cognito))) as (client, server),
    ):
        await client.stop_session(ARN, session_id=SESSION_ID)
        await client.stop_session(ARN, session_id=SESSION_ID)

    sent = [request.header("authorization") for request in server.requests]
    assert sent == ["Bearer first", "Bearer second", "Bearer second"]
    assert len(cognito.requests) == 2


# When there is none.


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (
            refused("NotAuthorizedException", "Incorrect username or password."),
            "HTTP 400 (NotAuthorizedException: Incorrect username or password); check username, password and client_",
        ),
        (
            refused("com.amazonaws.x#UserNotFoundException", "User does not exist."),
            "check username, and that client_id",
        ),
        (refused("UserNotConfirmedException", "User is not confirmed."), "confirm the user at Cognito first"),
        (refused("PasswordResetRequiredException", ""), "(PasswordResetRequiredException); set a new password"),
        (refused("ResourceNotFoundException", "User pool client x does not exist."), "check client_id and region"),
        (refused("InvalidParameterException", "USER_PASSWORD_AUTH flow not enabled"), "ALLOW_USER_PASSWORD_AUTH"),
        (refused("TooManyRequestsException", "Too many requests"), "wait a minute"),
        (refused("InternalErrorException", "", "500 Internal Server Error"), "try again later"),
        (refused("UserLambdaValidationException", f"not {PASSWORD}!"), "(UserLambdaValidationException: not ***!)"),
        (refused("X", f"not {CLIENT_SECRET}!"), "(X: not ***!); check region or endpoint_url"),
        (reply("403 Forbidden", b"<html>s3cret</html>"), "HTTP 403; check region or endpoint_url"),
        (reply(body=b"<html>s3cret</html>"), "answers without an access token; check region or endpoint_url"),
        (reply(body=b'{"AuthenticationResult": ["s3cret"]}'), "answers without an access token"),
        (result(""), "answers without an access token"),
        (result("s3cret token"), "answers without an access token"),
        (
            reply(body=b'{"ChallengeName": "NEW_PASSWORD_REQUIRED", "Session": "s3cret"}'),
            "wants the user 'alice@example.com' to answer a challenge (NEW_PASSWORD_REQUIRED) first, which can't be",
        ),
        (reply("307 Temporary Redirect", location="https://s3cret.example.com"), "set region or endpoint_url to where"),
    ],
)
async def test_a_refusal_says_what_to_do_and_no_secret(answer: bytes, told: str) -> None:
    async with loopback_server(in_turn(answer, answer)) as server:
        source = source_at(server, client_secret=CLIENT_SECRET)
        with pytest.raises(CredentialsError) as caught:
            await TokenCache(source).aget()
        with pytest.raises(CredentialsError) as direct:
            await asyncio.to_thread(source.fetch, None)

    assert told in str(caught.value)
    for error in (caught.value, direct.value):
        assert "s3cret" not in "".join(traceback.format_exception(error)) + repr(error)


async def test_the_code_may_be_in_the_header() -> None:
    answer = reply("400 Bad Request", b'{"Message": "no"}', x_amzn_errortype="UserNotFoundException:http://x/")
    async with loopback_server(in_turn(answer)) as server:
        with pytest.raises(CredentialsError, match=r"\(UserNotFoundException: no\); check username"):
            await TokenCache(source_at(server)).aget()


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"region": "eu-west-1.evil.example.com/"}, "not an AWS region: 'eu-west-1.evil.example.com/'"),
        ({"region": ""}, "not an AWS region: ''"),
        ({"password": ""}, "a client_id, username and password, none of them empty"),
        ({"endpoint_url": "http://cognito.example.com"}, "endpoint_url would send secrets to 'cognito.example.com'"),
    ],
)
def test_settings_that_can_not_work_are_refused(settings: dict[str, Any], told: str) -> None:
    valid = {"region": REGION, "client_id": CLIENT_ID, "username": USERNAME, "password": PASSWORD}

    with pytest.raises(ConfigurationError, match=told):
        CognitoPassword(**{**valid, **settings})


def test_a_source_does_not_show_its_secrets() -> None:
    shown = repr(CognitoPassword(REGION, CLIENT_ID, USERNAME, PASSWORD, client_secret=CLIENT_SECRET))

    assert "s3cret" not in shown
    assert USERNAME in shown

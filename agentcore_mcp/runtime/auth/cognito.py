"""A bearer token for a person: a user of an Amazon Cognito user pool signs in with name and password.

The only call, InitiateAuth, is an unsigned JSON request, so no SDK is involved. Programs rather than people use
``oauth.ClientCredentials``. Users with a second factor can't sign in.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
from dataclasses import KW_ONLY, dataclass, field

from agentcore_mcp.errors import ConfigurationError, CredentialsError
from agentcore_mcp.runtime.auth.token_endpoint import TOKEN_TIMEOUT_S, TokenAnswer, check_token_url, explain, post
from agentcore_mcp.runtime.auth.tokens import SENDABLE, Token, is_sendable, read_claims

_HEADERS = {
    "Content-Type": "application/x-amz-json-1.1",
    "X-Amz-Target": "AWSCognitoIdentityProviderService.InitiateAuth",
}
_REGION = re.compile(r"[a-z]{2,}(-[a-z]+)+-[0-9]+")
_SETTING = "region or endpoint_url"

# What to do about the errors of InitiateAuth, as botocore's cognito-idp 2016-04-18 model lists them.
_ADVICE = {
    "NotAuthorizedException": "check username, password and client_secret",
    "UserNotFoundException": "check username, and that client_id belongs to its user pool",
    "UserNotConfirmedException": "confirm the user at Cognito first",
    "PasswordResetRequiredException": "set a new password at Cognito first",
    "ResourceNotFoundException": "check client_id and region",
    "InvalidParameterException": "check client_secret, and allow the app client ALLOW_USER_PASSWORD_AUTH at Cognito",
    "TooManyRequestsException": "wait a minute and try again",
    "LimitExceededException": "wait a minute and try again",
}


@dataclass(frozen=True, slots=True)
class CognitoPassword:
    """Access tokens for a user. They are renewed with the refresh token or, if that fails, with the password.

    Attributes:
        region: Where the user pool is.
        client_id: The app client, with ALLOW_USER_PASSWORD_AUTH among its flows.
        username: The user, or an alias such as an e-mail address.
        password: Its permanent password.
        client_secret: The app client's secret, if it has one.
        endpoint_url: The URL for all requests, instead of ``https://cognito-idp.REGION.amazonaws.com``: needed
            for FIPS, a VPC endpoint, and partitions with another domain.
        timeout_s: The timeout of each request.

    Raises:
        ConfigurationError: If the region is not valid, the endpoint URL unsafe, or a part empty.
    """

    region: str
    client_id: str
    username: str
    password: str = field(repr=False)
    _: KW_ONLY
    client_secret: str | None = field(default=None, repr=False)
    endpoint_url: str | None = None
    timeout_s: float = TOKEN_TIMEOUT_S

    def __post_init__(self) -> None:
        if not _REGION.fullmatch(self.region):
            raise ConfigurationError(f"not an AWS region: {self.region!r}; it looks like us-east-1")
        check_token_url(self.url, "endpoint_url")
        if not self.client_id or not self.username or not self.password:
            raise ConfigurationError(
                "signing in to Cognito takes a client_id, username and password, none of them empty"
            )

    @property
    def url(self) -> str:
        """The URL of all requests."""
        return self.endpoint_url or f"https://cognito-idp.{self.region}.amazonaws.com"

    def fetch(self, previous: Token | None) -> Token:
        """Sign in, or renew the previous token.

        Raises:
            CredentialsError: If Cognito can't be reached, refuses, or asks for more than the password.
        """
        if previous is None or previous.refresh_token is None:
            return self._signed_in()
        return self._renewed(previous.value, previous.refresh_token) or self._signed_in()

    def _renewed(self, value: str, refresh_token: str) -> Token | None:
        """Return the next token, or None if the refresh token is refused: expired, revoked, or to be rotated."""
        # A user may sign in with an alias, but the secret hash of a renewal needs the user name in the pool.
        name = str(read_claims(value).get("username", self.username))
        parameters = {"REFRESH_TOKEN": refresh_token, **self._secret_hash(name)}
        answer = self._initiate("REFRESH_TOKEN_AUTH", parameters)
        return self._token(answer, refresh_token) if answer.status == 200 else None

    def _signed_in(self) -> Token:
        parameters = {"USERNAME": self.username, "PASSWORD": self.password, **self._secret_hash(self.username)}
        return self._token(self._initiate("USER_PASSWORD_AUTH", parameters))

    def _initiate(self, flow: str, parameters: dict[str, str]) -> TokenAnswer:
        url = check_token_url(self.url, _SETTING)
        body = {"AuthFlow": flow, "AuthParameters": parameters, "ClientId": self.client_id}
        return post(url, json.dumps(body).encode(), _HEADERS, setting=_SETTING, timeout_s=self.timeout_s)

    def _secret_hash(self, name: str) -> dict[str, str]:
        if self.client_secret is None:
            return {}
        digest = hmac.new(self.client_secret.encode(), f"{name}{self.client_id}".encode(), hashlib.sha256).digest()
        return {"SECRET_HASH": base64.b64encode(digest).decode()}

    def _token(self, answer: TokenAnswer, refresh_token: str | None = None) -> Token:
        if answer.status != 200:
            raise CredentialsError(self._refusal(answer))
        challenge = answer.text("ChallengeName")
        if challenge:
            raise CredentialsError(
                f"Cognito wants the user {self.username!r} to answer a challenge{self._said(challenge)} first, which "
                "can't be done here; set a permanent password, and leave out a second factor for this user"
            )
        result = answer.body.get("AuthenticationResult")
        token = result.get("AccessToken") if isinstance(result, dict) else None
        if not isinstance(result, dict) or not isinstance(token, str) or not is_sendable(token):
            raise CredentialsError(f"{answer.host} answers without an access token; check {_SETTING}; {SENDABLE}")
        another = result.get("RefreshToken")
        return Token.issued(
            token,
            expires_in=result.get("ExpiresIn"),
            refresh_token=another if isinstance(another, str) else refresh_token,
        )

    def _refusal(self, answer: TokenAnswer) -> str:
        detail = self._said(answer.error_type, answer.text("message") or answer.text("Message"))
        advice = _ADVICE.get(answer.error_type)
        if advice is None:
            advice = "try again later" if answer.status >= 500 else f"check {_SETTING}"
        return f"Cognito refused to sign in {self.username!r}: HTTP {answer.status}{detail}; {advice}"

    def _said(self, *words: str) -> str:
        secrets = (self.password, self.client_secret or "", *self._secret_hash(self.username).values())
        return explain(": ".join(filter(None, words)), secrets)

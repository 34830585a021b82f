"""How an agent's requests prove who sends them, as the configuration says it: one of seven kinds, told by its keys.

These are descriptions without behaviour: ``server.credentials`` makes what signs requests and fetches tokens.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, SecretStr, Tag, model_validator

from agentcore_mcp.config.model import Table, text_like

_ROLE_ARN = r"arn:aws[a-z-]*:iam::[0-9]{12}:role/[!-~]+"
_ROLE_LIKE = "arn:aws:iam::ACCOUNT:role/NAME"


class AwsAuth(Table):
    """Signed with AWS credentials (SigV4): those of the usual places, of a profile, or of a role that they assume."""

    profile: str | None = Field(default=None, description="Profile of ~/.aws/config; default: the usual places")
    role_arn: Annotated[str, text_like(_ROLE_ARN, "the ARN of a role; it looks like " + _ROLE_LIKE)] | None = Field(
        default=None, description="Role to assume with those credentials"
    )
    external_id: SecretStr | None = Field(default=None, description="What the role's trust policy asks for")

    @model_validator(mode="after")
    def _external_id_needs_a_role(self) -> AwsAuth:
        if self.external_id is not None and self.role_arn is None:
            raise ValueError("external_id goes with role_arn, which is missing")
        return self


class TokenAuth(Table):
    """An OAuth access token that doesn't change."""

    token: SecretStr = Field(description='The bare token; better a reference such as "${MY_TOKEN}" than itself')


class TokenFileAuth(Table):
    """An OAuth access token in a file that something else keeps fresh."""

    token_file: str = Field(min_length=1, description="Path of the file; ~ is the home folder. Read for each request")


class TokenCommandAuth(Table):
    """An OAuth access token that a program prints."""

    token_command: tuple[str, ...] = Field(
        min_length=1, description="Program and arguments; no shell is involved. Run when a new token is needed"
    )


class ClientCredentials(Table):
    """A client of an OAuth authorization server (RFC 6749, 4.4)."""

    token_url: str = Field(description="Token endpoint: https, or http to this machine")
    client_id: str = Field(min_length=1, description="The client")
    client_secret: SecretStr = Field(min_length=1, description="Its secret")
    scope: str | None = Field(default=None, description="Scopes, separated by spaces")
    audience: str | None = Field(default=None, description="Parameter audience, which some authorization servers want")
    resource: str | None = Field(default=None, description="Parameter resource (RFC 8707)")
    auth_method: Literal["client_secret_basic", "client_secret_post"] = Field(
        default="client_secret_basic", description="Whether the secret goes into the Authorization header or the body"
    )


class ClientCredentialsAuth(Table):
    """OAuth access tokens for a program."""

    client_credentials: ClientCredentials = Field(description="The client, and where its tokens are issued")


class Cognito(Table):
    """A user of an Amazon Cognito user pool."""

    region: str = Field(description="Where the user pool is")
    client_id: str = Field(min_length=1, description="App client that allows ALLOW_USER_PASSWORD_AUTH")
    client_secret: SecretStr | None = Field(default=None, description="The app client's secret, if it has one")
    username: str = Field(min_length=1, description="The user, or an alias such as an e-mail address")
    password: SecretStr = Field(min_length=1, description="The user's permanent password")
    endpoint_url: str | None = Field(default=None, description="Instead of Cognito's own host for the region")


class CognitoAuth(Table):
    """OAuth access tokens for a user who signs in with name and password."""

    cognito: Cognito = Field(description="The user, and the app client to sign in with")


class NoAuth(Table):
    """Nothing is sent: for the local AgentCore, and refused for any other machine."""

    none: Literal[True] = Field(description="No credentials at all; only with an endpoint_url on this machine")


# By what tells a kind. The tags are in the locations of pydantic's errors, where "<" tells them from keys.
_KINDS = {
    "token": "<token>",
    "token_file": "<token_file>",
    "token_command": "<token_command>",
    "client_credentials": "<client_credentials>",
    "cognito": "<cognito>",
    "none": "<none>",
}
# Those of them that a text, which may be empty, can stand for.
TOKEN_KEYS = frozenset({"token", "token_file"})
_AWS = "<aws>"
_BY_MODEL: dict[type, str] = {
    AwsAuth: _AWS,
    TokenAuth: "<token>",
    TokenFileAuth: "<token_file>",
    TokenCommandAuth: "<token_command>",
    ClientCredentialsAuth: "<client_credentials>",
    CognitoAuth: "<cognito>",
    NoAuth: "<none>",
}


def _kind_of(value: Any) -> str | None:
    if not isinstance(value, dict):
        return _BY_MODEL.get(type(value))
    kinds = {_KINDS[key] for key in value if key in _KINDS}
    if not AwsAuth.model_fields.keys().isdisjoint(value) or not value:
        kinds.add(_AWS)
    return kinds.pop() if len(kinds) == 1 else None


Auth = Annotated[
    Annotated[AwsAuth, Tag(_AWS)]
    | Annotated[TokenAuth, Tag("<token>")]
    | Annotated[TokenFileAuth, Tag("<token_file>")]
    | Annotated[TokenCommandAuth, Tag("<token_command>")]
    | Annotated[ClientCredentialsAuth, Tag("<client_credentials>")]
    | Annotated[CognitoAuth, Tag("<cognito>")]
    | Annotated[NoAuth, Tag("<none>")],
    Discriminator(
        _kind_of,
        custom_error_type="auth_kind",
        custom_error_message=(
            "auth says one of: profile, role_arn and external_id; token; token_file; token_command; "
            "client_credentials; cognito; none"
        ),
    ),
]

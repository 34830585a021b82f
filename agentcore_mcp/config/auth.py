"""The configuration of the credentials for an agent's requests: one of ten kinds, determined by its keys.

Only data: ``server.credentials`` implements signing requests and fetching tokens.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, SecretStr, SerializerFunctionWrapHandler, model_serializer, model_validator

from agentcore_mcp.config.model import Table, text_like

_ROLE_ARN = r"arn:aws[a-z-]*:iam::[0-9]{12}:role/[!-~]+"
_ROLE_LIKE = "arn:aws:iam::ACCOUNT:role/NAME"


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


class TokenExchange(ClientCredentials):
    """Such a client, which exchanges the caller's token for one that the runtime accepts (RFC 8693)."""

    actor: bool = Field(default=False, description="Send a token of the client itself as actor_token")


class AgentCoreIdentity(Table):
    """Exchanges the caller's token at AgentCore Identity, called with the server's own AWS credentials."""

    workload_name: str = Field(min_length=3, description="This server's workload identity")
    credential_provider_name: str = Field(min_length=1, description="OAuth2 credential provider that exchanges tokens")
    scopes: tuple[str, ...] = Field(default=(), description="Scopes of the token for the runtime")
    audiences: tuple[str, ...] = Field(default=(), description="Its audiences, if the provider asks for them")
    resources: tuple[str, ...] = Field(default=(), description="Its resources (RFC 8707), likewise")


class PassThrough(Table):
    """The audience that a caller's token needs to be sent on to the runtime."""

    audience: str = Field(min_length=1, description="The audience that the runtime's authorizer expects")
    audience_claim: str = Field(default="aud", description="Where a token names it; Cognito: client_id")


class Cognito(Table):
    """A user of an Amazon Cognito user pool."""

    region: str = Field(description="Where the user pool is")
    client_id: str = Field(min_length=1, description="App client that allows ALLOW_USER_PASSWORD_AUTH")
    client_secret: SecretStr | None = Field(default=None, description="The app client's secret, if it has one")
    username: str = Field(min_length=1, description="The user, or an alias such as an e-mail address")
    password: SecretStr = Field(min_length=1, description="The user's permanent password")
    endpoint_url: str | None = Field(default=None, description="Instead of Cognito's own host for the region")


# The keys of each kind. Without any, requests are signed with AWS credentials.
_AWS = ("profile", "role_arn", "external_id")
_OWN = (("token",), ("token_file",), ("token_command",), ("client_credentials",), ("cognito",))
# The kinds that use the token of each request's caller, or one obtained for it.
_CALLERS = (("token_exchange",), ("agentcore_identity",), ("pass_through",))
_KINDS = (_AWS, *_OWN, *_CALLERS, ("none",))
# The keys with a string value, which may be empty.
TOKEN_KEYS = frozenset({"token", "token_file"})


class Auth(Table):
    """AWS credentials, an OAuth access token or where one comes from, or nothing: the keys of one kind alone."""

    model_config = ConfigDict(json_schema_extra={"anyOf": [{"propertyNames": {"enum": [*kind]}} for kind in _KINDS]})

    profile: str | None = Field(default=None, description="Profile of ~/.aws/config; default: the usual places")
    role_arn: Annotated[str, text_like(_ROLE_ARN, "the ARN of a role; it looks like " + _ROLE_LIKE)] | None = Field(
        default=None, description="Role to assume with those credentials"
    )
    external_id: SecretStr | None = Field(default=None, description="What the role's trust policy asks for")
    token: SecretStr | None = Field(
        default=None,
        description='A fixed token; prefer a reference such as "${MY_TOKEN}" to the token itself',
    )
    token_file: str | None = Field(
        default=None,
        min_length=1,
        description="Path of a file with the token, which another program keeps fresh; ~ is the home folder. Read for "
        "each request",
    )
    token_command: tuple[str, ...] | None = Field(
        default=None,
        min_length=1,
        description="Program that prints the token, and its arguments; no shell is involved. Run when a new token is "
        "needed",
    )
    client_credentials: ClientCredentials | None = Field(
        default=None, description="An OAuth client, and where its tokens are issued"
    )
    cognito: Cognito | None = Field(
        default=None, description="A user who signs in with name and password, and the app client to sign in with"
    )
    token_exchange: TokenExchange | None = Field(
        default=None, description="A token for each caller, by OAuth token exchange; needs server.auth"
    )
    agentcore_identity: AgentCoreIdentity | None = Field(
        default=None, description="A token for each caller, from AgentCore Identity; needs server.auth"
    )
    pass_through: PassThrough | None = Field(
        default=None, description="The caller's own token, if it is meant for the runtime too; needs server.auth"
    )
    none: Literal[True] | None = Field(
        default=None, description="No credentials at all; only with an endpoint_url on this machine"
    )

    @model_validator(mode="before")
    @classmethod
    def _be_of_one_kind(cls, value: Any) -> Any:
        keys = value.keys() if isinstance(value, dict) else {""}
        if not isinstance(value, Auth) and not any(keys <= {*kind} for kind in _KINDS):
            raise ValueError(f"auth says one of: {'; '.join(', '.join(kind) for kind in _KINDS)}")
        return value

    @model_validator(mode="after")
    def _external_id_needs_a_role(self) -> Auth:
        if self.external_id is not None and self.role_arn is None:
            raise ValueError("external_id needs role_arn, which is missing")
        return self

    @model_serializer(mode="wrap")
    def _of_its_kind(self, serialize: SerializerFunctionWrapHandler) -> dict[str, Any]:
        given: dict[str, Any] = serialize(self)
        return {key: given[key] for key in self.kind}

    @property
    def kind(self) -> tuple[str, ...]:
        """The keys of its kind."""
        return next((kind for kind in _KINDS if any(getattr(self, key) is not None for key in kind)), _AWS)

    @property
    def signs(self) -> bool:
        """Whether requests are signed with AWS credentials, instead of sent with a token or without credentials."""
        return self.kind is _AWS

    @property
    def of_caller(self) -> bool:
        """Whether each request is authorized with a token of its own caller, or one exchanged for it."""
        return self.kind in _CALLERS

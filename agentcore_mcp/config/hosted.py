"""A server that several people share over HTTP: its public URL, whose tokens it takes, and who may do what."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, model_validator

from agentcore_mcp.config.model import Table
from agentcore_mcp.wire.loopback import is_loopback

# Signatures that a public key verifies. A symmetric one could be made by whoever reads the key set (RFC 8725, 3.1).
Algorithm = Literal["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]
# As RFC 6749, 3.3 has it. Tokens and challenges separate scopes by spaces.
Scope = Annotated[str, Field(pattern=r"^[!#-\[\]-~]+$")]
_SECRET_MIN_CHARS = 32


def _https(value: str) -> str:
    url = urlsplit(value)
    safe = url.scheme == "https" or (url.scheme == "http" and is_loopback(url.hostname or ""))
    if not safe or not url.hostname or url.username or "?" in value or "#" in value:
        raise ValueError(f"{value!r} is not https://HOST/PATH without user name, query or fragment")
    return value


Https = Annotated[str, AfterValidator(_https)]


class Issuer(Table):
    """An OAuth authorization server whose access tokens are taken."""

    issuer: Https = Field(description="Its identifier, as the claim iss has it to the letter")
    jwks_url: Https | None = Field(default=None, description="Its public keys; default: as its metadata says")
    audience: tuple[str, ...] = Field(default=(), description="Values that mean this server; default: public_url")
    audience_claim: str = Field(default="aud", description="Where a token names its audience; Cognito: client_id")
    scope_prefix: str = Field(
        default="", description="What its tokens leave out of the scopes that clients ask for; Entra ID: api://ID/"
    )


def _long(value: SecretStr) -> SecretStr:
    # Not as a bound of the field: its message would show the value, and the schema is for texts like ${SECRET}, too.
    if len(value.get_secret_value()) < _SECRET_MIN_CHARS:
        raise ValueError(f"fewer than {_SECRET_MIN_CHARS} characters")
    return value


def _redis(value: SecretStr) -> SecretStr:
    if urlsplit(value.get_secret_value()).scheme not in ("redis", "rediss", "unix"):
        raise ValueError("not a redis://, rediss:// or unix:// URL")
    return value


def _issuer(value: Any) -> Any:
    return {"issuer": value} if isinstance(value, str) else value


class Claims(Table):
    """Which claims of a token say who somebody is. The first of several that a token has is the one that counts."""

    subject: tuple[str, ...] = Field(default=("sub",), description="The person or program")
    client: tuple[str, ...] = Field(default=("client_id", "azp", "cid"), description="The application they use")
    scopes: tuple[str, ...] = Field(default=("scope", "scp"), description="Scopes: a text or a list")
    groups: tuple[str, ...] = Field(default=("groups", "cognito:groups", "roles"), description="Groups or roles")


class Scopes(Table):
    """The scopes that tools need."""

    invoke: Scope = Field(default="agentcore:invoke", description="invoke_agent and ask_NAME")
    command: Scope = Field(default="agentcore:command", description="run_command")
    stop: Scope = Field(default="agentcore:stop", description="stop_session")
    operate: Scope = Field(default="agentcore:operate", description="Listing and stopping everybody's sessions")


class ServerAuth(Table):
    """Whose tokens are taken, and how they are checked."""

    issuers: tuple[Annotated[Issuer, BeforeValidator(_issuer, json_schema_input_type=str | Issuer)], ...] = Field(
        min_length=1, description="Authorization servers: URLs, or tables with more to say"
    )
    algorithms: tuple[Algorithm, ...] = Field(
        default=("RS256", "PS256", "ES256", "EdDSA"), min_length=1, description="Signature algorithms that are taken"
    )
    clock_skew_s: float = Field(
        default=30, validation_alias="clock_skew", ge=0, le=300, description="Seconds that clocks may differ"
    )
    required_scopes: tuple[Scope, ...] = Field(default=(), description="Scopes that every call needs")
    scopes: Scopes = Field(default=Scopes(), description="The scopes that tools need")
    claims: Claims = Field(default=Claims(), description="Which claims say who somebody is")


_Name = Annotated[str, Field(min_length=1)]


class Allow(Table):
    """Who may use an agent. Without groups and subjects, all callers; each needs the scopes."""

    scopes: tuple[Scope, ...] = Field(
        default=(), min_length=1, description="Scopes that its calls need besides those of the tools"
    )
    groups: tuple[_Name, ...] = Field(default=(), min_length=1, description="Groups whose members may use it")
    subjects: tuple[_Name, ...] = Field(default=(), min_length=1, description="Subjects that may use it")

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        # Else a variable that is empty would open an agent to everybody.
        if not (self.scopes or self.groups or self.subjects):
            raise ValueError("allow has neither scopes nor groups nor subjects; leave it out to let all callers in")
        return self


class Limits(Table):
    """How much one caller may use, on all workers together; no limit where none is set."""

    calls_per_minute: int | None = Field(default=None, ge=1, description="Calls of tools that a caller may begin")
    concurrent_calls: int | None = Field(default=None, ge=1, description="Calls of a caller that may go on at once")
    sessions: int | None = Field(default=None, ge=1, description="Sessions that a caller may have open")
    session_minutes: int | None = Field(
        default=None, ge=1, description="Minutes that a caller's sessions may be open in 24 hours, taken together"
    )
    agent_concurrent_calls: int | None = Field(
        default=None, ge=1, description="Calls of all callers that may go on at once with one agent"
    )
    body_bytes: int = Field(default=4_194_304, ge=1_024, description="Size of a request")
    call_s: float | None = Field(
        default=None, gt=0, allow_inf_nan=False, description="Seconds after which a call is ended"
    )


class Server(Table):
    """The server as the people who use it reach it."""

    public_url: Https | None = Field(default=None, description="The URL that clients use, such as https://HOST/mcp")
    auth: ServerAuth | None = Field(default=None, description="Access tokens; without it, only loopback is served")
    secret: Annotated[SecretStr, AfterValidator(_long)] | None = Field(
        default=None,
        description="Marks session ids and seals confirmations; the same for all workers. Default: one of this machine",
    )
    store: Annotated[SecretStr, AfterValidator(_redis)] | None = Field(
        default=None, description="redis:// or rediss:// URL of what the workers share; default: memory, for one worker"
    )
    foreign_sessions: bool = Field(default=False, description="Take session ids that this server did not give out")
    limits: Limits = Field(default=Limits(), description="How much one caller may use")
    drain_s: float = Field(
        default=30, validation_alias="drain", ge=0, le=3_600, description="Seconds that calls may go on after SIGTERM"
    )

    @model_validator(mode="after")
    def _tokens_need_an_audience(self) -> Self:
        if self.auth is not None and self.public_url is None:
            raise ValueError("auth needs public_url, which access tokens have to name as their audience")
        return self

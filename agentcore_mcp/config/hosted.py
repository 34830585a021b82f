"""A server that several people share over HTTP: its public URL, the issuers of its tokens, permissions and limits."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    AnyHttpUrl,
    BeforeValidator,
    Field,
    SecretStr,
    ValidationError,
    model_validator,
)

from agentcore_mcp.config.model import Table
from agentcore_mcp.wire.loopback import is_loopback

# Only asymmetric signatures: anybody who reads the key set could make a symmetric one (RFC 8725, 3.1).
Algorithm = Literal["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]
# RFC 6749, 3.3. Tokens and challenges separate scopes with spaces.
Scope = Annotated[str, Field(pattern=r"^[!#-\[\]-~]+$")]
_SECRET_MIN_CHARS = 32

_Name = Annotated[str, Field(min_length=1)]


def _https(value: str) -> str:
    url = urlsplit(value)
    safe = url.scheme == "https" or (url.scheme == "http" and is_loopback(url.hostname or ""))
    if not safe or not url.hostname or re.search(r"[@?#\s\x00-\x1f]", value):
        # The text before an @ or after a ? may be a secret.
        shown = re.sub(r"(?<=//)[^/]*@|[?#].*", "…", value)
        raise ValueError(f"{shown!r} is not https://HOST/PATH without user name, query or fragment")
    # For example an invalid port; pydantic's message would have several lines.
    with suppress(ValidationError):
        AnyHttpUrl(value)
        return value
    raise ValueError(f"{value!r} is no URL")


Https = Annotated[str, AfterValidator(_https)]


class Issuer(Table):
    """An OAuth authorization server whose access tokens the server accepts."""

    issuer: Https = Field(description="Its identifier, exactly as in the claim iss")
    jwks_url: Https | None = Field(default=None, description="URL of its public keys; default: from its metadata")
    audience: tuple[_Name, ...] = Field(default=(), description="Values that mean this server; default: public_url")
    audience_claim: str = Field(default="aud", description="Where a token names its audience; Cognito: client_id")
    scope_prefix: str = Field(
        default="", description="Prefix of the requested scopes that its tokens omit; Entra ID: api://ID/"
    )


def _long(value: SecretStr) -> SecretStr:
    # Not a bound of the field: its message would show the value, and the schema also has to accept ${SECRET}.
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
    """Which claims of a token name the caller. Of several, the first that the token has counts."""

    # If a token had none of these claims, all users of a client would be one caller.
    subject: tuple[_Name, ...] = Field(default=("sub",), min_length=1, description="The person or program")
    client: tuple[str, ...] = Field(default=("client_id", "azp", "cid"), description="The application that they use")
    scopes: tuple[str, ...] = Field(default=("scope", "scp"), description="Scopes, as a text with spaces or as a list")
    groups: tuple[str, ...] = Field(default=("groups", "cognito:groups", "roles"), description="Groups or roles")


class Scopes(Table):
    """The scopes that tools need."""

    invoke: Scope = Field(
        default="agentcore:invoke", description="invoke_agent, ask_NAME, call_agent_tool, and list_agents with an agent"
    )
    command: Scope = Field(default="agentcore:command", description="run_command")
    stop: Scope = Field(default="agentcore:stop", description="stop_session")
    operate: Scope = Field(default="agentcore:operate", description="Listing and stopping everybody's sessions")


class ServerAuth(Table):
    """Which access tokens the server accepts."""

    issuers: tuple[Annotated[Issuer, BeforeValidator(_issuer, json_schema_input_type=str | Issuer)], ...] = Field(
        min_length=1, description="Authorization servers: URLs or tables"
    )
    algorithms: tuple[Algorithm, ...] = Field(
        default=("RS256", "PS256", "ES256", "EdDSA"), min_length=1, description="Accepted signature algorithms"
    )
    clock_skew_s: float = Field(
        default=30, validation_alias="clock_skew", ge=0, le=300, description="Seconds by which clocks may differ"
    )
    required_scopes: tuple[Scope, ...] = Field(default=(), description="Scopes that every request needs")
    scopes: Scopes = Field(default=Scopes(), description="The scopes that tools need")
    claims: Claims = Field(default=Claims(), description="Which claims name the caller")

    @model_validator(mode="after")
    def _name_each_issuer_once(self) -> Self:
        names = [issuer.issuer for issuer in self.issuers]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"issuers has twice: {', '.join(twice)}; several audiences go into one table")
        return self


class Allow(Table):
    """Who may use an agent: members of the groups and the subjects, or else all callers; each needs the scopes."""

    scopes: tuple[Scope, ...] = Field(
        default=(), min_length=1, description="Scopes that its calls need besides those of the tools"
    )
    groups: tuple[_Name, ...] = Field(default=(), min_length=1, description="Groups whose members may use it")
    subjects: tuple[_Name, ...] = Field(default=(), min_length=1, description="Subjects that may use it")

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        # Otherwise, an empty variable would open the agent to everybody.
        if not (self.scopes or self.groups or self.subjects):
            raise ValueError("allow has neither scopes nor groups nor subjects; leave it out to let all callers in")
        return self


class Limits(Table):
    """How much one caller may use, on all workers together. A limit that is not set does not apply."""

    calls_per_minute: int | None = Field(
        default=None, ge=1, description="Calls of tools that a caller may begin a minute"
    )
    concurrent_calls: int | None = Field(default=None, ge=1, description="Calls of a caller that may run at once")
    sessions: int | None = Field(default=None, ge=1, description="Sessions that a caller may have open")
    session_minutes: int | None = Field(
        default=None, ge=1, description="Minutes that a caller's sessions may be open in 24 hours, added up"
    )
    agent_concurrent_calls: int | None = Field(
        default=None, ge=1, description="Calls of one agent, by all callers, that may run at once"
    )
    body_bytes: int = Field(default=4_194_304, ge=1_024, description="Bytes that the body of a request may have")
    call_s: float | None = Field(
        default=None, gt=0, allow_inf_nan=False, description="Seconds after which a call is ended"
    )


class Server(Table):
    """The server as the people who use it reach it."""

    public_url: Https | None = Field(default=None, description="The URL that clients use, such as https://HOST/mcp")
    auth: ServerAuth | None = Field(default=None, description="Access tokens; without it, only loopback is served")
    secret: Annotated[SecretStr, AfterValidator(_long)] | None = Field(
        default=None,
        description="Key for session ids and confirmations, the same on all workers; default: a key of this machine",
    )
    store: Annotated[SecretStr, AfterValidator(_redis)] | None = Field(
        default=None,
        description="redis:// or rediss:// URL of the store that the workers share; default: memory, for one worker",
    )
    foreign_sessions: bool = Field(default=False, description="Accept session ids that this server did not make")
    limits: Limits = Field(default=Limits(), description="How much one caller may use")
    drain_s: float = Field(
        default=30,
        validation_alias="drain",
        ge=0,
        le=3_600,
        description="Seconds for which calls may go on after SIGTERM",
    )

    @model_validator(mode="after")
    def _tokens_need_an_audience(self) -> Self:
        if self.auth is not None and self.public_url is None:
            raise ValueError("auth needs public_url, the audience that access tokens have to name")
        return self

"""A bearer token from a token endpoint: a program's own (RFC 6749, 4.4), or one in exchange for a user's (RFC 8693).

For Amazon Cognito that is ``https://DOMAIN.auth.REGION.amazoncognito.com/oauth2/token``, without token exchange.
"""

from __future__ import annotations

import base64
from dataclasses import KW_ONLY, dataclass, field
from typing import TYPE_CHECKING, Literal
from urllib.parse import quote_plus, urlencode

from agentcore_mcp.errors import ConfigurationError, CredentialsError
from agentcore_mcp.runtime.auth.token_endpoint import TOKEN_TIMEOUT_S, TokenAnswer, check_token_url, explain, post
from agentcore_mcp.runtime.auth.tokens import SENDABLE, Token, is_sendable
from agentcore_mcp.wire.headers import JSON_TYPE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence


_OURS = frozenset({"grant_type", "client_id", "client_secret", "scope"})
_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
_ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"  # noqa: S105 - a name in RFC 8693, 3

# What to do about the error codes of RFC 6749, 5.2 and RFC 8707.
_ADVICE = {
    "invalid_client": "check client_id, client_secret and auth_method",
    "unauthorized_client": "allow this client the client credentials (or token exchange) grant at its provider",
    "unsupported_grant_type": "check token_url: this endpoint gives no tokens for client credentials, or in exchange",
    "invalid_scope": "check scope, and which scopes this client is allowed",
    "invalid_target": "check the resource or audience in extra",
    "invalid_request": "check scope, extra, auth_method and the token that is exchanged",
}


@dataclass(frozen=True, slots=True)
class ClientCredentials:
    """Tokens for a client that authenticates with a secret.

    Attributes:
        token_url: The token endpoint: https, or http to this machine.
        client_id: The client.
        client_secret: Its secret.
        scope: The scopes asked for, separated by spaces; None leaves them to the identity provider.
        extra: Further parameters that the identity provider wants, such as ``audience`` or ``resource``.
        auth_method: Where the secret goes: into the Authorization header (``client_secret_basic``, which every
            server knows), or into the body (``client_secret_post``).
        timeout_s: For the whole exchange.

    Raises:
        ConfigurationError: If the token URL is unsafe, a part is empty, or an extra parameter is one of OAuth's own.
    """

    token_url: str = field(repr=False)
    client_id: str
    client_secret: str = field(repr=False)
    _: KW_ONLY
    scope: str | None = None
    extra: Mapping[str, str | Sequence[str]] = field(default_factory=dict, repr=False)
    auth_method: Literal["client_secret_basic", "client_secret_post"] = "client_secret_basic"
    timeout_s: float = TOKEN_TIMEOUT_S

    def __post_init__(self) -> None:
        check_token_url(self.token_url, "token_url")
        if not self.client_id or not self.client_secret:
            raise ConfigurationError("client credentials are a client_id and a client_secret, neither of them empty")
        if self.auth_method not in ("client_secret_basic", "client_secret_post"):
            raise ConfigurationError(
                f"auth_method is 'client_secret_basic' or 'client_secret_post', not {self.auth_method!r}"
            )
        if not _OURS.isdisjoint(self.extra):
            raise ConfigurationError(f"extra can't set {', '.join(sorted(_OURS & set(self.extra)))}")

    def fetch(self, previous: Token | None) -> Token:  # noqa: ARG002 - this grant has no refresh tokens
        """Ask for a token.

        Raises:
            CredentialsError: If the identity provider can't be reached, refuses, or gives no bearer token.
        """
        return self._ask("client_credentials")

    def _ask(self, grant_type: str, **grant: str) -> Token:
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": JSON_TYPE}
        form: dict[str, str | Sequence[str]] = {"grant_type": grant_type, **grant}
        if self.auth_method == "client_secret_basic":
            headers["Authorization"] = f"Basic {self._basic()}"
        else:
            form |= {"client_id": self.client_id, "client_secret": self.client_secret}
        if self.scope is not None:
            form["scope"] = self.scope
        url = check_token_url(self.token_url, "token_url")
        body = urlencode({**form, **self.extra}, doseq=True).encode()
        answer = post(url, body, headers, setting="token_url", timeout_s=self.timeout_s)
        tokens = [value for name, value in grant.items() if name.endswith("_token")]
        return self._token(answer, (self.client_secret, self._basic(), *tokens))

    def exchange(self, token: str, *, actor: Callable[[], str] | None = None) -> Token:
        """Exchange a user's access token; ``actor`` returns the actor's own token, if the exchange should include one.

        Raises:
            CredentialsError: As for ``fetch``.
        """
        acting = {} if actor is None else {"actor_token": actor(), "actor_token_type": _ACCESS_TOKEN}
        return self._ask(_EXCHANGE, subject_token=token, subject_token_type=_ACCESS_TOKEN, **acting)

    def _basic(self) -> str:
        # Both are form-encoded before they are joined (RFC 6749, 2.3.1).
        return base64.b64encode(f"{quote_plus(self.client_id)}:{quote_plus(self.client_secret)}".encode()).decode()

    def _token(self, answer: TokenAnswer, secrets: Sequence[str]) -> Token:
        token = answer.text("access_token")
        if answer.status != 200 or not token:
            raise CredentialsError(self._refusal(answer, secrets))
        if answer.text("token_type").lower() not in ("bearer", ""):
            raise CredentialsError(
                f"{answer.host} issues tokens of another type than bearer, which AgentCore doesn't accept; "
                f"change that for the client {self.client_id!r} at the identity provider"
            )
        if not is_sendable(token):
            raise CredentialsError(f"{answer.host} gives a token of {len(token)} characters; {SENDABLE}")
        return Token.issued(token, expires_in=answer.body.get("expires_in"))

    def _refusal(self, answer: TokenAnswer, secrets: Sequence[str]) -> str:
        said = (answer.error_type, answer.text("error_description"))
        detail = explain(": ".join(filter(None, said)), secrets)
        advice = _ADVICE.get(answer.error_type)
        if advice is None:
            advice = "try again later" if answer.status >= 500 or answer.status == 429 else "check token_url"
        return f"{answer.host} refused client {self.client_id!r} a token: HTTP {answer.status}{detail}; {advice}"

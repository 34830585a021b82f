"""The gate: which credentials a local AgentCore checks, and how it announces them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

from agentcore_mcp.errors import ConfigurationError
from agentcore_mcp.local.callers import issuer, sigv4
from agentcore_mcp.local.callers.bearer import TokenAuthorizer
from agentcore_mcp.local.callers.claims import Incoming
from agentcore_mcp.wire.ids import LOCAL_REGION
from agentcore_mcp.wire.limits import PAYLOAD_MAX_BYTES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.types import Scope

    from agentcore_mcp.local.line.exchange import Exchange

AuthMode = Literal["none", "sigv4", "jwt"]


@dataclass(frozen=True, slots=True)
class AuthSettings:
    """How callers authenticate.

    Attributes:
        mode: Not at all, with a signature, or with a token.
        keys: The key pair for signatures.
    """

    mode: AuthMode = "none"
    keys: sigv4.KeyPair = sigv4.LOCAL_KEYS

    @classmethod
    def of(cls, mode: AuthMode, access_key_id: str | None, secret_access_key: str | None) -> AuthSettings:
        """Make the settings, with defaults for omitted keys.

        Raises:
            ConfigurationError: If the mode is unknown, half a key pair is given, or a key pair without ``sigv4``.
        """
        if mode not in get_args(AuthMode):
            raise ConfigurationError(f"{mode!r} is not one of {', '.join(get_args(AuthMode))}")
        if access_key_id is None and secret_access_key is None:
            return cls(mode)
        if not access_key_id or not secret_access_key:
            raise ConfigurationError(
                "a key pair is an access key id and a secret access key, but one of them is missing"
            )
        if mode != "sigv4":
            raise ConfigurationError(f"a key pair is for auth 'sigv4' only, not {mode!r}")
        return cls(mode, sigv4.KeyPair(access_key_id, secret_access_key))

    def announcement(self, endpoint_url: str) -> Mapping[str, Mapping[str, str]]:
        """Return what a caller needs to authenticate, if anything."""
        match self.mode:
            case "sigv4":
                keys = {"access_key_id": self.keys.access_key_id, "secret_access_key": self.keys.secret_access_key}
                return {"auth": {"mode": self.mode, **keys, "region": LOCAL_REGION}}
            case "jwt":
                client = {"client_id": issuer.CLIENT_ID, "client_secret": issuer.CLIENT_SECRET}
                url = endpoint_url + issuer.PATH
                return {"auth": {"mode": self.mode, "issuer": url, "token_endpoint": f"{url}/token", **client}}
            case _:
                return {}


class Gate:
    """Admits requests, or refuses them.

    Attributes:
        issuer: The issuer of tokens, if callers authenticate with them.
    """

    def __init__(self, settings: AuthSettings, endpoint_url: str) -> None:
        self.issuer: issuer.Issuer | None = None
        self._authorizer: sigv4.SignatureAuthorizer | TokenAuthorizer | None = None
        if settings.mode == "sigv4":
            self._authorizer = sigv4.SignatureAuthorizer(settings.keys, LOCAL_REGION)
        elif settings.mode == "jwt":
            self.issuer = issuer.Issuer(endpoint_url)
            self._authorizer = TokenAuthorizer(self.issuer)

    async def check(self, exchange: Exchange, scope: Scope) -> None:
        """Return if the request is authorized. Its body can still be read afterwards.

        Args:
            exchange: The request.
            scope: Its ASGI scope, for HTTP or a WebSocket.

        Raises:
            Refusal: If it is not.
            ClientGoneError: If the client leaves before it has sent its whole request.
        """
        if self._authorizer is None:
            return
        method = scope.get("method", "GET")
        path, query = scope["raw_path"].decode("latin-1"), scope["query_string"].decode("latin-1")
        body = b""
        if isinstance(self._authorizer, sigv4.SignatureAuthorizer) and scope["type"] == "http":
            body = await exchange.hold(PAYLOAD_MAX_BYTES, field="payload")
        self._authorizer.check(Incoming(method, path, query, exchange.headers, body))

"""What an authorizer is: the part of the front door that decides whether a request may come in.

A runtime has one, as on AgentCore: `sigv4.SignatureAuthorizer`, `bearer.TokenAuthorizer`, or here also none at all.
What is passed to it is the request as it is on the line, so that the routes for HTTP and for WebSockets use it alike.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

from agentcore_mcp.local.line.refusals import Refusal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.types import Scope

AuthMode = Literal["none", "sigv4", "jwt"]


@dataclass(frozen=True, slots=True)
class Incoming:
    """A request as far as it can prove who sends it.

    Attributes:
        method: ``GET`` for a WebSocket.
        path: Percent-encoded, as on the request line.
        query: The same, without the question mark.
        headers: Names in lower case.
        body: The whole body, if the authorizer ``covers_body``.
    """

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes = b""

    @classmethod
    def of(cls, scope: Scope, headers: Mapping[str, str], body: bytes = b"") -> Incoming:
        """Read an ASGI scope, ``http`` or ``websocket``."""
        return cls(
            scope.get("method", "GET"),
            scope["raw_path"].decode("latin-1"),
            scope["query_string"].decode("latin-1"),
            headers,
            body,
        )


class Authorizer(Protocol):
    """Decides whether a request may come in.

    Attributes:
        covers_body: Whether it has to see the request's body.
    """

    covers_body: bool

    def check(self, request: Incoming) -> None:
        """Return if the request may come in.

        Raises:
            Refusal: If it may not.
        """


def method_mismatch() -> Refusal:
    """Refuse a bearer token where a signature is expected, and the reverse. The words are the service's."""
    return Refusal(
        "AccessDeniedException",
        "Authorization method mismatch. The agent is configured for a different authorization method than what was "
        "used in your request. Check the agent's authorization configuration and ensure your request uses the "
        "matching method (OAuth or SigV4)",
    )

"""The parts of a request at the front door that authenticate it, for HTTP and for WebSockets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from agentcore_mcp.local.line.refusals import Refusal

if TYPE_CHECKING:
    from collections.abc import Mapping


AuthMode = Literal["none", "sigv4", "jwt"]


@dataclass(frozen=True, slots=True)
class Incoming:
    """A request as it is on the line.

    Attributes:
        method: ``GET`` for a WebSocket.
        path: Percent-encoded, as on the request line.
        query: The same, without the question mark.
        headers: Names in lower case.
        body: The whole body, where a signature covers it.
    """

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes = b""


def method_mismatch() -> Refusal:
    """Refuse a bearer token where a signature is expected, and the reverse. The words are the service's."""
    return Refusal(
        "AccessDeniedException",
        "Authorization method mismatch. The agent is configured for a different authorization method than what was "
        "used in your request. Check the agent's authorization configuration and ensure your request uses the "
        "matching method (OAuth or SigV4)",
    )

"""The headers of a request from AgentCore that an agent may see; the rule is in ``wire.headers``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agentcore_mcp.wire.headers import is_forwardable

if TYPE_CHECKING:
    from collections.abc import Iterable

AUTHORIZATION_HEADER = "Authorization"


def forwarded(headers: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return the headers an agent may see.

    ``Authorization`` always has this spelling, for agents to look up; the other names stay as they are (lower case from
    ASGI servers). The last value of a repeated header counts.
    """
    return {
        AUTHORIZATION_HEADER if name.lower() == "authorization" else name: value
        for name, value in headers
        if is_forwardable(name)
    }

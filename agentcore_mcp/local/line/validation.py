"""Validation: the members of a request that travel in its headers and its query, against the service model.

The tables are the model's, and a test compares them with it. The bodies are checked where they are read.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from agentcore_mcp.local.line.refusals import invalid_fields
from agentcore_mcp.local.line.routes import CARD, COMMAND, INVOKE, SHELL, SOCKET, STOP
from agentcore_mcp.wire.arns import ACCOUNT_ID
from agentcore_mcp.wire.headers import CUSTOM_HEADER_PREFIX, SESSION_HEADER, USER_HEADER
from agentcore_mcp.wire.limits import SESSION_ID_MAX_CHARS, SESSION_ID_MIN_CHARS

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Member:
    """A member of an operation's input that is a header.

    Attributes:
        name: What the model calls it, and so the error.
        header: In lower case.
    """

    name: str
    header: str
    min_chars: int
    max_chars: int


_SESSION: Final = Member("runtimeSessionId", SESSION_HEADER.lower(), SESSION_ID_MIN_CHARS, SESSION_ID_MAX_CHARS)
_TYPES: Final = (Member("contentType", "content-type", 1, 256), Member("accept", "accept", 1, 256))
_STATE: Final = (Member("traceState", "tracestate", 0, 512), Member("baggage", "baggage", 0, 8192))

MEMBERS_OF: Final[Mapping[str, tuple[Member, ...]]] = {
    INVOKE: (
        _SESSION,
        *_TYPES,
        Member("mcpSessionId", "mcp-session-id", 1, 1024),
        Member("mcpProtocolVersion", "mcp-protocol-version", 1, 1024),
        Member("mcpMethod", "mcp-method", 1, 1024),
        Member("mcpName", "mcp-name", 1, 1024),
        Member("runtimeUserId", USER_HEADER.lower(), 1, 1024),
        Member("traceId", "x-amzn-trace-id", 0, 128),
        Member("traceParent", "traceparent", 0, 128),
        *_STATE,
    ),
    COMMAND: (
        _SESSION,
        *_TYPES,
        Member("traceId", "x-amzn-trace-id", 0, 1024),
        Member("traceParent", "traceparent", 0, 1024),
        *_STATE,
    ),
    STOP: (_SESSION,),
    CARD: (_SESSION,),
    # Not in the model, which has no WebSockets.
    SOCKET: (_SESSION,),
    SHELL: (_SESSION,),
}


def headers_in(query: Mapping[str, str]) -> dict[str, str]:
    """Return the headers of a client that can set none, and has written the session's and its own into its URL.

    Raises:
        Refusal: If one holds what no header can.
    """
    own = (SESSION_HEADER.lower(), CUSTOM_HEADER_PREFIX.lower())
    headers = {name.lower(): value for name, value in query.items() if name.lower().startswith(own)}
    unfit = [name for name, value in headers.items() if not (value.isascii() and value.isprintable())]
    if unfit:
        raise invalid_fields([(name, "Member must hold what a header can carry") for name in unfit])
    return headers


def check_members(operation: str, headers: Mapping[str, str], query: Mapping[str, str]) -> None:
    """Check everything about a request that is neither its runtime nor its body.

    Raises:
        Refusal: If a member is missing, too short, too long or malformed; it names all of them.
    """
    fields = []
    for member in MEMBERS_OF.get(operation, ()):
        value = headers.get(member.header)
        if value is None:
            if operation == STOP:
                fields.append((member.name, "Member must not be null"))
        elif len(value) < member.min_chars:
            fields.append((member.name, f"Member must have length greater than or equal to {member.min_chars}"))
        elif len(value) > member.max_chars:
            fields.append((member.name, f"Member must have length less than or equal to {member.max_chars}"))
    account_id = query.get("accountId")
    if operation in (INVOKE, COMMAND) and account_id is not None and not ACCOUNT_ID.fullmatch(account_id):
        fields.append(("accountId", f"Member must satisfy regular expression pattern: {ACCOUNT_ID.pattern}"))
    if fields:
        raise invalid_fields(fields)

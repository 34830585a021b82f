"""Validation of a request's headers and query against the service model.

Each operation validates its own body.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from agentcore_mcp.local.line.refusals import Refusal, invalid_fields
from agentcore_mcp.wire.headers import CUSTOM_HEADER_PREFIX, HARNESS_SESSION, HEADER_NAME, SESSION_HEADER
from agentcore_mcp.wire.ids import ACCOUNT_ID, HARNESS_SESSION_ID
from agentcore_mcp.wire.refusals import CANNOT_PARSE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from agentcore_mcp.wire.operations import Operation


def headers_in(query: Mapping[str, str]) -> dict[str, str]:
    """Return the headers in a URL's query, for clients that can't set session or custom headers on a WebSocket.

    Raises:
        Refusal: If a value is not valid in a header.
    """
    own = (SESSION_HEADER.lower(), CUSTOM_HEADER_PREFIX.lower())
    headers = {name.lower(): value for name, value in query.items() if name.lower().startswith(own)}
    unfit = [
        name
        for name, value in headers.items()
        if not (HEADER_NAME.fullmatch(name) and value.isascii() and value.isprintable())
    ]
    if unfit:
        raise invalid_fields(*((name, "Member must hold what a header can carry") for name in unfit))
    return headers


def check_members(operation: Operation, headers: Mapping[str, str], query: Mapping[str, str]) -> None:
    """Check everything about a request that is neither its runtime nor its body.

    Raises:
        Refusal: If members are missing, too short, too long or malformed; it names all of them.
    """
    fields = []
    for member in operation.members:
        value = headers.get(member.header.lower())
        if value is None:
            if operation.needs_session and member.header == SESSION_HEADER:
                fields.append((member.name, "Member must not be null"))
        elif len(value) < member.min_chars:
            fields.append((member.name, f"Member must have length greater than or equal to {member.min_chars}"))
        elif len(value) > member.max_chars:
            fields.append((member.name, f"Member must have length less than or equal to {member.max_chars}"))
        elif member == HARNESS_SESSION and not HARNESS_SESSION_ID.fullmatch(value):
            pattern = HARNESS_SESSION_ID.pattern
            fields.append((member.name, f"Member must satisfy regular expression pattern: {pattern}"))
    account_id = query.get("accountId")
    if operation.by_id and account_id is not None and not ACCOUNT_ID.fullmatch(account_id):
        fields.append(("accountId", f"Member must satisfy regular expression pattern: {ACCOUNT_ID.pattern}"))
    if fields:
        raise invalid_fields(*fields)


def json_object(body: bytes) -> dict[str, Any]:
    """Read a body.

    Raises:
        Refusal: If it is not a JSON object.
    """
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise Refusal("ValidationException", "the request body is not a JSON object", reason=CANNOT_PARSE)
    return value

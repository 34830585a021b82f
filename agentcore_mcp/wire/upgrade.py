"""The request that is upgraded to a WebSocket: to the agent's own ``/ws``, or to an interactive shell in its session.

Only what AgentCore reads of it. The headers of the upgrade itself are the WebSocket library's business.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from agentcore_mcp.errors import InvalidRequestError
from agentcore_mcp.wire.headers import SESSION_HEADER, header_fields
from agentcore_mcp.wire.ids import check_session_id, check_shell_id
from agentcore_mcp.wire.operations import Request, target_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from agentcore_mcp.wire.arns import RuntimeArn

# Beginnings of names that mean something to the upgrade or to its signature, as a header or in the query.
_RESERVED = ("connection", "upgrade", "sec-websocket-", "x-amz-", "qualifier", "shellid")


def websocket_request(
    arn: RuntimeArn,
    *,
    session_id: str,
    qualifier: str | None = None,
    shell_id: str | None = None,
    headers: Mapping[str, str] | None = None,
    in_query: bool = False,
) -> Request:
    """Build the request that is upgraded to a WebSocket, without the headers of the upgrade itself.

    The service takes session id and custom headers from the headers or from the query, says AWS's developer guide
    ("Get started with bidirectional streaming using WebSocket"); a browser can set no headers.

    Args:
        arn: The runtime.
        session_id: 33 to 256 visible ASCII characters.
        qualifier: The endpoint's name; None leaves the choice to the service (DEFAULT).
        shell_id: Names an interactive shell in the session, 1 to 128 letters, digits, dashes and underscores; None is
            the agent's own ``/ws``.
        headers: Further headers, such as ``…-Runtime-Custom-*`` or trace context.
        in_query: Put session id and headers into the query.

    Raises:
        InvalidRequestError: If an argument is outside these limits.
    """
    if shell_id is not None:
        check_shell_id(shell_id)
    for name in headers or {}:
        if name.lower().startswith(_RESERVED):
            raise InvalidRequestError(f"the parameter {name!r} is set by the request itself")
    fields = header_fields({SESSION_HEADER: check_session_id(session_id)}, headers)
    query = {"qualifier": qualifier, "shellId": shell_id} | dict(fields if in_query else ())
    target = target_of(arn, "ws" if shell_id is None else "ws/shells", query)
    return Request(target, () if in_query else fields, b"", method="GET")

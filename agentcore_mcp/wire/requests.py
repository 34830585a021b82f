"""The operations as requests: path, query, headers and body of each.

A request here has no host and no signature: ``runtime.endpoints`` adds the host, ``runtime.auth`` the signature. As in
botocore's ``bedrock-agentcore`` 2024-02-28 service model unless noted; its names and limits are in ``headers``,
``limits`` and ``ids``. The arguments and their limits are documented at ``RuntimeClient``'s methods.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

from agentcore_mcp.errors import InvalidRequestError
from agentcore_mcp.wire.headers import (
    EVENT_STREAM_TYPE,
    JSON_TYPE,
    SESSION_HEADER,
    SSE_TYPE,
    USER_HEADER,
    header_fields,
)
from agentcore_mcp.wire.ids import CLIENT_TOKEN, SHELL_ID, Runtime, RuntimeArn, RuntimeId, check_session_id
from agentcore_mcp.wire.limits import (
    COMMAND_MAX_CHARS,
    COMMAND_TIMEOUT_DEFAULT_S,
    COMMAND_TIMEOUT_MAX_S,
    COMMAND_TIMEOUT_MIN_S,
    PAYLOAD_MAX_BYTES,
)
from agentcore_mcp.wire.operations import CARD, COMMAND, INVOKE, SHELL, SOCKET, STOP, Operation

if TYPE_CHECKING:
    from collections.abc import Mapping

# Prefixes of header and query names that the upgrade or its signature uses.
_RESERVED = ("connection", "upgrade", "sec-websocket-", "x-amz-", "qualifier", "shellid")


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request to AgentCore, without host and signature.

    Attributes:
        target: Path and query, percent-encoded, as they go on the request line.
        headers: In the order they are sent.
        body: The whole body.
        idempotent: Whether sending it twice has the same effect as sending it once.
    """

    target: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    method: str = "POST"
    idempotent: bool = False

    @property
    def raw_headers(self) -> list[tuple[bytes, bytes]]:
        """The headers as bytes; values are UTF-8, as botocore sends and signs them."""
        return [(name.encode("ascii"), value.encode()) for name, value in self.headers]


def invoke_request(
    runtime: Runtime,
    payload: bytes,
    *,
    session_id: str,
    qualifier: str | None = None,
    content_type: str = JSON_TYPE,
    accept: str = f"{SSE_TYPE}, {JSON_TYPE}",
    user_id: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> Request:
    """Build InvokeAgentRuntime.

    Raises:
        InvalidRequestError: If an argument is outside its limits, or the runtime is that of a harness.
    """
    if isinstance(runtime, RuntimeArn) and runtime.is_harness:
        raise InvalidRequestError(
            f"{runtime} is a harness: it takes commands, but InvokeHarness asks it, not InvokeAgentRuntime"
        )
    if len(payload) > PAYLOAD_MAX_BYTES:
        raise InvalidRequestError(f"the payload has {len(payload)} bytes, at most {PAYLOAD_MAX_BYTES} are allowed")
    fields = {"Content-Type": content_type, "Accept": accept, SESSION_HEADER: check_session_id(session_id)}
    if user_id is not None:
        fields[USER_HEADER] = user_id
    return Request(target_of(runtime, INVOKE, {"qualifier": qualifier}), header_fields(fields, headers), payload)


def command_request(
    runtime: Runtime,
    command: str,
    *,
    session_id: str,
    timeout_s: int = COMMAND_TIMEOUT_DEFAULT_S,
    qualifier: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> Request:
    """Build InvokeAgentRuntimeCommand.

    Raises:
        InvalidRequestError: If an argument is outside its limits.
    """
    check_command(command, timeout_s)
    body = json.dumps({"command": command, "timeout": timeout_s}).encode()
    fields = {"Content-Type": JSON_TYPE, "Accept": EVENT_STREAM_TYPE, SESSION_HEADER: check_session_id(session_id)}
    return Request(target_of(runtime, COMMAND, {"qualifier": qualifier}), header_fields(fields, headers), body)


def card_request(
    runtime: Runtime, *, session_id: str, qualifier: str | None = None, headers: Mapping[str, str] | None = None
) -> Request:
    """Build GetAgentCard.

    Raises:
        InvalidRequestError: If an argument is outside its limits.
    """
    fields = {"Accept": JSON_TYPE, SESSION_HEADER: check_session_id(session_id)}
    target = target_of(runtime, CARD, {"qualifier": qualifier})
    return Request(target, header_fields(fields, headers), b"", method=CARD.method, idempotent=True)


def stop_request(
    runtime: Runtime,
    *,
    session_id: str,
    client_token: str,
    qualifier: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> Request:
    """Build StopRuntimeSession.

    Raises:
        InvalidRequestError: If an argument is outside its limits, or the runtime is not named by its ARN.
    """
    if isinstance(runtime, RuntimeId):
        raise InvalidRequestError(f"sessions are stopped by the ARN of their runtime, not by its id: {runtime}")
    if not CLIENT_TOKEN.fullmatch(client_token):
        raise InvalidRequestError(f"not a client token: {client_token!r}; it has 33 to 256 letters, digits and dashes")
    body = json.dumps({"clientToken": client_token}).encode()
    fields = {"Content-Type": JSON_TYPE, SESSION_HEADER: check_session_id(session_id)}
    target = target_of(runtime, STOP, {"qualifier": qualifier})
    return Request(target, header_fields(fields, headers), body, idempotent=True)


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
        InvalidRequestError: If an argument is outside its limits.
    """
    if shell_id is not None:
        check_shell_id(shell_id)
    for name in headers or {}:
        if name.lower().startswith(_RESERVED):
            raise InvalidRequestError(f"the parameter {name!r} is set by the request itself")
    fields = header_fields({SESSION_HEADER: check_session_id(session_id)}, headers)
    query = {"qualifier": qualifier, "shellId": shell_id} | dict(fields if in_query else ())
    target = target_of(arn, SOCKET if shell_id is None else SHELL, query)
    return Request(target, () if in_query else fields, b"", method="GET")


def check_shell_id(shell_id: str) -> None:
    """Check the id of an interactive shell.

    Raises:
        InvalidRequestError: If it is not valid.
    """
    if not SHELL_ID.fullmatch(shell_id):
        raise InvalidRequestError(
            f"not a shell id: {shell_id!r}; it has 1 to 128 letters, digits, dashes and underscores, and begins with "
            "a letter or digit"
        )


def check_command(command: str, timeout_s: int) -> None:
    """Check a command as the service would.

    Raises:
        InvalidRequestError: If it doesn't have 1 to 65,536 characters, or the timeout is not 1 to 3600 seconds.
    """
    if not command.strip():
        raise InvalidRequestError("the command is empty; say what is to be run")
    if len(command) > COMMAND_MAX_CHARS:
        raise InvalidRequestError(f"the command has {len(command)} characters, at most {COMMAND_MAX_CHARS} are allowed")
    if not (isinstance(timeout_s, int) and COMMAND_TIMEOUT_MIN_S <= timeout_s <= COMMAND_TIMEOUT_MAX_S):
        raise InvalidRequestError(
            f"the command timeout is {timeout_s!r} s, {COMMAND_TIMEOUT_MIN_S} to {COMMAND_TIMEOUT_MAX_S} are allowed, "
            "in whole seconds"
        )


@lru_cache
def _segment(arn: RuntimeArn) -> str:
    # Colons and slash are encoded too, as in botocore.
    return quote(str(arn), safe="")


def target_of(runtime: Runtime, operation: Operation, query: Mapping[str, str | None]) -> str:
    """Return path and query of a request; parameters that are None are omitted.

    Raises:
        InvalidRequestError: If a parameter has half a surrogate pair, which UTF-8 can't carry.
    """
    if isinstance(runtime, RuntimeId):
        name, query = runtime.runtime_id, {"accountId": runtime.account_id, **query}
    else:
        name = _segment(runtime)
    path = f"/runtimes/{name}/{operation.path}"
    if operation.arn_parameter:
        path, query = f"/{operation.path}", {operation.arn_parameter: str(runtime), **query}
    given = {name: value for name, value in query.items() if value is not None}
    try:
        return f"{path}?{urlencode(given, quote_via=quote)}" if given else path
    except UnicodeEncodeError as error:
        raise InvalidRequestError(f"the parameter {error.object[:200]!r} can't be sent: {error.reason}") from error

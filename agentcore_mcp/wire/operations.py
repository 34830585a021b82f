"""The three operations as requests: which path, query, headers and body each puts on the line.

A request here has no host and no signature: ``runtime.endpoints`` adds the one, ``runtime.auth`` the other. Names,
limits and statuses are those of botocore's ``bedrock-agentcore`` 2024-02-28 service model unless noted.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

from agentcore_mcp.errors import InvalidRequestError

if TYPE_CHECKING:
    from collections.abc import Mapping

SESSION_HEADER = "X-Amzn-Bedrock-AgentCore-Runtime-Session-Id"
USER_HEADER = "X-Amzn-Bedrock-AgentCore-Runtime-User-Id"
CUSTOM_HEADER_PREFIX = "X-Amzn-Bedrock-AgentCore-Runtime-Custom-"

EVENT_STREAM_TYPE = "application/vnd.amazon.eventstream"
SSE_TYPE = "text/event-stream"
JSON_TYPE = "application/json"

SESSION_ID_MIN_CHARS = 33
SESSION_ID_MAX_CHARS = 256
USER_ID_MAX_CHARS = 1024
PAYLOAD_MAX_BYTES = 100_000_000
COMMAND_MAX_CHARS = 65_536
COMMAND_TIMEOUT_MIN_S = 1
COMMAND_TIMEOUT_MAX_S = 3600
COMMAND_TIMEOUT_DEFAULT_S = 300

_ARN = re.compile(
    r"arn:(?P<partition>aws(?:-[a-z]+)*):bedrock-agentcore:(?P<region>[a-z0-9-]+):(?P<account>[0-9]{12})"
    r":runtime/(?P<runtime_id>[A-Za-z][A-Za-z0-9_-]{0,127})"
)
# The model gives session ids no pattern. A header value can carry visible ASCII without any escaping, so that is
# what is let through; in particular no CR, LF or space.
_SESSION_ID = re.compile(r"[!-~]{33,256}")
_CLIENT_TOKEN = re.compile(r"[a-zA-Z0-9](?:-*[a-zA-Z0-9]){0,256}")
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
# Field values as RFC 9110 allows them on input from others: visible characters, space and tab, no CR, LF or NUL.
_HEADER_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")


@dataclass(frozen=True, slots=True)
class RuntimeArn:
    """The ARN of an agent runtime, in parts.

    The grammar is the service model's, except that the ten-character suffix of the id is not insisted on: the
    documentation's own examples lack it, and the service is the judge of what exists.
    """

    partition: str
    region: str
    account_id: str
    runtime_id: str

    @classmethod
    def parse(cls, text: str) -> RuntimeArn:
        """Read an ARN.

        Raises:
            InvalidRequestError: If it is not the ARN of an agent runtime.
        """
        match = _ARN.fullmatch(text)
        if match is None:
            raise InvalidRequestError(
                f"not the ARN of an agent runtime: {text!r}; it looks like "
                "arn:aws:bedrock-agentcore:REGION:ACCOUNT:runtime/NAME-ID"
            )
        return cls(match["partition"], match["region"], match["account"], match["runtime_id"])

    def __str__(self) -> str:
        return f"arn:{self.partition}:bedrock-agentcore:{self.region}:{self.account_id}:runtime/{self.runtime_id}"


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request to AgentCore, without host and signature.

    Attributes:
        target: Path and query, percent-encoded, as they go on the request line.
        headers: In the order they are sent.
        body: The whole body.
    """

    target: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    method: str = "POST"


def invoke_request(
    arn: RuntimeArn,
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

    Args:
        arn: The runtime.
        payload: What the agent receives, at most 100,000,000 bytes.
        session_id: 33 to 256 visible ASCII characters.
        qualifier: The endpoint's name; None leaves the choice to the service (DEFAULT).
        content_type: The payload's media type.
        accept: The media types wanted back.
        user_id: On whose behalf, at most 1024 characters; SigV4 callers need an extra IAM permission for it.
        headers: Further headers, such as ``…-Runtime-Custom-*`` or trace context.

    Raises:
        InvalidRequestError: If an argument is outside these limits.
    """
    if len(payload) > PAYLOAD_MAX_BYTES:
        raise InvalidRequestError(f"the payload has {len(payload)} bytes, at most {PAYLOAD_MAX_BYTES} are allowed")
    fields = {"Content-Type": content_type, "Accept": accept, SESSION_HEADER: check_session_id(session_id)}
    if user_id is not None:
        if not 1 <= len(user_id) <= USER_ID_MAX_CHARS:
            raise InvalidRequestError(
                f"the user id has {len(user_id)} characters, 1 to {USER_ID_MAX_CHARS} are allowed"
            )
        fields[USER_HEADER] = user_id
    return Request(target_of(arn, "invocations", {"qualifier": qualifier}), header_fields(fields, headers), payload)


def command_request(
    arn: RuntimeArn,
    command: str,
    *,
    session_id: str,
    timeout_s: int = COMMAND_TIMEOUT_DEFAULT_S,
    qualifier: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> Request:
    """Build InvokeAgentRuntimeCommand.

    Args:
        arn: The runtime.
        command: 1 to 65,536 characters, handed to the session's environment as it is.
        session_id: 33 to 256 visible ASCII characters.
        timeout_s: After how many seconds the service ends the command, 1 to 3600.
        qualifier: The endpoint's name; None leaves the choice to the service (DEFAULT).
        headers: Further headers, such as trace context.

    Raises:
        InvalidRequestError: If an argument is outside these limits.
    """
    if not command.strip():
        raise InvalidRequestError("the command is empty")
    if len(command) > COMMAND_MAX_CHARS:
        raise InvalidRequestError(f"the command has {len(command)} characters, at most {COMMAND_MAX_CHARS} are allowed")
    if not COMMAND_TIMEOUT_MIN_S <= timeout_s <= COMMAND_TIMEOUT_MAX_S:
        raise InvalidRequestError(
            f"the command timeout is {timeout_s!r} s, {COMMAND_TIMEOUT_MIN_S} to {COMMAND_TIMEOUT_MAX_S} are allowed"
        )
    body = json.dumps({"command": command, "timeout": timeout_s}).encode()
    fields = {
        "Content-Type": JSON_TYPE,
        "Accept": EVENT_STREAM_TYPE,
        SESSION_HEADER: check_session_id(session_id),
    }
    return Request(target_of(arn, "commands", {"qualifier": qualifier}), header_fields(fields, headers), body)


def stop_request(
    arn: RuntimeArn,
    *,
    session_id: str,
    client_token: str,
    qualifier: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> Request:
    """Build StopRuntimeSession.

    Args:
        arn: The runtime.
        session_id: 33 to 256 visible ASCII characters.
        client_token: 33 to 256 letters, digits and dashes; the same token makes a repeated stop the same stop.
        qualifier: The endpoint's name; None leaves the choice to the service (DEFAULT).
        headers: Further headers, such as trace context.

    Raises:
        InvalidRequestError: If an argument is outside these limits.
    """
    if not 33 <= len(client_token) <= 256 or not _CLIENT_TOKEN.fullmatch(client_token):
        raise InvalidRequestError(f"not a client token: {client_token!r}; it has 33 to 256 letters, digits and dashes")
    body = json.dumps({"clientToken": client_token}).encode()
    fields = {"Content-Type": JSON_TYPE, SESSION_HEADER: check_session_id(session_id)}
    return Request(target_of(arn, "stopruntimesession", {"qualifier": qualifier}), header_fields(fields, headers), body)


def check_session_id(session_id: str) -> str:
    """Return a session id that the service accepts and a header can carry.

    Raises:
        InvalidRequestError: If it is not 33 to 256 visible ASCII characters.
    """
    if not _SESSION_ID.fullmatch(session_id):
        raise InvalidRequestError(
            f"not a session id: {session_id[:SESSION_ID_MAX_CHARS]!r} ({len(session_id)} characters); it "
            f"has {SESSION_ID_MIN_CHARS} to {SESSION_ID_MAX_CHARS} letters, digits and punctuation marks, no spaces"
        )
    return session_id


def target_of(arn: RuntimeArn, operation: str, query: Mapping[str, str | None]) -> str:
    """Return path and query of a request; parameters that are None are left out."""
    # The ARN is one path segment: its colons and slash are encoded too, as botocore does it.
    path = f"/runtimes/{quote(str(arn), safe='')}/{operation}"
    given = {name: value for name, value in query.items() if value is not None}
    return f"{path}?{urlencode(given, quote_via=quote)}" if given else path


def header_fields(fields: dict[str, str], extra: Mapping[str, str] | None) -> tuple[tuple[str, str], ...]:
    """Put the operation's own headers before the caller's, which may not replace them.

    Raises:
        InvalidRequestError: If one of the caller's would, or has a name or value that is none.
    """
    own = {name.lower() for name in fields} | {"authorization", "host"}
    for name, value in (extra or {}).items():
        if not _HEADER_NAME.fullmatch(name):
            raise InvalidRequestError(f"not a header name: {name!r}")
        if name.lower() in own:
            raise InvalidRequestError(f"the header {name!r} is set by the request itself; use the argument for it")
        fields[name] = value
    for name, value in fields.items():
        if not _HEADER_VALUE.fullmatch(value):
            raise InvalidRequestError(f"the value of header {name!r} has characters that a header can't carry")
    return tuple(fields.items())

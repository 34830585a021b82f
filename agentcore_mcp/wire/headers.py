"""The headers of a request: which of them a caller may add, and what a value may hold.

Which headers an operation has is in ``operations``. CR and LF reach none of them, and neither does anything that would
change where a request ends or who it is from.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from agentcore_mcp.errors import InvalidRequestError

if TYPE_CHECKING:
    from collections.abc import Mapping

SESSION_HEADER = "X-Amzn-Bedrock-AgentCore-Runtime-Session-Id"
USER_HEADER = "X-Amzn-Bedrock-AgentCore-Runtime-User-Id"
CUSTOM_HEADER_PREFIX = "X-Amzn-Bedrock-AgentCore-Runtime-Custom-"
SHELL_ID_HEADER = "X-Amzn-Bedrock-AgentCore-Shell-Id"
# Of every answer; and of what an agent gets, the id of the request.
REQUEST_ID_HEADER = "x-amzn-requestid"
ERROR_TYPE_HEADER = "x-amzn-errortype"
AGENT_REQUEST_ID_HEADER = "X-Amzn-Bedrock-AgentCore-Runtime-Request-Id"

EVENT_STREAM_TYPE = "application/vnd.amazon.eventstream"
SSE_TYPE = "text/event-stream"
JSON_TYPE = "application/json"

# How many characters, from and to, by the lower-case name. From the service model; X-Ray's and the W3C's own limits
# for the trace headers are not smaller.
VALUE_CHARS = {
    "content-type": (1, 256),
    "accept": (1, 256),
    "mcp-session-id": (1, 1024),
    "mcp-protocol-version": (1, 1024),
    "mcp-method": (1, 1024),
    "mcp-name": (1, 1024),
    "x-amzn-trace-id": (0, 128),
    "traceparent": (0, 128),
    "tracestate": (0, 512),
    "baggage": (0, 8192),
}

# The only ones that the service model knows for a command, too.
TRACE_HEADERS = frozenset({"x-amzn-trace-id", "traceparent", "tracestate", "baggage"})

# What the two ends of a connection tell each other (RFC 9110, 7.6.1; RFC 9112, 6), and what the request, its
# credentials or its connection already say.
_NOT_FOR_CALLERS = frozenset(
    {
        "authorization",
        "proxy-authorization",
        "host",
        "content-length",
        "transfer-encoding",
        "te",
        "trailer",
        "connection",
        "proxy-connection",
        "keep-alive",
        "upgrade",
        "expect",
        "accept-encoding",
        "user-agent",
    }
)
# https://docs.aws.amazon.com/bedrock-agentcore/latest/devguide/runtime-header-allowlist.html
_RESERVED = re.compile(r"x-amz-|x-amzn-(?!trace-id$|bedrock-agentcore-runtime-custom-.)")

_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


def media_type(headers: Mapping[str, str]) -> str:
    """Return the type of a body, bare and in lower case; "" without one."""
    return headers.get("content-type", "").partition(";")[0].strip().lower()


def header_fields(fields: Mapping[str, str], extra: Mapping[str, str] | None) -> tuple[tuple[str, str], ...]:
    """Put the operation's own headers before the caller's, which may not replace them.

    Args:
        fields: The operation's own.
        extra: The caller's.

    Raises:
        InvalidRequestError: If one of the caller's would, is reserved for AWS or for the connection, or if any has a
            name or a value that is none. The message shows no value.
    """
    names = {name.lower() for name in fields}
    for name in extra or {}:
        key = name.lower()
        if key in names or key in _NOT_FOR_CALLERS:
            raise InvalidRequestError(f"the header {name!r} is set by the request itself, and can't be set again")
        if _RESERVED.match(key):
            raise InvalidRequestError(
                f"the header {name!r} is reserved for AWS; one for the agent begins with "
                "X-Amzn-Bedrock-AgentCore-Runtime-Custom-, or has another name that the runtime is set up to pass on"
            )
        names.add(key)
    every = (*fields.items(), *(extra or {}).items())
    for name, value in every:
        check_header(name, value)
    return every


def check_header(name: str, value: str) -> None:
    """Check that name and value are such, whoever's header it is.

    Raises:
        InvalidRequestError: If one isn't. The message shows no value.
    """
    if not _NAME.fullmatch(name):
        raise InvalidRequestError(f"not a header name: {name!r:.200}")
    shortest, longest = VALUE_CHARS.get(name.lower(), (0, None))
    if len(value) < shortest or (longest is not None and len(value) > longest):
        raise InvalidRequestError(
            f"the value of header {name!r} has {len(value)} characters, {shortest} to {longest} are allowed"
        )
    # Sent as UTF-8, as botocore does it. What is not printable could be a line end to somebody: CR and LF to anyone,
    # U+0085 and U+2028 to who splits decoded lines.
    if not value.replace("\t", " ").isprintable():
        raise InvalidRequestError(f"the value of header {name!r} has characters that a header can't carry")
    if value != value.strip(" \t"):
        raise InvalidRequestError(f"the value of header {name!r} begins or ends with a blank, which would be lost")

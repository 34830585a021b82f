"""Headers: their names and lengths, which of them a caller may add to a request, and which of them an agent may see.

``operations`` lists the headers of each operation. No header may contain CR or LF, and a caller can't add headers that
change the framing of a request or its credentials.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from agentcore_mcp.errors import InvalidRequestError
from agentcore_mcp.wire.limits import (
    HARNESS_SESSION_ID_MAX_CHARS,
    SESSION_ID_MAX_CHARS,
    SESSION_ID_MIN_CHARS,
    USER_ID_MAX_CHARS,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

CUSTOM_HEADER_PREFIX = "X-Amzn-Bedrock-AgentCore-Runtime-Custom-"
SHELL_ID_HEADER = "X-Amzn-Bedrock-AgentCore-Shell-Id"
# Of every answer.
REQUEST_ID_HEADER = "x-amzn-requestid"
ERROR_TYPE_HEADER = "x-amzn-errortype"
# Of a request from AgentCore to an agent.
AGENT_REQUEST_ID_HEADER = "X-Amzn-Bedrock-AgentCore-Runtime-Request-Id"
# Two names for the workload access token: if a request has both, the newer one wins.
IDENTITY_TOKEN_HEADER = "X-Amz-Bedrock-AgentCore-Identity-WAT"  # noqa: S105 - a header's name
ACCESS_TOKEN_HEADER = "WorkloadAccessToken"  # noqa: S105 - a header's name
# The same token as a member of AgentCore Identity's response.
ACCESS_TOKEN_MEMBER = "workloadAccessToken"  # noqa: S105 - a member's name
OAUTH2_CALLBACK_HEADER = "OAuth2CallbackUrl"

EVENT_STREAM_TYPE = "application/vnd.amazon.eventstream"
SSE_TYPE = "text/event-stream"
JSON_TYPE = "application/json"


@dataclass(frozen=True, slots=True)
class Member:
    """A member of an operation's input that is sent as a header, with its name in the service model and in errors."""

    name: str
    header: str
    min_chars: int
    max_chars: int


SESSION = Member(
    "runtimeSessionId",
    "X-Amzn-Bedrock-AgentCore-Runtime-Session-Id",
    SESSION_ID_MIN_CHARS,
    SESSION_ID_MAX_CHARS,
)
HARNESS_SESSION = Member(SESSION.name, SESSION.header, SESSION_ID_MIN_CHARS, HARNESS_SESSION_ID_MAX_CHARS)
USER = Member("runtimeUserId", "X-Amzn-Bedrock-AgentCore-Runtime-User-Id", 1, USER_ID_MAX_CHARS)
TYPES = (Member("contentType", "Content-Type", 1, 256), Member("accept", "Accept", 1, 256))
MCP = (
    Member("mcpSessionId", "Mcp-Session-Id", 1, 1024),
    Member("mcpProtocolVersion", "Mcp-Protocol-Version", 1, 1024),
    Member("mcpMethod", "Mcp-Method", 1, 1024),
    Member("mcpName", "Mcp-Name", 1, 1024),
)
BAGGAGE = "baggage"
_STATE = (Member("traceState", "tracestate", 0, 512), Member(BAGGAGE, BAGGAGE, 0, 8192))
TRACE = (Member("traceId", "X-Amzn-Trace-Id", 0, 128), Member("traceParent", "traceparent", 0, 128), *_STATE)
COMMAND_TRACE = (Member("traceId", "X-Amzn-Trace-Id", 0, 1024), Member("traceParent", "traceparent", 0, 1024), *_STATE)

SESSION_HEADER = SESSION.header
USER_HEADER = USER.header
MCP_SESSION_HEADER = MCP[0].header
# In the response to InvokeAgentRuntime, if the runtime has allowed ports.
ENDPOINT_HEADER = "X-Amzn-Bedrock-AgentCore-Runtime-Session-Endpoint-Url"
# Selects a port of a session for a request to its endpoint: from AWS Lambda's microVMs, undocumented for AgentCore.
PORT_HEADER = "X-aws-proxy-port"
# In lower case, as headers are looked up. Commands have these too, but none for MCP or the user id.
TRACE_HEADERS = frozenset(member.header.lower() for member in TRACE)
# The headers of an agent's response that its caller sees, besides those for framing.
ANSWER_HEADERS = TRACE_HEADERS | {"content-type", MCP_SESSION_HEADER.lower(), "mcp-protocol-version"}
# How many characters their values have. A command may have longer trace ids; X-Ray's and the W3C's own limits are not
# above these.
VALUE_CHARS = {member.header.lower(): (member.min_chars, member.max_chars) for member in (USER, *TYPES, *MCP, *TRACE)}

# Hop-by-hop headers (RFC 9110, 7.6.1; RFC 9112, 6), and those that the client sets itself for the request, its
# credentials or its connection.
_NOT_FOR_CALLERS = frozenset(
    """
    authorization proxy-authorization host user-agent accept-encoding
    content-length transfer-encoding te trailer expect
    connection proxy-connection keep-alive upgrade
    """.split()  # noqa: SIM905
)
# https://docs.aws.amazon.com/bedrock-agentcore/latest/devguide/runtime-header-allowlist.html
_RESERVED = re.compile(r"x-amz-|x-amzn-(?!trace-id$|bedrock-agentcore-runtime-custom-.)")

# https://docs.aws.amazon.com/bedrock-agentcore/latest/devguide/runtime-header-allowlist.html, by its own headings.
_NOT_FOR_AGENTS = frozenset(
    """
    proxy-authorization www-authenticate
    accept accept-charset accept-encoding accept-language content-type content-length content-encoding
    content-language content-location content-range
    cache-control etag expires if-match if-modified-since if-none-match if-range if-unmodified-since last-modified
    pragma vary
    connection keep-alive proxy-connection upgrade
    host user-agent referer from
    range accept-ranges transfer-encoding te trailer
    server date location retry-after
    set-cookie cookie
    content-security-policy content-security-policy-report-only strict-transport-security x-content-type-options
    x-frame-options x-xss-protection referrer-policy permissions-policy cross-origin-embedder-policy
    cross-origin-opener-policy cross-origin-resource-policy
    access-control-allow-origin access-control-allow-methods access-control-allow-headers
    access-control-allow-credentials access-control-expose-headers access-control-max-age
    access-control-request-method access-control-request-headers origin
    accept-ch accept-ch-lifetime dpr width viewport-width downlink ect rtt save-data
    clear-site-data feature-policy expect-ct public-key-pins public-key-pins-report-only
    via forwarded x-forwarded-for x-forwarded-host x-forwarded-proto x-real-ip x-requested-with x-csrf-token
    true-client-ip x-client-ip x-cluster-client-ip x-originating-ip x-source-ip x-original-url x-original-host
    x-rewrite-url
    cf-ray cf-connecting-ip x-amz-cf-id x-cache x-served-by
    :method :path :scheme :authority :status
    link
    sec-websocket-key sec-websocket-accept sec-websocket-version sec-websocket-protocol sec-websocket-extensions
    """.split()  # noqa: SIM905 - a hundred names read better without quotes
)

HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


# RFC 9110, 7.6.1, and the headers for the sender's own connection to a proxy.
_HOP_BY_HOP = frozenset(
    """
    connection keep-alive proxy-connection proxy-authenticate proxy-authorization te trailer transfer-encoding upgrade
    """.split()  # noqa: SIM905
)


def end_to_end(headers: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return the headers that a proxy passes on, in their order, names in lower case."""
    fields = [(name.lower(), value) for name, value in headers]
    named = {word.strip().lower() for name, value in fields if name == "connection" for word in value.split(",")}
    return [field for field in fields if field[0] not in _HOP_BY_HOP | named]


def media_type(headers: Mapping[str, str]) -> str:
    """Return the type of a body, bare and in lower case; "" without one."""
    return headers.get("content-type", "").partition(";")[0].strip().lower()


def is_forwardable(name: str) -> bool:
    """Tell whether an agent may see the header of that name, in upper or lower case."""
    name = name.lower()
    if name in _NOT_FOR_AGENTS:
        return False
    if name.startswith("x-amz-"):
        return name == IDENTITY_TOKEN_HEADER.lower()
    return not name.startswith("x-amzn-") or name.startswith(CUSTOM_HEADER_PREFIX.lower())


def forwarded(headers: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return the headers that an agent may see.

    ``Authorization`` always has this spelling, for agents to look up; the other names stay as they are (lower case from
    ASGI servers). The last value of a repeated header counts.
    """
    return {
        "Authorization" if name.lower() == "authorization" else name: value
        for name, value in headers
        if is_forwardable(name)
    }


def header_fields(fields: Mapping[str, str], extra: Mapping[str, str] | None) -> tuple[tuple[str, str], ...]:
    """Put the operation's own headers before the caller's, which may not replace them.

    Raises:
        InvalidRequestError: If one of the caller's headers would replace one, is reserved for AWS or the connection, or
            has an invalid name or value. The message shows no value.
    """
    names = {name.lower() for name in fields}
    for name in extra or {}:
        key = name.lower()
        if key in names or key in _NOT_FOR_CALLERS:
            raise InvalidRequestError(f"the header {name!r} is set by the request itself, and can't be set again")
        if _RESERVED.match(key):
            raise InvalidRequestError(
                f"the header {name!r} is reserved for AWS; one for the agent begins with "
                f"{CUSTOM_HEADER_PREFIX}, or has another name that the runtime is set up to pass on"
            )
        names.add(key)
    every = (*fields.items(), *(extra or {}).items())
    for name, value in every:
        check_header(name, value)
    return every


def check_header(name: str, value: str) -> None:
    """Check the name and the value of a header.

    Raises:
        InvalidRequestError: If one is not valid. The message shows no value.
    """
    if not HEADER_NAME.fullmatch(name):
        raise InvalidRequestError(f"not a header name: {name!r:.200}")
    shortest, longest = VALUE_CHARS.get(name.lower(), (0, None))
    if len(value) < shortest or (longest is not None and len(value) > longest):
        raise InvalidRequestError(
            f"the value of header {name!r} has {len(value)} characters, {shortest} to {longest} are allowed"
        )
    # Sent as UTF-8, as botocore does. Unprintable characters could end a line: CR and LF for every reader, U+0085 and
    # U+2028 for programs that split decoded lines.
    if not value.replace("\t", " ").isprintable():
        raise InvalidRequestError(f"the value of header {name!r} has characters that a header can't carry")
    if value != value.strip(" \t"):
        raise InvalidRequestError(f"the value of header {name!r} begins or ends with a blank, which would be lost")

"""The headers of a request from AgentCore to an agent: those with a meaning, and those of the caller that it may see.

An agent sees all but the names that HTTP, browsers and proxies reserve and the names under ``x-amz-`` and ``x-amzn-``,
with two exceptions. The headers of requests to AgentCore are in ``wire``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from agentcore_mcp.wire.headers import CUSTOM_HEADER_PREFIX

if TYPE_CHECKING:
    from collections.abc import Iterable

# Two names for the workload access token: the newer one wins where both came.
IDENTITY_TOKEN_HEADER = "X-Amz-Bedrock-AgentCore-Identity-WAT"  # noqa: S105 - a header's name
ACCESS_TOKEN_HEADER = "WorkloadAccessToken"  # noqa: S105 - a header's name
OAUTH2_CALLBACK_HEADER = "OAuth2CallbackUrl"
AUTHORIZATION_HEADER = "Authorization"

# https://docs.aws.amazon.com/bedrock-agentcore/latest/devguide/runtime-header-allowlist.html, by its own headings.
_RESERVED = frozenset(
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


def is_forwardable(name: str) -> bool:
    """Tell whether an agent may see the header of that name, in upper or lower case."""
    name = name.lower()
    if name in _RESERVED:
        return False
    if name.startswith("x-amz-"):
        return name == IDENTITY_TOKEN_HEADER.lower()
    return not name.startswith("x-amzn-") or name.startswith(CUSTOM_HEADER_PREFIX.lower())


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

"""Redaction: the removal of a request's credentials from texts that may quote the request.

AWS quotes signed headers in a refusal, some proxies quote the whole request, and either may get into an error. The
caller's own headers count as credentials too, except those known to be harmless: another may be a gateway's key.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from agentcore_mcp.wire.masking import masked
from agentcore_mcp.wire.operations import INVOKE

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx2

# The headers of a request, and the parameters of a presigned URL, that may be shown. In lower case.
_HARMLESS = {member.header.lower() for member in INVOKE.members} | {
    "accept-encoding",
    "content-length",
    "host",
    "user-agent",
    "accountid",
    "qualifier",
    "shellid",
    "x-amz-algorithm",
    "x-amz-content-sha256",
    "x-amz-credential",
    "x-amz-date",
    "x-amz-expires",
    "x-amz-signedheaders",
}
_SCHEMES = frozenset({"basic", "bearer"})
# Shorter values, such as "any" if no token is needed, may also be ordinary words: masking them would garble messages.
_SECRET_MIN_CHARS = 8


def redacted(text: str, request: httpx2.Request) -> str:
    """Return a text without the request's credentials, in any encoding.

    Args:
        text: A text that may quote the request.
        request: The request that was sent.
    """
    return masked(text, _secrets(request))


def _secrets(request: httpx2.Request) -> Iterator[str]:
    for name, value in (*request.headers.multi_items(), *request.url.params.multi_items()):
        if name.lower() in _HARMLESS:
            continue
        if len(value) >= _SECRET_MIN_CHARS:
            yield value
        scheme, _, credentials = value.partition(" ")
        if scheme.lower() in _SCHEMES and len(credentials) >= _SECRET_MIN_CHARS:
            yield credentials
        elif "Signature=" in value:
            yield value.rpartition("Signature=")[2]

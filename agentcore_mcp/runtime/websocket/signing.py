"""URLs and headers for a runtime's WebSocket: with signed headers, a bearer token, or a presigned URL.

For any WebSocket library, in this process, another one or a browser; ``handshake`` connects with them.
"""

from __future__ import annotations

import base64
import secrets
from typing import TYPE_CHECKING

import httpx2

from agentcore_mcp.errors import InvalidRequestError
from agentcore_mcp.runtime.auth.sigv4 import REGION_EXTENSION, SigV4Auth
from agentcore_mcp.runtime.requests import user_agent
from agentcore_mcp.wire.limits import PRESIGNED_MAX_S

if TYPE_CHECKING:
    from agentcore_mcp.wire.requests import Request

# A URL to connect to, and the headers for it.
Handshake = tuple[str, dict[str, str]]

# Random bytes of Sec-WebSocket-Key, RFC 6455, 4.1.
_KEY_BYTES = 16


def upgrade(url: str, asked: Request, *, region: str) -> httpx2.Request:
    """Return the upgrade request, to be passed to an auth flow.

    Args:
        url: The endpoint URL.
        asked: The request.
        region: The region to sign for.
    """
    return httpx2.Request(
        asked.method, url + asked.target, headers=asked.raw_headers, extensions={REGION_EXTENSION: region}
    )


def handshake(request: httpx2.Request) -> Handshake:
    """Return the URL to connect to, and all headers of an authorized upgrade.

    The session id is among the headers, and a signature covers it.
    """
    return _websocket_url(str(request.url)), _upgrade_headers(request)


def presigned_url(url: str, asked: Request, auth: SigV4Auth, *, region: str, expires_s: int) -> str:
    """Return a presigned URL, which needs no further headers and is a secret while it is valid.

    Args:
        url: The endpoint URL.
        asked: The request to upgrade, with everything in its query.
        auth: The signer.
        region: The region to sign for.
        expires_s: How many seconds the URL is valid, 1 to 300.

    Raises:
        InvalidRequestError: If ``expires_s`` is not 1 to 300.
        CredentialsError: If there are no usable credentials.
    """
    if not 1 <= expires_s <= PRESIGNED_MAX_S:
        raise InvalidRequestError(f"a presigned URL is valid for {expires_s!r} s, 1 to {PRESIGNED_MAX_S} are allowed")
    return _websocket_url(auth.presign(url + asked.target, region=region, expires_s=expires_s))


def _upgrade_headers(request: httpx2.Request) -> dict[str, str]:
    return {
        **{name.decode("ascii"): value.decode() for name, value in request.headers.raw},
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": base64.b64encode(secrets.token_bytes(_KEY_BYTES)).decode("ascii"),
        "User-Agent": user_agent(),
    }


def _websocket_url(url: str) -> str:
    return "ws" + url.removeprefix("http")

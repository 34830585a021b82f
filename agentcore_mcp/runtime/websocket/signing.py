"""What to connect to a runtime's WebSocket with: signed headers, a bearer token, or a URL that carries its signature.

It is for any WebSocket library, in this process, another one or a browser; ``handshake`` connects with it.
"""

from __future__ import annotations

import base64
import secrets
from typing import TYPE_CHECKING

import httpx2

from agentcore_mcp.errors import InvalidRequestError
from agentcore_mcp.runtime.auth.sigv4 import REGION_EXTENSION, SigV4Auth
from agentcore_mcp.runtime.endpoints import endpoint_for
from agentcore_mcp.runtime.requests import user_agent
from agentcore_mcp.wire.limits import PRESIGNED_MAX_S
from agentcore_mcp.wire.requests import websocket_request

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping

    from agentcore_mcp.wire.ids import RuntimeArn

# A URL to connect to, and the headers to do it with.
Handshake = tuple[str, dict[str, str]]

# Random bytes of Sec-WebSocket-Key, RFC 6455, 4.1.
_KEY_BYTES = 16


def handshakes(
    arn: RuntimeArn,
    auth: httpx2.Auth,
    *,
    session_id: str,
    qualifier: str | None = None,
    shell_id: str | None = None,
    headers: Mapping[str, str] | None = None,
    endpoint_url: str | None = None,
) -> Generator[Handshake, int, None]:
    """Yield the URL to connect to, and all headers of the request that does it; and again if sent a refusal's status.

    That is, if its sender has something else to prove itself with than what was refused. The session id is among the
    headers, and a signature covers it.

    Args:
        arn: The runtime.
        auth: How the requests prove who sends them.
        session_id: 33 to 256 visible ASCII characters.
        qualifier: The endpoint's name; None leaves the choice to the service (DEFAULT).
        shell_id: An interactive shell instead of the agent: 1 to 128 letters, digits, dashes and underscores.
        headers: Further headers, such as ``…-Runtime-Custom-*``.
        endpoint_url: Where to connect, instead of to the service's host for the ARN's region.

    Raises:
        InvalidRequestError: If an argument is outside these limits.
        CredentialsError: If there are no usable credentials.
    """
    asked = websocket_request(arn, session_id=session_id, qualifier=qualifier, shell_id=shell_id, headers=headers)
    request = httpx2.Request(
        asked.method,
        endpoint_for(arn, endpoint_url) + asked.target,
        headers=asked.raw_headers,
        extensions={REGION_EXTENSION: arn.region},
    )
    flow = auth.sync_auth_flow(request)
    request = next(flow)
    while True:
        status = yield _websocket_url(str(request.url)), _upgrade_headers(request)
        try:
            request = flow.send(httpx2.Response(status, request=request))
        except StopIteration:
            return


def presigned_url(
    arn: RuntimeArn,
    auth: SigV4Auth,
    *,
    session_id: str,
    qualifier: str | None = None,
    shell_id: str | None = None,
    headers: Mapping[str, str] | None = None,
    endpoint_url: str | None = None,
    expires_s: int = PRESIGNED_MAX_S,
) -> str:
    """Return the URL with which anyone can connect, without further headers, as long as it is valid.

    Session id and headers are parameters of it. Arguments are as for ``handshakes``; ``expires_s`` says for how many
    seconds from now it is valid, 1 to 300.

    Raises:
        InvalidRequestError, CredentialsError: As for ``handshakes``.
    """
    if not 1 <= expires_s <= PRESIGNED_MAX_S:
        raise InvalidRequestError(f"a presigned URL is valid for {expires_s!r} s, 1 to {PRESIGNED_MAX_S} are allowed")
    asked = websocket_request(
        arn, session_id=session_id, qualifier=qualifier, shell_id=shell_id, headers=headers, in_query=True
    )
    url = endpoint_for(arn, endpoint_url) + asked.target
    return _websocket_url(auth.presign(url, region=arn.region, expires_s=expires_s))


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

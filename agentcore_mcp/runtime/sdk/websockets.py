"""The WebSocket methods of AgentCoreRuntimeClient: URLs and headers to connect with, and connecting.

Each is for the agent's own ``/ws`` or, with a ``shell_id``, for an interactive shell in the session's environment.
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from agentcore_mcp.runtime.requests import new_session_id, parsed_arn
from agentcore_mcp.runtime.sdk.results import auth_of
from agentcore_mcp.runtime.timeouts import OPEN_TIMEOUT_S
from agentcore_mcp.runtime.websocket.signing import Handshake, handshake, presigned_url, upgrade
from agentcore_mcp.wire.limits import PRESIGNED_MAX_S
from agentcore_mcp.wire.requests import websocket_request

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Mapping

    import httpx2

    from agentcore_mcp.runtime.auth.sigv4 import SigV4Auth
    from agentcore_mcp.runtime.websocket.connection import RuntimeWebSocket
    from agentcore_mcp.wire.ids import Runtime


class WebSocketMethods:
    """See ``AgentCoreRuntimeClient``, also for the arguments."""

    _auth: httpx2.Auth
    _sigv4: SigV4Auth
    _url_for: Callable[[Runtime], str]

    def generate_ws_connection(
        self,
        runtime_arn: str,
        session_id: str | None = None,
        endpoint_name: str | None = None,
        *,
        shell_id: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> tuple[str, dict[str, str]]:
        """Return the URL to connect to and the headers for it, authorized by a signature or the client's ``auth``.

        They include ``Host``, ``Upgrade``, ``Connection`` and ``Sec-WebSocket-*``, as in the published package. Don't
        pass those to a WebSocket library that adds its own, or servers refuse the duplicates;
        ``agentcore_mcp.runtime.connect`` removes them.
        """
        return self._handshake(runtime_arn, None, session_id, endpoint_name, shell_id, headers)

    def generate_ws_connection_oauth(
        self,
        runtime_arn: str,
        bearer_token: str,
        session_id: str | None = None,
        endpoint_name: str | None = None,
        *,
        shell_id: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> tuple[str, dict[str, str]]:
        """Return what ``generate_ws_connection`` does, with a bearer token instead of a signature."""
        return self._handshake(runtime_arn, bearer_token or "", session_id, endpoint_name, shell_id, headers)

    def generate_presigned_url(
        self,
        runtime_arn: str,
        session_id: str | None = None,
        endpoint_name: str | None = None,
        custom_headers: Mapping[str, str] | None = None,
        expires: int = PRESIGNED_MAX_S,
        *,
        shell_id: str | None = None,
    ) -> str:
        """Return a URL for connecting without any headers, as a browser does: ``new WebSocket(url)``.

        It is a secret while it is valid: ``expires`` seconds, 1 to 300. The custom
        headers are in its query; the agent sees those named ``X-Amzn-Bedrock-AgentCore-Runtime-Custom-*`` as headers.
        """
        arn = parsed_arn(runtime_arn)
        asked = websocket_request(
            arn,
            session_id=session_id or new_session_id(),
            qualifier=endpoint_name or None,
            shell_id=shell_id,
            headers=custom_headers,
            in_query=True,
        )
        return presigned_url(self._url_for(arn), asked, self._sigv4, region=arn.region, expires_s=expires)

    @asynccontextmanager
    async def connect_ws(
        self,
        runtime_arn: str,
        bearer_token: str | None = None,
        *,
        session_id: str | None = None,
        endpoint_name: str | None = None,
        shell_id: str | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float = OPEN_TIMEOUT_S,  # noqa: ASYNC109 - for the upgrade and not for the block
    ) -> AsyncGenerator[RuntimeWebSocket, None]:
        """Connect, and close the connection at the end of the block. See ``agentcore_mcp.runtime.connect``.

        ``timeout`` is for the connection and the response to the upgrade, including a cold start of the agent.
        """
        from agentcore_mcp.runtime.websocket.connection import entered
        from agentcore_mcp.runtime.websocket.opening import upgraded

        auth, request = self._upgrade(runtime_arn, bearer_token, session_id, endpoint_name, shell_id, headers)
        async with entered(upgraded(auth, request, open_timeout_s=timeout)) as websocket:
            yield websocket

    def _handshake(self, *asked: Any) -> Handshake:
        auth, request = self._upgrade(*asked)
        return handshake(next(auth.sync_auth_flow(request)))

    def _upgrade(
        self,
        runtime_arn: str,
        bearer_token: str | None,
        session_id: str | None,
        endpoint_name: str | None,
        shell_id: str | None,
        headers: Mapping[str, str] | None,
    ) -> tuple[httpx2.Auth, httpx2.Request]:
        arn = parsed_arn(runtime_arn)
        asked = websocket_request(
            arn,
            session_id=session_id or new_session_id(),
            qualifier=endpoint_name or None,
            shell_id=shell_id,
            headers=headers,
        )
        return auth_of(bearer_token) or self._auth, upgrade(self._url_for(arn), asked, region=arn.region)

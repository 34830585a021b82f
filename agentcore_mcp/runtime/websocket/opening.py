"""Connecting with an auth flow, to the agent's own WebSocket or to an interactive shell."""

from __future__ import annotations

from contextlib import aclosing, asynccontextmanager
from typing import TYPE_CHECKING

import httpx2
from anyio.to_thread import run_sync

from agentcore_mcp.errors import AgentRuntimeError
from agentcore_mcp.runtime.auth.authorization import GuardedAuth
from agentcore_mcp.runtime.requests import new_session_id, parsed_arn
from agentcore_mcp.runtime.timeouts import OPEN_TIMEOUT_S
from agentcore_mcp.runtime.websocket.connection import entered
from agentcore_mcp.runtime.websocket.handshake import open_connection
from agentcore_mcp.runtime.websocket.shells import RuntimeShell
from agentcore_mcp.runtime.websocket.signing import handshake, upgrade
from agentcore_mcp.wire.requests import websocket_request

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping, Sequence
    from ssl import SSLContext

    from websockets.asyncio.client import ClientConnection

    from agentcore_mcp.runtime.client import RuntimeClient
    from agentcore_mcp.wire.ids import RuntimeArn

_BESIDE_MAX_S = 10


async def upgraded(
    auth: httpx2.Auth,
    request: httpx2.Request,
    *,
    open_timeout_s: float = OPEN_TIMEOUT_S,
    subprotocols: Sequence[str] = (),
    tls: SSLContext | None = None,
) -> tuple[ClientConnection, str]:
    """Like ``open_connection``, with an auth flow, which may add new credentials after a refusal.

    Args:
        auth: The flow.
        request: The request to upgrade.
        open_timeout_s: As for ``connect``.
        subprotocols: The subprotocols to offer.
        tls: The certificates to trust; None are the system's.

    Raises:
        CredentialsError: If there are no usable credentials.
        AgentCoreError: As for ``connect``.
    """
    async with aclosing(GuardedAuth(auth).async_auth_flow(request)) as flow:
        request = await anext(flow)
        while True:
            try:
                return await open_connection(*handshake(request), open_timeout_s, subprotocols, tls)
            except AgentRuntimeError as error:
                # The upgrade was refused, so nothing has run, and it can be repeated.
                try:
                    request = await flow.asend(httpx2.Response(error.status or 0, request=request))
                except StopAsyncIteration:
                    raise error from None


@asynccontextmanager
async def open_shell(
    client: RuntimeClient,
    arn: RuntimeArn | str,
    shell_id: str,
    *,
    session_id: str | None = None,
    qualifier: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> AsyncGenerator[RuntimeShell, None]:
    """Connect to an interactive shell in a session, a new or an existing one.

    Args:
        client: The client, for its settings.
        arn: The runtime's.
        shell_id: 1 to 128 letters, digits, dashes and underscores; the same id is the same shell.
        session_id: As for ``RuntimeClient.run_command``.
        qualifier: The endpoint's name; None leaves the choice to the service (DEFAULT).
        headers: Further headers, such as trace context.

    Raises:
        AgentCoreError: If an argument is not valid, or the upgrade fails, as for ``connect``.
    """
    runtime = parsed_arn(arn)
    session_id = new_session_id() if session_id is None else session_id
    asked = websocket_request(runtime, session_id=session_id, qualifier=qualifier, shell_id=shell_id, headers=headers)

    async def opened() -> tuple[ClientConnection, str]:
        request = upgrade(client.sender.url_for(runtime), asked, region=runtime.region)
        tls = await run_sync(client.sender.certificates.read) if request.url.scheme == "https" else None
        return await upgraded(client.auth, request, tls=tls)

    async def beside(command: str) -> None:
        async with client.run_command(
            runtime, command, session_id=session_id, timeout_s=_BESIDE_MAX_S, qualifier=qualifier, headers=headers
        ) as run:
            async for _ in run:
                pass

    async with RuntimeShell(lambda: entered(opened()), beside=beside, retries=client.sender.retries) as shell:
        yield shell

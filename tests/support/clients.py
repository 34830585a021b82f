"""A RuntimeClient that talks to a scripted loopback server."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from agentcore_mcp.runtime import NoAuth
from agentcore_mcp.runtime.client import RuntimeClient
from agentcore_mcp.runtime.retries import Retries
from tests.support.servers import Exchange, LoopbackServer, loopback_server

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    import httpx2

REGION = "eu-west-1"
ARN = f"arn:aws:bedrock-agentcore:{REGION}:123456789012:runtime/demo-abcdefghij"
SESSION_ID = "a-session-of-thirty-three-letters"
# A repeated request would hide what the first one met, and take its time.
ONCE = Retries(max_attempts=1)


@asynccontextmanager
async def client_of(
    answer: Callable[[Exchange], Awaitable[None]],
    *,
    auth: httpx2.Auth | None = None,
    path: str = "",
    retries: Retries = ONCE,
) -> AsyncIterator[tuple[RuntimeClient, LoopbackServer]]:
    async with (
        loopback_server(answer) as server,
        RuntimeClient(auth=auth or NoAuth(), endpoint_url=server.endpoint_url + path, retries=retries) as client,
    ):
        yield client, server

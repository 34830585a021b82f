"""Bearer tokens on requests. ``tokens`` and the modules of the token sources obtain the tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx2

from agentcore_mcp.errors import ConfigurationError
from agentcore_mcp.runtime.auth.authorization import authorize
from agentcore_mcp.runtime.auth.tokens import SENDABLE, Token, TokenCache, TokenSource, is_sendable, without_scheme

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Generator

# Before httpx2 repeats a request, it reads the refusal to the end, however slowly that arrives. So the connection is
# closed, and this replaces the body.
_UNREAD = b""


class BearerAuth(httpx2.Auth):
    """Sends an OAuth access token; after a 401, repeats the request once with a new token.

    The agent doesn't run twice: AgentCore's front door refuses a token before the request reaches the agent.

    Args:
        token: The token, or its source. A leading ``Bearer`` is removed.

    Raises:
        ConfigurationError: If the token is empty or has characters that a header can't carry.
    """

    requires_request_body = True

    def __init__(self, token: str | TokenSource) -> None:
        if isinstance(token, str):
            bare = without_scheme(token)
            if not is_sendable(bare):
                raise ConfigurationError(f"the bearer token ({len(token)} characters) can't be sent; {SENDABLE}")
            self._tokens = TokenCache(Token(bare))
        else:
            self._tokens = TokenCache(token)

    def auth_flow(self, request: httpx2.Request) -> Generator[httpx2.Request, httpx2.Response, None]:
        """Add the token, waiting for it in this thread.

        Raises:
            CredentialsError: If there is no token.
        """
        token = self._tokens.get()
        authorize(request, _bearer(token))
        response = yield request
        if response.status_code == httpx2.codes.UNAUTHORIZED:
            another = self._tokens.get(refused=token)
            if another == token:
                return
            if isinstance(response.stream, httpx2.SyncByteStream):
                response.stream.close()
            response.stream = httpx2.ByteStream(_UNREAD)
            authorize(request, _bearer(another))
            yield request

    async def async_auth_flow(self, request: httpx2.Request) -> AsyncGenerator[httpx2.Request, httpx2.Response]:
        """Add the token, waiting for it in this task.

        Raises:
            CredentialsError: If there is no token.
        """
        await request.aread()
        token = await self._tokens.aget()
        authorize(request, _bearer(token))
        response = yield request
        if response.status_code == httpx2.codes.UNAUTHORIZED:
            another = await self._tokens.aget(refused=token)
            if another == token:
                return
            if isinstance(response.stream, httpx2.AsyncByteStream):
                await response.stream.aclose()
            response.stream = httpx2.ByteStream(_UNREAD)
            authorize(request, _bearer(another))
            yield request


def _bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}

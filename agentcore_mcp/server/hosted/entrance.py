"""Puts the checks in front of the MCP endpoint together: authentication, authorization and limits."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from starlette.routing import Router

from agentcore_mcp.server.hosted.admin import Admin
from agentcore_mcp.server.hosted.challenges import Challenges
from agentcore_mcp.server.hosted.door import Door
from agentcore_mcp.server.hosted.gate import Gate
from agentcore_mcp.server.hosted.keys import key_client
from agentcore_mcp.server.hosted.limits import Limits
from agentcore_mcp.server.hosted.tokens import Tokens

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.applications import Starlette
    from starlette.types import ASGIApp

    from agentcore_mcp.server.hosted.gate import Check
    from agentcore_mcp.server.state import ServerState


def entrance(endpoint: ASGIApp, app: Starlette, state: ServerState) -> ASGIApp:
    """Return an app that passes requests on to an endpoint if its checks allow them.

    Args:
        endpoint: The MCP endpoint, with its wrappers.
        app: The SDK's app inside it; its lifespan is the server's.
        state: The server's state; its settings say what is checked.

    Raises:
        ConfigurationError: If the certificates to trust can't be read.
    """
    server = state.settings.server
    limits = Limits(state.settings, state.store).checks

    def inside(checks: list[Check], challenges: Challenges | None, lifespan: Any = None) -> Router:
        gate = Gate(endpoint, state, server.limits.body_bytes, checks) if checks else endpoint
        return Router(Admin(state, challenges).routes(), redirect_slashes=False, default=gate, lifespan=lifespan)

    if server.auth is None or server.public_url is None:
        return inside(limits, None, lambda _: app.router.lifespan_context(app))
    challenges = Challenges(server.auth, state.policy, server.public_url)
    # Scopes before limits: a call that is not allowed doesn't count towards a limit.
    gate = inside([challenges.check, *limits], challenges)
    http = key_client(server.auth)
    door = Door(gate, Tokens(server.auth, server.public_url, http), state.policy.scopes_of(), challenges)

    @asynccontextmanager
    async def lifespan(_: Router) -> AsyncIterator[None]:
        async with http, app.router.lifespan_context(app):
            yield

    return Router(challenges.metadata_routes(), redirect_slashes=False, default=door, lifespan=lifespan)

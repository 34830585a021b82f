"""Refusals of requests without a token, with a bad one, or with one that lacks scopes (RFC 6750, RFC 9728).

MCP clients start authorization, or ask for more scopes, in response to them.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from mcp.server.auth.routes import build_resource_metadata_url, create_protected_resource_routes
from pydantic import AnyHttpUrl, ConfigDict, TypeAdapter
from starlette.responses import JSONResponse
from starlette.routing import Route

from agentcore_mcp.errors import AgentCoreError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from agentcore_mcp.config.hosted import ServerAuth
    from agentcore_mcp.server.hosted.gate import ToolCall
    from agentcore_mcp.server.hosted.policy import Policy
    from agentcore_mcp.server.hosted.principals import Principal

# Characters that RFC 6750 forbids in the parameters of a challenge: they could end the parameter, or the header.
_NOT_ALLOWED = re.compile(r'[^\x20-\x7e]|["\\]')
# Without pydantic's slash after a URL that has no path: clients compare issuers character by character.
_URL = TypeAdapter(AnyHttpUrl, config=ConfigDict(url_preserve_empty_path=True))


class Challenges:
    """Makes the refusals.

    Args:
        auth: The accepted issuers.
        policy: Knows the required scopes.
        public_url: This server's public URL.
    """

    def __init__(self, auth: ServerAuth, policy: Policy, public_url: str) -> None:
        self._policy = policy
        self._resource = _URL.validate_python(public_url)
        self._issuers = [_URL.validate_python(issuer.issuer) for issuer in auth.issuers]
        self._metadata_url = str(build_resource_metadata_url(self._resource))

    def metadata_routes(self) -> list[Route]:
        """Return the routes of the metadata: at the root, and with the path of the public URL (RFC 9728)."""
        routes = create_protected_resource_routes(self._resource, self._issuers, self._policy.all_scopes or None)
        return [*routes, *(Route("/.well-known/oauth-protected-resource", route.endpoint) for route in routes)]

    async def check(self, call: ToolCall) -> JSONResponse | None:
        """Return the refusal of a call whose token lacks scopes, or may lack them; this is a check of the gate."""
        rules = []
        if self._policy.asks_for_agents:
            try:
                rules = [agent.allow for agent in await call.agents()]
            except AgentCoreError as error:
                # A moment later, the tool's own look-up might find an agent whose scopes were not checked.
                return call.refusal(503, error.message)
        return self.step_up(call.principal, self._policy.scopes_of(call.tool, rules))

    def step_up(self, principal: Principal, needed: frozenset[str]) -> JSONResponse | None:
        """Return the refusal of a request whose token lacks scopes; it names these and the token's own."""
        if not (missing := needed - principal.scopes):
            return None
        description = f"this needs the scope {' '.join(sorted(missing))}"
        return self.refusal(403, "insufficient_scope", description, principal.scopes | missing)

    def refusal(
        self, status: int, error: str = "", description: str = "", scopes: Iterable[str] | None = None
    ) -> JSONResponse:
        """Return a refusal with its challenge; ``scopes`` are what to ask for, by default all that the tools need."""
        parameters = {
            "error": error,
            "error_description": description,
            "scope": " ".join(sorted(self._policy.all_scopes if scopes is None else scopes)),
            "resource_metadata": self._metadata_url,
        }
        challenge = ", ".join(f'{name}="{_NOT_ALLOWED.sub("", value)}"' for name, value in parameters.items() if value)
        body: dict[str, Any] = {"error": error or "unauthorized"}
        if description:
            body["error_description"] = description
        return JSONResponse(body, status, {"WWW-Authenticate": f"Bearer {challenge}"})

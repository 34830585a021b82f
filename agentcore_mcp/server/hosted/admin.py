"""Lets operators list and stop open sessions: those of all callers, on all workers.

AWS has no API that lists sessions, and forgotten ones cost money. Operators ask over HTTP, beside the MCP endpoint and
behind the same checks of host names and tokens, with ``agentcore-mcp sessions``.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

from starlette.responses import JSONResponse
from starlette.routing import Route

from agentcore_mcp.errors import AgentCoreError
from agentcore_mcp.server.hosted.principals import current_principal
from agentcore_mcp.server.hosted.upstream import CallerAuth
from agentcore_mcp.wire.characters import visible
from agentcore_mcp.wire.loopback import is_loopback

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from agentcore_mcp.server.callers import Caller
    from agentcore_mcp.server.hosted.challenges import Challenges
    from agentcore_mcp.server.sessions import Session
    from agentcore_mcp.server.state import ServerState

PATH = "/sessions"
_FILTERS = ("session_id", "subject", "agent")

logger = logging.getLogger(__name__)


class Admin:
    """Answers operators. The query says which sessions: ``session_id``, ``subject`` and ``agent``, each repeatable.

    Args:
        state: The server's state, with its callers.
        challenges: Refuses tokens that lack the scope; None where no tokens are required.
    """

    def __init__(self, state: ServerState, challenges: Challenges | None) -> None:
        self._state = state
        self._challenges = challenges

    def routes(self) -> list[Route]:
        """Return the routes of the operators' requests."""
        return [Route(PATH, self._answer), Route(f"{PATH}/stop", self._answer, methods=["POST"])]

    async def _answer(self, request: Request) -> Response:
        if (refusal := self._refusal(request)) is not None:
            return refusal
        query, stop = request.query_params, request.method == "POST"
        wanted = {name: query.getlist(name) for name in _FILTERS if name in query}
        # If a misspelt filter were ignored, more sessions would be stopped than intended.
        understood = {*_FILTERS, "all"} >= query.keys() and query.get("all", "true") == "true"
        if not understood or (stop and not query):
            return _error(400, f"say which sessions in the query: all=true, or {', '.join(_FILTERS)}")
        try:
            found = await self._find(wanted)
        except AgentCoreError as error:
            return _error(503, error.message)
        outcomes = await asyncio.gather(*(_stopped(*one) for one in found)) if stop else [{}] * len(found)
        operator = current_principal()
        who = f"{operator.subject} of {operator.issuer}" if operator.subject else "somebody on this machine"
        asked = visible(f"{who} {'stopped' if stop else 'listed'} {wanted or 'all'}")
        logger.warning("operator: %s: %d sessions", asked, len(found))
        return JSONResponse({"sessions": [_shown(*one) | more for one, more in zip(found, outcomes, strict=True)]})

    def _refusal(self, request: Request) -> Response | None:
        auth = self._state.settings.server.auth
        if auth is None or self._challenges is None:
            local = request.client is not None and is_loopback(request.client.host)
            # Browsers are refused: any page can send a POST without a body, and a local one passes the Origin check.
            local = local and "origin" not in request.headers
            return None if local else _error(403, "without [server.auth], only the server's own machine is answered")
        return self._challenges.step_up(current_principal(), frozenset({auth.scopes.operate}))

    async def _find(self, wanted: dict[str, list[str]]) -> list[tuple[Caller, Session]]:
        found = [(caller, one) for caller in await self._state.everybody() for one in await caller.ledger.open()]
        return [
            (caller, session)
            for caller, session in found
            if caller.principal.subject in wanted.get("subject", [caller.principal.subject])
            and session.agent in wanted.get("agent", [session.agent])
            and session.session_id in wanted.get("session_id", [session.session_id])
        ]


async def _stopped(caller: Caller, session: Session) -> dict[str, str]:
    if isinstance(session.target.auth, CallerAuth) and caller.principal != current_principal():
        # A stop would be sent with the operator's own token.
        return {"status": "error", "error": "its agent takes the token of who opened it, so that only they can stop it"}
    try:
        outcome = await caller.stop(session)
    except AgentCoreError as error:
        return {"status": "error", "error": error.message}
    return {"status": "already_gone" if outcome.already_gone else "stopped"}


def _shown(caller: Caller, session: Session) -> dict[str, Any]:
    principal = caller.principal
    return {
        "session_id": session.session_id,
        "agent": session.agent,
        "principal": principal.key,
        "issuer": principal.issuer,
        "subject": principal.subject,
        "client": principal.client,
        "opened_at": round(session.opened_at),
        "used_at": round(session.used_at),
        "calls": session.calls,
    }


def _error(status: int, text: str) -> JSONResponse:
    return JSONResponse({"error": "not_done", "error_description": text}, status)

"""The front door: the ASGI app that takes requests in, checks them, and hands them to the operations.

It answers only what comes from this machine and not from a web page: a page open in a browser can send requests to
loopback addresses too, and behind this door is a shell.
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

import anyio

from agentcore_mcp.hosting.dataplane.bridge import bridge
from agentcore_mcp.hosting.dataplane.commands import command
from agentcore_mcp.hosting.dataplane.exchange import ClientGoneError, Exchange
from agentcore_mcp.hosting.dataplane.invocations import agent_card, invoke
from agentcore_mcp.hosting.dataplane.journal import Journal
from agentcore_mcp.hosting.dataplane.refusals import Refusal, invalid_field, not_found
from agentcore_mcp.hosting.dataplane.routes import (
    CARD,
    COMMAND,
    METADATA,
    SHELL,
    SOCKET,
    STOP,
    WEBSOCKET,
    Route,
    find_route,
)
from agentcore_mcp.hosting.dataplane.sockets import ClientSocket, SocketClosedError, refusing
from agentcore_mcp.hosting.dataplane.stops import Stops
from agentcore_mcp.hosting.dataplane.targets import LOOPBACK_NAMES
from agentcore_mcp.wire.operations import SESSION_HEADER, SESSION_ID_MAX_CHARS, SESSION_ID_MIN_CHARS

if TYPE_CHECKING:
    from collections.abc import Sequence

    import httpx2
    from starlette.types import Receive, Scope, Send

    from agentcore_mcp.hosting.dataplane.sessions import Sessions
    from agentcore_mcp.hosting.dataplane.targets import HostedAgent


class FrontDoor:
    """The ASGI app.

    Args:
        agents: What can be called.
        sessions: Where.
        client: What calls the agents.
        issuer_url: Who issues the tokens that are needed, if any are.
    """

    def __init__(
        self,
        agents: Sequence[HostedAgent],
        sessions: Sessions,
        client: httpx2.AsyncClient,
        *,
        issuer_url: str | None = None,
    ) -> None:
        self._agents = agents
        self._issuer_url = issuer_url
        self._sessions = sessions
        self._client = client
        self._stops = Stops(sessions)
        self._journal = Journal()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        request_id = str(uuid.uuid4())
        socket = None
        if scope["type"] == "websocket":
            exchange = Exchange(scope, receive, refusing(send), request_id=request_id)
            socket = ClientSocket(exchange, scope["subprotocols"], receive, send)
        else:
            exchange = Exchange(scope, receive, send, request_id=request_id)
        try:
            _check_origin(exchange.headers)
            match scope.get("method", WEBSOCKET), scope["path"]:
                case "GET", "/ping":
                    await exchange.answer_json(200, {"status": "Healthy"})
                case "GET", "/_local/sessions":
                    await exchange.answer_json(200, self._sessions.listing())
                case "GET", "/_local/requests":
                    await exchange.answer_json(200, self._journal.listing())
                case method, _:
                    route = find_route(method, scope["raw_path"], scope["query_string"])
                    exchange.entry = self._journal.open(request_id, route.operation)
                    await self._serve(exchange, route, socket)
        except Refusal as refusal:
            await exchange.refuse(refusal)
        finally:
            exchange.close()

    async def _serve(self, exchange: Exchange, route: Route, socket: ClientSocket | None) -> None:
        async with anyio.create_task_group() as tasks:
            if socket is None:
                tasks.start_soon(exchange.watch)
            try:
                await self._operate(exchange, route, socket)
            except Refusal as refusal:
                # Here and not outside: a task group would wrap it.
                await exchange.refuse(refusal)
            except (ClientGoneError, SocketClosedError):
                pass
            tasks.cancel_scope.cancel()

    async def _operate(self, exchange: Exchange, route: Route, socket: ClientSocket | None) -> None:
        hosted = route.find(self._agents)
        if route.operation == METADATA:
            await self._protected_resource(exchange, hosted, route)
            return
        session_id = _session_id(exchange.headers, route)
        exchange.in_session(session_id)
        if route.operation == STOP:
            await self._stops.stop(exchange, hosted, session_id)
            return
        with self._sessions.enter(hosted, session_id) as session:
            if socket is not None:
                await bridge(socket, session, route.query)
            elif route.operation == COMMAND:
                await command(exchange, session)
            elif route.operation == CARD:
                await agent_card(exchange, session, self._client)
            else:
                await invoke(exchange, session, self._client)

    async def _protected_resource(self, exchange: Exchange, hosted: HostedAgent, route: Route) -> None:
        """Answer as RFC 9728 says, so that a client without a token finds out who issues them."""
        if self._issuer_url is None:
            raise not_found(f"The agent '{route.runtime}' takes no tokens")
        resource = f"http://{exchange.headers['host']}/runtimes/{quote(str(hosted.arn), safe='')}/invocations"
        if qualifier := route.query.get("qualifier"):
            resource += f"?qualifier={quote(qualifier, safe='')}"
        await exchange.answer_json(200, {"resource": resource, "authorization_servers": [self._issuer_url]})


def _check_origin(headers: dict[str, str]) -> None:
    try:
        host = urlsplit(f"//{headers.get('host', '')}").hostname
    except ValueError:
        host = None
    if host not in LOOPBACK_NAMES or "origin" in headers:
        raise Refusal("AccessDeniedException", "The local AgentCore does not answer web pages or other hosts' names")


def _session_id(headers: dict[str, str], route: Route) -> str:
    session_id = headers.get(SESSION_HEADER.lower())
    if session_id is None and route.operation in (SOCKET, SHELL):
        # A presigned URL has it in its query.
        session_id = route.query.get(SESSION_HEADER)
    if session_id is None and route.operation != STOP:
        return str(uuid.uuid4())
    length = len(session_id or "")
    if length < SESSION_ID_MIN_CHARS:
        constraint = f"Member must have length greater than or equal to {SESSION_ID_MIN_CHARS}"
    elif length > SESSION_ID_MAX_CHARS:
        constraint = f"Member must have length less than or equal to {SESSION_ID_MAX_CHARS}"
    else:
        return session_id or ""
    raise invalid_field("runtimeSessionId", constraint)

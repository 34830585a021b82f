"""The front door: the ASGI app that receives requests, checks them, and dispatches them to the operations.

It refuses requests from web pages and for other hosts' names: a page open in a browser can send requests to loopback
addresses too, and the operations include a shell.
"""

from __future__ import annotations

import logging
import uuid
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import anyio

from agentcore_mcp.local.callers.issuer import PATH as ISSUER_PATH
from agentcore_mcp.local.line.exchange import ClientGoneError, Exchange
from agentcore_mcp.local.line.faults import FAULT_HEADER, SpoiltSend
from agentcore_mcp.local.line.journal import Journal
from agentcore_mcp.local.line.refusals import Refusal
from agentcore_mcp.local.line.routes import ENDPOINTS, WEBSOCKET, Route, find_route
from agentcore_mcp.local.line.sockets import ClientSocket, SocketClosedError, refusing
from agentcore_mcp.local.line.validation import check_members, headers_in
from agentcore_mcp.local.operations.bridge import bridge
from agentcore_mcp.local.operations.commands import command
from agentcore_mcp.local.operations.endpoints import proxy
from agentcore_mcp.local.operations.harnesses import harness
from agentcore_mcp.local.operations.invocations import agent_card, invoke
from agentcore_mcp.local.operations.runtimes import runtimes
from agentcore_mcp.local.operations.shells import Shells
from agentcore_mcp.local.operations.stops import Stops
from agentcore_mcp.wire.loopback import is_loopback
from agentcore_mcp.wire.operations import CARD, COMMAND, DESCRIBE, HARNESS, INVOKE, LIST, METADATA, PROXY, SHELL, STOP
from agentcore_mcp.wire.refusals import CANNOT_PARSE
from agentcore_mcp.wire.requests import target_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    import httpx2
    from anyio.abc import TaskGroup
    from starlette.types import Receive, Scope, Send

    from agentcore_mcp.local.callers.gate import Gate
    from agentcore_mcp.local.line.faults import Faults, Plan
    from agentcore_mcp.local.sandbox.sessions import Sessions
    from agentcore_mcp.local.sandbox.targets import HostedAgent


class FrontDoor:
    """The ASGI app.

    Args:
        agents: The hosted agents.
        sessions: Their sessions.
        client: The HTTP client that calls them.
        gate: Authenticates callers.
        faults: The faults to inject.
        tasks: Runs work that continues after its response was cut.
    """

    def __init__(
        self,
        agents: Sequence[HostedAgent],
        sessions: Sessions,
        client: httpx2.AsyncClient,
        *,
        gate: Gate,
        faults: Faults,
        tasks: TaskGroup,
    ) -> None:
        self._agents = {agent.arn: agent for agent in agents}
        self._gate = gate
        self._faults = faults
        self._tasks = tasks
        self._sessions = sessions
        self._client = client
        self._stops = Stops(sessions)
        self._shells = Shells()
        self._journal = Journal()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        request_id = str(uuid.uuid4())
        socket = None
        if scope["type"] == "websocket":
            exchange = Exchange(scope, receive, refusing(send), request_id=request_id)
            socket = ClientSocket(exchange, scope["subprotocols"])
        else:
            exchange = Exchange(scope, receive, send, request_id=request_id)
        try:
            _check_head(exchange.headers, scope["path"])
            match scope.get("method", WEBSOCKET), scope["path"]:
                case "GET", "/ping":
                    await exchange.answer_json(200, {"status": "Healthy"})
                case "GET", "/_local/sessions":
                    await exchange.answer_json(200, self._sessions.listing())
                case "GET", "/_local/requests":
                    await exchange.answer_json(200, self._journal.listing())
                case method, path if self._gate.issuer is not None and path.startswith(f"{ISSUER_PATH}/"):
                    await self._gate.issuer.answer(exchange, method, path)
                case method, _:
                    route = find_route(method, scope["raw_path"], scope["query_string"])
                    exchange.entry = self._journal.open(request_id, route.operation.name)
                    plan = self._faults.plan(exchange.headers.get(FAULT_HEADER.lower()))
                    await self._spoil(exchange, plan, partial(self._serve, exchange, scope, route, socket, plan))
        except Refusal as refusal:
            await exchange.refuse(refusal)
        except ClientGoneError:
            pass
        finally:
            # A response that is incomplete at this point has been cut.
            exchange.note("failed")

    async def _spoil(self, exchange: Exchange, plan: Plan, serve: Callable[[], Awaitable[None]]) -> None:
        """Serve with the planned faults in the response."""
        over = anyio.Event()
        if plan.spoils_answer:
            exchange.wrap_send(lambda send: SpoiltSend(send, plan, over.set))
        if plan.cut_after is None:
            await serve()
            return

        async def work() -> None:
            await serve()
            exchange.note("failed")
            over.set()

        # Returning closes the connection; the work continues after that.
        self._tasks.start_soon(work)
        await over.wait()

    async def _serve(
        self, exchange: Exchange, scope: Scope, route: Route, socket: ClientSocket | None, plan: Plan
    ) -> None:
        async with anyio.create_task_group() as tasks:
            if socket is None:
                # An agent continues without its client; a proxied request is cancelled, as no one needs its response.
                on_leave = tasks.cancel_scope.cancel if route.operation == PROXY else lambda: None
                tasks.start_soon(exchange.watch, on_leave)
            try:
                # The control plane takes no tokens, and with an issuer no AWS keys are accepted; it is open then.
                if route.operation not in (METADATA, *([LIST, DESCRIBE] if self._gate.issuer else [])):
                    await self._gate.check(exchange, scope)
                plan.refuse()
                await self._operate(exchange, route, socket, plan)
            except Refusal as refusal:
                # Caught here, because the task group would wrap it.
                await exchange.refuse(refusal)
            except (ClientGoneError, SocketClosedError):
                pass
            except Exception as exc:
                logging.getLogger(__name__).exception("request %s failed", exchange.request_id)
                why = f"The local AgentCore failed, its standard error says where: {type(exc).__name__}"
                await exchange.refuse(Refusal("InternalServerException", why))
            tasks.cancel_scope.cancel()

    async def _operate(self, exchange: Exchange, route: Route, socket: ClientSocket | None, plan: Plan) -> None:
        if socket is not None:
            # A presigned URL carries headers in its query.
            exchange.headers = headers_in(route.query) | exchange.headers
        if route.operation == PROXY:
            if (found := self._sessions.at_endpoint(route.runtime)) is None:
                raise Refusal("ResourceNotFoundException", "There is no such session, or no longer")
            exchange.in_session(found.id, agent=found.hosted.name)
            with found.busy():
                await proxy(exchange, socket, found, self._client, route)
            return
        if route.operation in (LIST, DESCRIBE):
            authorizer = self._gate.issuer.authorizer if self._gate.issuer else {}
            await runtimes(exchange, route.runtime, self._agents.values(), self._sessions.limits, authorizer)
            return
        check_members(route.operation, exchange.headers, route.query)
        hosted = self._agents[route.find(self._agents)]
        if route.operation == METADATA:
            await self._protected_resource(exchange, hosted, route)
            return
        session_id = self._sessions.id_for(hosted, exchange.headers)
        exchange.in_session(session_id, agent=hosted.name)
        if route.operation == STOP:
            await self._stops.stop(exchange, hosted, session_id)
            return
        with self._sessions.enter(hosted, session_id) as session:
            await session.start(with_agent=route.operation not in (COMMAND, SHELL), delay_s=plan.cold_start_s)
            if socket is not None:
                if route.operation == SHELL:
                    await self._shells.connect(socket, session, route.query)
                else:
                    await bridge(socket, session)
            elif route.operation == COMMAND:
                await command(exchange, session)
            elif route.operation == HARNESS:
                await harness(exchange, session, self._client)
            elif route.operation == CARD:
                await agent_card(exchange, session, self._client)
            else:
                await invoke(exchange, session, self._client)

    async def _protected_resource(self, exchange: Exchange, hosted: HostedAgent, route: Route) -> None:
        """Return the protected-resource metadata (RFC 9728) that leads a client without a token to the issuer."""
        if self._gate.issuer is None:
            raise Refusal("ResourceNotFoundException", f"The agent '{route.runtime}' takes no tokens")
        target = target_of(hosted.arn, INVOKE, {"qualifier": route.query.get("qualifier") or None})
        resource = f"http://{exchange.headers['host']}{target}"
        await exchange.answer_json(200, {"resource": resource, "authorization_servers": [self._gate.issuer.url]})


def _check_head(headers: dict[str, str], path: str) -> None:
    try:
        host = urlsplit(f"//{headers.get('host', '')}").hostname
    except ValueError:
        host = None
    # Pages served by a session have this origin, and may call the session's own server.
    own = f"http://{headers.get('host')}" if path.startswith(ENDPOINTS) else None
    if not is_loopback(host or "") or headers.get("origin", own) != own:
        raise Refusal("AccessDeniedException", "The local AgentCore does not answer web pages or other hosts' names")
    if "content-length" in headers and "transfer-encoding" in headers:
        # A proxy in between may disagree about where the request ends (RFC 9112, 6.3).
        message = "the request has both Content-Length and Transfer-Encoding"
        raise Refusal("ValidationException", message, reason=CANNOT_PARSE)

"""MCP: the transport through which an MCP client, such as that of the package ``mcp``, calls a runtime.

Each message is an InvokeAgentRuntime, sent as ``RuntimeClient.invoke`` does: signed, repeated only where that is safe,
in the given AgentCore session. Of streamable HTTP, AgentCore supports only POST. This transport answers a GET, with
which a client listens for messages from the server, and a DELETE with 405, as MCP provides.

The state of an MCP connection is the negotiated result and an ``Mcp-Session-Id``. ``kept`` has both: a client that
connects with it continues the MCP session without a further request, from another process too. AgentCore adds an
``Mcp-Session-Id`` to the answers of a server without sessions, which is the AgentCore session id according to AWS's
documentation. It is sent back nevertheless.
"""

from __future__ import annotations

import json
from contextlib import AsyncExitStack, suppress
from typing import TYPE_CHECKING, Any

import anyio
import httpx2

from agentcore_mcp.errors import AgentCoreError, AgentError, AgentRuntimeError
from agentcore_mcp.runtime.requests import new_session_id, parsed_arn
from agentcore_mcp.wire.headers import MCP, SSE_TYPE
from agentcore_mcp.wire.ids import SERVICE
from agentcore_mcp.wire.operations import INVOKE
from agentcore_mcp.wire.requests import target_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from agentcore_mcp.runtime.bodies import Invocation
    from agentcore_mcp.runtime.protocols.turn import Route

_MCP_SESSION = MCP[0].header.lower()
# The first request in MCP 2026-07-28, and in earlier versions.
_DISCOVER, _INITIALIZE = "server/discover", "initialize"
_INTERNAL_ERROR, _METHOD_NOT_FOUND, _UNSUPPORTED_VERSION = -32603, -32601, -32022
# Limit of the result stored with a session; a longer negotiation is repeated each time.
_KEPT_MAX_CHARS = 4_000
# AgentCore's message for a server's 404, which means that the server doesn't know the MCP session.
_SESSION_GONE = "Received error (404)"


class McpTransport(httpx2.AsyncBaseTransport):
    """Carries the messages of one MCP client to a runtime, as the transport of an ``httpx2.AsyncClient``.

    A refusal becomes a JSON-RPC error with the exception's message. A refusal of the first message is raised instead,
    unless the server itself refuses it, such as for an unknown method; a broken-off answer is raised too.

    Args:
        route: The route to the runtime.
        session_id: The AgentCore session, 33 to 256 visible ASCII characters; a new one by default.
        kept: ``kept`` of an earlier connection in the session.

    Attributes:
        url: The server's URL for the MCP client. It only names the runtime; the route determines the real host.
        session_id: The AgentCore session that answers.
        request_id: The id of the last answer that AWS support asks for, when there is one.
        kept: A small JSON object: the negotiated result, and the ``Mcp-Session-Id``.
        failure: Why the last message had no complete answer, else None.
        cancelled: Set once a ``notifications/cancelled`` was sent to the server.
        is_outdated: Whether the server doesn't know the MCP session of ``kept``; then connect again without it.
    """

    def __init__(self, route: Route, session_id: str | None = None, kept: Mapping[str, Any] | None = None) -> None:
        self.url = f"https://{SERVICE}{target_of(parsed_arn(route.runtime), INVOKE, {'qualifier': route.qualifier})}"
        self.session_id = new_session_id() if session_id is None else session_id
        self.request_id: str | None = None
        self.kept: dict[str, Any] = dict(kept or {})
        self.failure: AgentCoreError | None = None
        self.cancelled = anyio.Event()
        self.is_outdated = False
        self._route = route
        self._remembers = self.kept.get("method", "")
        # Cleared while ``server/discover`` is in progress.
        self._discovered = anyio.Event()
        self._discovered.set()

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send a message.

        Raises:
            AgentCoreError: As the class says.
        """
        if request.method != "POST":
            return httpx2.Response(405)
        body = await request.aread()
        message = json.loads(body)
        method = message.get("method")
        if method == _INITIALIZE and (late := await self._discovered_late(message)) is not None:
            return late
        if self._remembers and (remembered := self._remembered(method, message.get("id"))) is not None:
            return remembered
        self.failure = None
        headers = {name: value for name, value in request.headers.items() if name.startswith("mcp-")}
        if "session" in self.kept and method not in (_DISCOVER, _INITIALIZE):
            headers[_MCP_SESSION] = self.kept["session"]
        async with AsyncExitStack() as stack:
            if method == _DISCOVER:
                self._discovered = anyio.Event()
                stack.callback(self._discovered.set)
            try:
                sent = self._route.invoke(body, self.session_id, headers=headers)
                invocation = await stack.enter_async_context(sent)
            except AgentCoreError as error:
                return self._refused(error, method)
            # Once a message was accepted, a later refusal, as of a response, no longer means that nothing was done.
            self._remembers = ""
            self.session_id, self.request_id = invocation.session_id, invocation.request_id
            if _MCP_SESSION in invocation.headers:
                self.kept["session"] = invocation.headers[_MCP_SESSION]
            if method == "notifications/cancelled":
                self.cancelled.set()
            head = {**invocation.headers, "content-type": SSE_TYPE}
            return httpx2.Response(
                invocation.status, headers=head, stream=_Events(self, method, invocation, stack.pop_all())
            )

    def _refused(self, error: AgentCoreError, method: str) -> httpx2.Response:
        self.failure = error
        if method in (_DISCOVER, _INITIALIZE) and not isinstance(error, AgentError):
            raise error
        self.is_outdated = self._remembers == _INITIALIZE and _SESSION_GONE in error.message
        status = error.status if isinstance(error, AgentRuntimeError) and error.status else 502
        return _answer(status, None, error={"code": _INTERNAL_ERROR, "message": error.message})

    async def _discovered_late(self, message: dict[str, Any]) -> httpx2.Response | None:
        """Wait for the answer to ``server/discover``; for a newer server have the client repeat it, answered here.

        An agent's cold start may exceed the 10 s after which the SDK's client falls back to ``initialize``.
        """
        if self._discovered.is_set():
            return None
        await self._discovered.wait()
        supported = self.kept.get("result", {}).get("supportedVersions", [])
        requested = message["params"]["protocolVersion"]
        if self.kept.get("method") != _DISCOVER or requested in supported:
            return None
        self._remembers = _DISCOVER
        error = {"code": _UNSUPPORTED_VERSION, "message": "it speaks a newer version"}
        return _answer(200, message["id"], error=error | {"data": {"supported": supported, "requested": requested}})

    def _remembered(self, method: str, message_id: object) -> httpx2.Response | None:
        """Answer the first messages of a connection with the server's earlier results."""
        if method == self._remembers:
            answer = _answer(200, message_id, result=self.kept["result"])
            answer.headers.update({_MCP_SESSION: self.kept["session"]} if "session" in self.kept else {})
            return answer
        if method == _DISCOVER:
            return _answer(200, message_id, error={"code": _METHOD_NOT_FOUND, "message": "it speaks an older version"})
        return httpx2.Response(202) if method == "notifications/initialized" else None

    def remember(self, method: str, said: str) -> None:
        """Keep the server's result of a first message, without ``instructions``."""
        with suppress(ValueError, KeyError, AttributeError):
            result = json.loads(said)["result"]
            result.pop("instructions", None)
            if len(json.dumps(result)) <= _KEPT_MAX_CHARS:
                self.kept |= {"method": method, "result": result}


class _Events(httpx2.AsyncByteStream):
    """An answer as server-sent events, even a single message; without ids, as a stream can't be resumed."""

    def __init__(
        self, transport: McpTransport, method: str, invocation: Invocation, until_closed: AsyncExitStack
    ) -> None:
        self._transport = transport
        self._method = method
        self._invocation = invocation
        self._until_closed = until_closed

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            async for piece in self._invocation:
                if self._method in (_DISCOVER, _INITIALIZE):
                    self._transport.remember(self._method, piece)
                # A line break in JSON is white space.
                yield b"data: %b\n\n" % " ".join(piece.split("\n")).replace("\r", " ").encode()
        except AgentCoreError as error:
            self._transport.failure = error
            raise

    async def aclose(self) -> None:
        await self._until_closed.aclose()


def _answer(status: int, message_id: object, **members: object) -> httpx2.Response:
    return httpx2.Response(status, json={"jsonrpc": "2.0", "id": message_id, **members})

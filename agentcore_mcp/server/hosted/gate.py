"""The gate: checks a tool call before any of it runs, while it can still be refused with an HTTP status.

It stands behind the door, so ``current_principal()`` is the caller. Only tool calls, and the tasks that they have
become, are checked: no other request reaches an agent.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

from mcp.types import PARSE_ERROR
from starlette.datastructures import Headers
from starlette.responses import JSONResponse

from agentcore_mcp.errors import InvalidRequestError
from agentcore_mcp.server.arguments import given_text
from agentcore_mcp.server.hosted.principals import current_principal
from agentcore_mcp.server.live.tasks import handle_of
from agentcore_mcp.server.sessions import means_all

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from starlette.responses import Response
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from agentcore_mcp.config import Agent
    from agentcore_mcp.server.callers import Caller
    from agentcore_mcp.server.state import ServerState

_ASK = "ask_"
# One of the error codes that MCP leaves to implementations.
REFUSED = -32003
# The Retry-After of a refusal, in seconds, if it isn't known how long it will hold.
AGAIN_S = 5
# JSON strings may have lone surrogates, which strict UTF-8 can't encode.
_SURROGATES = "surrogatepass"
# Compact, so as a rule no longer than the body received: the SDK has a size limit of its own.
_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


class ToolCall:
    """A tool call as its request has it; the tool and its arguments may not exist.

    Attributes:
        request_id: The id of the request, whatever that is.
        principal: The caller, by this request's own token; ``ANYBODY`` where no token is required.
        caller: The state that all calls of the principal share.
        tool: The tool's name; ``invoke_agent`` also for ``ask_NAME``, ``call_agent_tool``, and ``list_agents`` with an
            agent, which lists the tools of one that is an MCP server.
        arguments: Its arguments.
        until_answered: Is closed when the request has been answered. A call that is handed over goes on after that.
    """

    def __init__(
        self, request_id: Any, caller: Caller, tool: str, arguments: Mapping[str, Any], until_answered: AsyncExitStack
    ) -> None:
        self.request_id = request_id
        self.principal = current_principal()
        self.caller = caller
        asked = tool.startswith(_ASK)
        listed = tool == "list_agents" and given_text(arguments, "agent")
        self.tool = "invoke_agent" if asked or listed or tool == "call_agent_tool" else tool
        self.arguments = arguments
        self.until_answered = until_answered
        self._named = tool.removeprefix(_ASK) if asked else given_text(arguments, "agent")
        self._agents: list[Agent] | None = None

    async def agents(self) -> list[Agent]:
        """Return the agents that the tool will find: several if it stops all sessions, else one at most.

        If there are none, the tool itself refuses a call that needs one: the caller may reach no agent of that name, or
        the call names no agent and nothing else tells which.

        Raises:
            AgentCoreError: If the account's agents have to be listed for this, and can't be.
        """
        if self._agents is None:
            try:
                self._agents = await self._find()
            except InvalidRequestError:
                self._agents = []
        return self._agents

    def refusal(self, status: int, text: str, after_s: int = AGAIN_S) -> JSONResponse:
        """Return the answer to a call that may be repeated later, in a form that MCP clients show as its error."""
        answer = {"jsonrpc": "2.0", "id": self.request_id, "error": {"code": REFUSED, "message": text}}
        return JSONResponse(answer, status, {"Retry-After": str(after_s)})

    async def _find(self) -> list[Agent]:
        session_id = given_text(self.arguments, "session_id")
        handle = given_text(self.arguments, "handle")
        if handle and self.tool != "stop_session":
            return [(await self.caller.calls.named(handle)).session.target.agent]
        if self.tool == "stop_session" and means_all(session_id) and not self._named:
            return [session.target.agent for session in await self.caller.ledger.open()]
        if self.tool in ("list_agents", "read_output"):
            return []
        return [(await self.caller.target(self._named, session_id)).agent]


# Returns the refusal of a call, or None. Checks after the first refusal don't run.
Check = Callable[[ToolCall], Awaitable["Response | None"]]


class Gate:
    """An app that reads the body of each POST once, and lets a call of a tool through if no check refuses it.

    Args:
        app: Answers the requests that are let through.
        state: The server's state, with its callers.
        body_bytes: The maximum size of a body.
        checks: The checks, in the order they run.
    """

    def __init__(self, app: ASGIApp, state: ServerState, body_bytes: int, checks: Sequence[Check]) -> None:
        self._app = app
        self._state = state
        self._body_bytes = body_bytes
        self._checks = checks

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http" or scope["method"] != "POST":
            await self._app(scope, receive, send)
            return
        body = bytearray()
        # uvicorn reads exactly as much as Content-Length announces.
        length = int(Headers(scope=scope).get("content-length", 0))
        message: Message = {"more_body": True}
        while message.get("more_body") and length <= self._body_bytes:
            message = await receive()
            if message["type"] != "http.request":
                return  # The client has disconnected before its body was complete.
            body += message.get("body", b"")
            length = max(length, len(body))
        if length > self._body_bytes:
            description = f"the request has more than {self._body_bytes} bytes, which is the limit here"
            answer: dict[str, Any] = {"error": "request_too_large", "error_description": description}
            # The rest of the body is not read, so the connection can't be reused.
            await JSONResponse(answer, 413, {"Connection": "close"})(scope, receive, send)
            return
        try:
            said = json.loads(body)
            # Encoded anew: the SDK parses it again, by one of two parsers, which must see the same as the checks.
            unread: list[Message] = [{"type": "http.request", "body": _ENCODER.encode(said).encode(errors=_SURROGATES)}]
        except (ValueError, RecursionError):
            answer = {"jsonrpc": "2.0", "id": None, "error": {"code": PARSE_ERROR, "message": "the body is not JSON"}}
            await JSONResponse(answer, 400)(scope, receive, send)
            return

        async def replay() -> Message:
            return unread.pop() if unread else await receive()

        async with AsyncExitStack() as until_answered:
            refusal = await self._refusal(said, until_answered)
            await (self._app if refusal is None else refusal)(scope, replay, send)

    async def _refusal(self, said: Any, until_answered: AsyncExitStack) -> Response | None:
        match said:
            case {"method": "tools/call", "params": {"name": str(tool), "arguments": dict(given)}}:
                pass
            case {"method": "tools/call", "params": {"name": str(tool)}}:
                given = {}
            case {"method": "tasks/get" | "tasks/cancel", "params": {"taskId": str(task_id)}}:
                # Getting or cancelling a task counts as ``watch_call`` of its call.
                tool, given = "watch_call", {"handle": handle_of(task_id)}
            case _:
                # Left to the SDK, which refuses batches.
                return None
        caller = self._state.caller(current_principal())
        call = ToolCall(said.get("id"), caller, tool, given, until_answered)
        for check in self._checks:
            if (refusal := await check(call)) is not None:
                return refusal
        return None

"""Agents that are MCP servers: calls one of their tools, or lists all of them.

A connection is for one call. The SDK's client makes it, in the newest version that both support. From the second call
of a session on, it costs no request: the negotiated version and the ``Mcp-Session-Id`` are kept with the session. One
that outlived its call would bind the session to a worker, and might give one caller's MCP session to another.
"""

from __future__ import annotations

import asyncio
import json
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import anyio
import httpx2
from mcp import Client
from mcp.client.session import ClientRequestContext
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.exceptions import MCPError
from mcp.types import (
    CONNECTION_CLOSED,
    PARSE_ERROR,
    CallToolRequest,
    CallToolRequestParams,
    CallToolResult,
    ErrorData,
    Implementation,
    InputRequiredResult,
    InputResponses,
    TextContent,
    Tool,
)
from mcp.types.version import HANDSHAKE_PROTOCOL_VERSIONS
from pydantic import TypeAdapter, ValidationError

from agentcore_mcp.errors import AgentCoreError, AgentError, ProtocolError, StreamInterruptedError
from agentcore_mcp.runtime.protocols.mcp import McpTransport
from agentcore_mcp.server.hosted.tracing import traced
from agentcore_mcp.server.hosted.upstream import user_id_of
from agentcore_mcp.server.protocols.asking import route_to
from agentcore_mcp.server.spool import FILE_MAX_BYTES
from agentcore_mcp.wire.characters import visible
from agentcore_mcp.wire.headers import JSON_TYPE
from agentcore_mcp.wire.pieces import Binary

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from mcp.client.session import ElicitationFnT
    from mcp.types import ContentBlock

    from agentcore_mcp.server.call import Call
    from agentcore_mcp.server.callers import Caller

# The same as in the SDK's own driver.
_ROUNDS_MAX = 10
# The limit for a server that never ends its list.
_PAGES_MAX = 100
# For sending the cancellation of a request.
_CANCEL_LIMIT_S = 2.0
_ANSWERED: TypeAdapter[CallToolResult | InputRequiredResult] = TypeAdapter(CallToolResult | InputRequiredResult)


async def call_tool(caller: Caller, call: Call, tool: str, arguments: dict[str, Any], ask: ElicitationFnT) -> None:
    """Call a tool; its unchanged result becomes the call's body, and its text the call's output.

    The SDK's own ``call_tool`` would list all tools first, and raise where a result doesn't fit its tool's schema,
    although the tool has run.

    Args:
        caller: Whose call it is.
        call: The call.
        tool: The tool.
        arguments: Its arguments.
        ask: Asks the user the tool's questions.

    Raises:
        AgentError: If the server answers with an error of the protocol.
        AgentCoreError: As ``RuntimeClient.invoke`` does.
    """

    async def on_progress(progress: float, total: float | None, message: str | None) -> None:
        done = f"{progress:g}/{total:g}" if total else f"{progress:g}"
        call.note(f"[{done}] {message}\n" if message else f"[{done}]\n")

    async def work(client: Client) -> None:
        answers, state = None, None
        for _ in range(_ROUNDS_MAX):
            params = CallToolRequestParams(name=tool, arguments=arguments, input_responses=answers, request_state=state)
            answered = await client.session.send_request(
                CallToolRequest(params=params), _ANSWERED, progress_callback=on_progress
            )
            if isinstance(answered, CallToolResult):
                whole = answered.model_dump_json(by_alias=True, exclude_none=True).encode()
                call.body = Binary.of(whole, JSON_TYPE)
                call.add("text", text_of(answered))
                return
            answers, state = await _answers(client, answered), answered.request_state
        raise ProtocolError(f"the tool {tool!r} asked for input {_ROUNDS_MAX} times, and was not asked again")

    await _connected(caller, call, work, ask)


async def list_tools(caller: Caller, call: Call) -> None:
    """Add the tools of a server to the call's output: for each, its description and its arguments' schema.

    Raises:
        AgentCoreError: As ``call_tool`` does.
    """

    async def work(client: Client) -> None:
        cursor = None
        for _ in range(_PAGES_MAX):
            page = await client.list_tools(cursor=cursor)
            call.add("text", "".join(map(_described, page.tools)))
            cursor = page.next_cursor
            if cursor is None:
                return

    await _connected(caller, call, work)


def text_of(result: CallToolResult) -> str:
    """Return a result as text, without images and the like: its texts, plus the structured content if that has more."""
    text = "\n".join(map(_shown, result.content))
    structured = "" if result.structured_content is None else json.dumps(result.structured_content, ensure_ascii=False)
    # As a rule, one is the JSON of the other, perhaps wrapped in {"result": …}.
    return f"{text}\n{structured}".strip() if len(structured) > 1.5 * len(text) + 100 else text or structured


def _shown(block: ContentBlock) -> str:
    if isinstance(block, TextContent):
        return block.text
    # Without the bytes, which would appear as base64.
    return block.model_dump_json(by_alias=True, exclude_none=True, exclude={"data": True, "resource": {"blob"}})


def _described(tool: Tool) -> str:
    schema = json.dumps(tool.input_schema, ensure_ascii=False, separators=(",", ":"))
    # Indented, so that a tool's description stays within its own entry.
    words = (tool.description or tool.title or "(no description)").replace("\n", "\n  ")
    return f"- {visible(tool.name)}: {words}\n  arguments: {schema}\n"


async def _answers(client: Client, asked: InputRequiredResult) -> InputResponses | None:
    if not asked.input_requests:
        await anyio.sleep(0.1)
        return None
    answers: InputResponses = {}
    for key, request in asked.input_requests.items():
        context = ClientRequestContext(session=client.session, request_id=key, meta=None)
        answer = await client.session.dispatch_input_request(context, request)
        if isinstance(answer, ErrorData):
            raise MCPError.from_error_data(answer)
        answers[key] = answer
    return answers


async def _connected(
    caller: Caller, call: Call, work: Callable[[Client], Awaitable[None]], ask: ElicitationFnT | None = None
) -> None:
    """Run ``work`` with a client that is connected to the call's agent, in the call's session."""
    session, agent = call.session, call.session.target.agent
    user_id, headers = user_id_of(agent, caller.principal), traced(agent.headers)
    route = route_to(caller.agents, session.target, user_id=user_id, headers=headers)
    kept = session.kept
    while True:
        line = McpTransport(route, session.session_id, kept)
        try:
            async with (
                httpx2.AsyncClient(transport=line) as http,
                Client(
                    streamable_http_client(
                        line.url, http_client=http, terminate_on_close=False, max_sse_event_size=FILE_MAX_BYTES
                    ),
                    client_info=Implementation(name="agentcore-mcp", version=version("agentcore-mcp")),
                    elicitation_callback=ask,
                ) as client,
            ):
                await _noted(caller, call, line)
                await _cancelled_there(work(client), client, line)
            await _noted(caller, call, line)
        except Exception as error:
            if line.is_outdated and kept:
                kept = {}
                continue
            raise _failure(error, line, agent.name) from error
        return


async def _noted(caller: Caller, call: Call, line: McpTransport) -> None:
    """Record which session responded, and how the next call in it connects."""
    await caller.ledger.answered(call, line.session_id, line.request_id)
    await caller.ledger.book.left(call.session, (), line.kept)


async def _cancelled_there(work: Awaitable[None], client: Client, line: McpTransport) -> None:
    """Await ``work``; if cancelled, wait until the server was notified, for which 2026-07-28 has no message."""
    try:
        await work
    except asyncio.CancelledError:
        if client.protocol_version in HANDSHAKE_PROTOCOL_VERSIONS:
            with anyio.move_on_after(_CANCEL_LIMIT_S):
                await line.cancelled.wait()
        raise


def _failure(error: Exception, line: McpTransport, agent: str) -> Exception:
    """Return this package's error for an error of the client."""
    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    match error:
        case AgentCoreError():
            return error
        case _ if line.failure is not None:
            return line.failure
        case MCPError() if error.error.code == CONNECTION_CLOSED:
            return StreamInterruptedError(f"the MCP server of {agent} broke off: {error.error.message}")
        case MCPError() if error.error.code != PARSE_ERROR:
            return AgentError(error.error.message, f"MCP error {error.error.code}")
        case MCPError() | ValidationError() | RuntimeError():
            return ProtocolError(f"the MCP server of {agent} sent what MCP doesn't allow: {error!s:.300}")
        case _:
            return error

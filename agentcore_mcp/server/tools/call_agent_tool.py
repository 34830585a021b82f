"""The tool ``call_agent_tool``: a tool of an agent that is an MCP server itself.

It is published if such an agent is configured, and with discovery: which runtimes are MCP servers is not known before
the first call, and a host that has listed the tools is not notified of a new one.

A result is returned unchanged, plus the session: as a text at the end of ``content``, and as a member of ``_meta``. In
``structuredContent``, a further member could violate the tool's schema; for models that see only that, the description
recommends naming the session. A result that is too large for the host becomes one of ours: as much of its text as fits,
the rest for read_output, and the images that fit.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import anyio
from mcp.shared.message import ServerMessageMetadata
from mcp.types import (
    INVALID_REQUEST,
    CallToolResult,
    ElicitRequest,
    ElicitRequestURLParams,
    ElicitResult,
    ErrorData,
    InputRequiredResult,
    TextContent,
)
from mcp.types.version import HANDSHAKE_PROTOCOL_VERSIONS
from pydantic import Field

from agentcore_mcp.errors import InvalidRequestError
from agentcore_mcp.server.protocols.asking import check_has_tools
from agentcore_mcp.server.state import ToolContext  # noqa: TC001 - the SDK reads it
from agentcore_mcp.server.tools import handoff
from agentcore_mcp.server.tools.publishing import Handle, SessionId, publish
from agentcore_mcp.server.tools.requests import answering
from agentcore_mcp.wire.characters import visible

if TYPE_CHECKING:
    from mcp.client.session import ClientRequestContext, ElicitationFnT
    from mcp.types import ElicitRequestParams

    from agentcore_mcp.server.call import Call
    from agentcore_mcp.server.tools.requests import ToolRequest
    from agentcore_mcp.wire.pieces import Binary

DESCRIPTION = """\
Call a tool of an agent that is an MCP server, and return the tool's own result; its progress is passed on. \
list_agents with that agent shows its tools and their arguments. Calls with the same session_id share a session: \
choose a short name for it."""
NAME = "call_agent_tool"
_OF_PROTOCOL = "io.modelcontextprotocol/"
# The key of the session id in _meta.
SESSION_META = "io.github.agentcore-mcp/session_id"

Arguments = Annotated[dict[str, Any], Field(description="The tool's arguments, as its schema in list_agents says.")]


class CallAgentToolResult(handoff.CallResult):
    """What a tool returned that is too large for the host, what there is of one that runs, or a list of tools."""

    text: str

    def as_text(self) -> str:
        """Show the text first."""
        return "\n\n".join(filter(None, [self.text, self.trailer()]))

    def with_body(self, body: Binary | None) -> CallToolResult:
        """Return the tool's own result if there is room for it."""
        if body is None:
            return self.shown()
        theirs = CallToolResult.model_validate_json(body.content)
        room = handoff.IMAGE_MAX_BYTES * 4 // 3
        if not self.omitted_chars and len(body.content) <= room:
            theirs.content.append(TextContent(type="text", text=self.trailer()))
            # The protocol's own members describe the connection that has ended.
            about = {key: value for key, value in (theirs.meta or {}).items() if not key.startswith(_OF_PROTOCOL)}
            theirs.meta = {**about, SESSION_META: self.session_id}
            return theirs
        ours = self.shown()
        ours.is_error = theirs.is_error
        for block in theirs.content:
            size = len(block.model_dump_json()) if block.type in ("image", "audio") else room
            if size < room:
                ours.content.append(block)
                room -= size
        return ours


async def call_agent_tool(
    ctx: ToolContext,
    tool: Annotated[str, Field(description="The tool's name.")] = "",
    agent: str = "",
    arguments: Arguments = {},  # noqa: B006 - the SDK makes one for each call
    session_id: SessionId = "",
    handle: Handle = "",
) -> CallToolResult | InputRequiredResult:
    """Call a tool of an MCP server and return its result."""
    from agentcore_mcp.server.protocols.mcp import call_tool

    with answering(ctx) as request:
        caller = request.caller
        if asked := ctx.request_state or handle:
            call = await request.earlier(NAME, agent, asked)
            if call.question is not None and "answer" in (said := ctx.input_responses or {}):
                # The call may have ended meanwhile, and its result says how.
                if not call.question.answer.done():
                    call.question.answer.set_result(said["answer"])
                call.question = None
        else:
            session = await request.session(agent, session_id)
            await check_has_tools(caller.agents, session.target)
            if not tool:
                raise InvalidRequestError("no tool is named; list_agents with this agent shows its tools")
            call = request.new_call(session, NAME, tool, f"the tool {tool:.60}")
            caller.begin(call, partial(call_tool, tool=tool, arguments=arguments, ask=_asking(request, call)))
        if call.question is None or call.finished:
            await handoff.wait(request, call, request.host.handoff_after_s)
        if call.question is not None and not call.finished:
            return InputRequiredResult(input_requests={"answer": call.question.request}, request_state=call.handle)
        return await handoff.report(caller, call, CallAgentToolResult)


TOOL = partial(publish, call_agent_tool, "Call a tool of an agent", DESCRIPTION)


@dataclass(frozen=True, slots=True)
class _Question:
    """A tool's question to the user, and the future of its answer."""

    request: ElicitRequest
    answer: asyncio.Future[Any]


def _asking(request: ToolRequest, call: Call) -> ElicitationFnT:
    """Return a callback that asks the user a tool's questions, as the host's protocol version requires.

    From 2026-07-28 on, the question is the response to the request, and the next request has the user's answer. It may
    reach another worker, so if workers share a store, no user is asked. We declare elicitation to the MCP server even
    if the host lacks it: of a refusal for lack of elicitation, AgentCore would only pass on the HTTP status.
    """
    ctx = request.ctx
    capability = None if ctx.client_capabilities is None else ctx.client_capabilities.elicitation
    in_request = ctx.protocol_version in HANDSHAKE_PROTOCOL_VERSIONS
    if not in_request and request.caller.settings.server.store is not None:
        capability = None
    one_at_a_time = anyio.Lock()

    async def ask(
        context: ClientRequestContext,  # noqa: ARG001 - the SDK passes it
        params: ElicitRequestParams,
    ) -> ElicitResult | ErrorData:
        lines = map(visible, params.message.split("\n"))
        message = f"{call.session.agent} asks: " + "\n".join(lines)
        if capability is None or (isinstance(params, ElicitRequestURLParams) and capability.url is None):
            return ErrorData(code=INVALID_REQUEST, message=f"{message:.500} (this host can't put that to its user)")
        question = ElicitRequest(params=params.model_copy(update={"message": message}))
        async with one_at_a_time:
            if in_request:
                about = ServerMessageMetadata(related_request_id=ctx.request_id)
                return ElicitResult.model_validate(
                    await ctx.session.send_request(question, ElicitResult, metadata=about)
                )
            call.question = _Question(question, asyncio.get_running_loop().create_future())
            if call.progress is not None:
                # This ends the request's wait.
                call.progress.close()
            return ElicitResult.model_validate(await call.question.answer)

    return ask

"""The tool ``invoke_agent``, and ``ask_NAME``, which is the same for one fixed agent."""

from __future__ import annotations

from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Annotated

from mcp.types import CallToolResult  # noqa: TC002 - the SDK reads it
from pydantic import Field, WithJsonSchema

from agentcore_mcp import runtime
from agentcore_mcp.errors import AgentError, InvalidRequestError, WrongProtocolError
from agentcore_mcp.server.hosted.tracing import traced
from agentcore_mcp.server.hosted.upstream import user_id_of
from agentcore_mcp.server.live.page import SHOWS_PAGE
from agentcore_mcp.server.protocols.asking import asked_agent
from agentcore_mcp.server.state import ToolContext  # noqa: TC001 - the SDK reads it
from agentcore_mcp.server.tools import handoff
from agentcore_mcp.server.tools.publishing import Handle, SessionId, publish
from agentcore_mcp.server.tools.requests import answering

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from mcp.server.mcpserver.tools import Tool

    from agentcore_mcp.config import Agent, Settings
    from agentcore_mcp.runtime import AnswerText
    from agentcore_mcp.server.call import Call
    from agentcore_mcp.server.callers import Caller

DESCRIPTION = """\
Send a prompt to {agent} and return its answer; the words stream in as progress while it works. The agent may use \
tools of its own and take minutes. It remembers the conversation of its session. Each call runs the agent once and may \
have effects, so don't repeat one just because it was slow."""

Prompt = Annotated[str, Field(description="What to ask or tell the agent.")]
RawEvents = Annotated[bool, Field(description="Return the agent's events as JSON lines instead of its words.")]


class InvokeAgentResult(handoff.CallResult):
    """What the agent said."""

    status: Annotated[str, Field(description="COMPLETED, INPUT_REQUIRED or RUNNING.")]
    text: str
    # The schema of their members would cost every model more tokens than it is worth.
    questions: list[Annotated[dict[str, str], WithJsonSchema({"type": "object"})]] = Field(default_factory=list)
    endpoint_url: str = ""

    def as_text(self) -> str:
        """Show the words first."""
        said = self.text or ("(nothing new)" if self.status == handoff.RUNNING else "(the agent said nothing)")
        return f"{said}\n\n{self.trailer()}" + (f"\n[endpoint_url: {self.endpoint_url}]" if self.endpoint_url else "")


def published(settings: Settings) -> list[Tool]:
    """Return one tool for all agents, or one for each, as the settings say."""
    tools = []
    if settings.expose == "agents":
        tools += [_ask_tool(agent, settings) for agent in settings.agents if agent.protocol != "mcp"]
    if settings.expose == "tools" or settings.discovery is not None:
        only = settings.agents[0] if len(settings.agents) == 1 and settings.discovery is None else None
        who = f"{display_name(only)}, an AI agent on Amazon Bedrock AgentCore," if only else "an AI agent"
        description = DESCRIPTION.format(agent=who)
        if only is not None and only.description:
            description += f" What it is for: {only.description}"
        tools.append(publish(invoke_agent, "Ask the agent", description, settings, meta=SHOWS_PAGE))
    return tools


def display_name(agent: Agent) -> str:
    """Return a name that distinguishes configured servers: the agent's, with that of its endpoint if there is one."""
    return f"{agent.name} ({agent.qualifier})" if agent.qualifier else agent.name


def _ask_tool(agent: Agent, settings: Settings) -> Tool:
    async def ask(
        ctx: ToolContext,
        prompt: Prompt = "",
        session_id: SessionId = "",
        raw_events: RawEvents = False,
        handle: Handle = "",
    ) -> Annotated[CallToolResult, InvokeAgentResult]:
        return await invoke_agent(ctx, prompt, agent.name, session_id, raw_events, handle)

    description = DESCRIPTION.format(agent=f"the agent {agent.name}")
    first = next(one.name for one in settings.agents if one.protocol != "mcp")
    if agent.name != first:
        description = f"The same as ask_{first}, of the agent {agent.name}."
    if agent.description:
        description = f"{agent.description}\n\n{description}"
    return publish(ask, f"Ask {agent.name}", description, settings, name=f"ask_{agent.name}", meta=SHOWS_PAGE)


async def invoke_agent(
    ctx: ToolContext,
    prompt: Prompt = "",
    agent: str = "",
    session_id: SessionId = "",
    raw_events: RawEvents = False,
    handle: Handle = "",
) -> Annotated[CallToolResult, InvokeAgentResult]:
    """Ask the agent and return its words."""
    with answering(ctx) as request:
        if handle:
            call = await request.earlier("invoke_agent", agent, handle)
        else:
            session = await request.session(agent, session_id)
            if not prompt.strip():
                raise InvalidRequestError("the prompt is empty; say what the agent should do")
            call = request.new_call(session, "invoke_agent", prompt, "the agent")
            request.caller.begin(call, partial(_ask, raw_events=raw_events))
        return await handoff.outcome(request, call, InvokeAgentResult)


async def _ask(caller: Caller, call: Call, *, raw_events: bool) -> None:
    """Send the prompt, and add the agent's words, or its events as JSON lines, to the call."""
    answer = runtime.AnswerText(path=call.session.target.agent.response)
    async with _to_the_last_word(caller, call, answer, raw_events=raw_events):
        session, book = call.session, caller.ledger.book
        target, agent = session.target, session.target.agent
        asking = await asked_agent(
            caller.agents, target, user_id=user_id_of(agent, caller.principal), headers=traced(agent.headers)
        )
        async with (
            caller.ledger.answering(session) as pauses,
            asking.ask(runtime.Turn(call.sent, session.session_id, pauses, session.kept)) as turn,
        ):
            call.kept = turn.kept
            call.endpoint_url = turn.endpoint_url or ""
            await caller.ledger.answered(call, turn.session_id, turn.request_id)
            # Otherwise nothing changes, and the agent's questions may belong to another call.
            if pauses or turn.kept != session.kept:
                await book.left(session, (), turn.kept)
            if turn.card is not None:
                caller.agents.detection.describe(agent, turn.card)
            async for pieces in turn.batches:
                if turn.kept != session.kept:
                    await book.left(session, (), turn.kept)
                _add(call, answer, pieces, raw_events=raw_events)


def _add(call: Call, answer: AnswerText, pieces: list[str], *, raw_events: bool) -> None:
    """Add pieces of a response that came together; ``answer`` records the agent's questions."""
    # Imported here: it loads all code that reads responses, and hosts wait for the start.
    from agentcore_mcp.wire.pieces import Binary, Text
    from agentcore_mcp.wire.text import event_line

    if isinstance(pieces[0], Binary) and pieces[0].content_type.startswith("image/"):
        call.body = pieces[0]
    # Joined up to the next note, which takes a fraction of the time.
    words: list[str] = []
    for data in pieces:
        words.append(answer.feed(data))
        if not raw_events and (notes := answer.take_notes()):
            call.add("text", "".join(words))
            call.note("".join([f"[{note}]\n" for note in notes]))
            words.clear()
    if raw_events:
        words = [data if isinstance(data, Text) else f"{event_line(data)}\n" for data in pieces]
    call.add("text", "".join(words))


@asynccontextmanager
async def _to_the_last_word(caller: Caller, call: Call, answer: AnswerText, *, raw_events: bool) -> AsyncIterator[None]:
    """Add the text and state that only the end of a response settles, even if it ends with a failure."""
    try:
        yield
    except AgentError as error:
        if error.status is None:  # it got the answers to its questions; the next prompt starts anew
            await caller.ledger.book.left(call.session, (), call.session.kept)
        raise
    except WrongProtocolError as error:
        caller.agents.detection.learnt(call.session.target.agent, error.speaks)
        raise
    finally:
        last = answer.close()
        call.add("text", "" if raw_events else last)
    call.pauses = tuple(answer.pauses)
    # Not the session's current state: another call in it may have changed that.
    if call.pauses or call.kept != call.session.kept:
        await caller.ledger.book.left(call.session, call.pauses, call.kept)

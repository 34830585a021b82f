"""What the tools that ask an agent and run a command do; ``tools`` says what callers are told of them."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated

import anyio
from mcp.server.elicitation import ElicitationResult  # noqa: TC002 - the SDK reads it
from mcp.server.mcpserver import Elicit, Resolve
from mcp.types import CallToolResult  # noqa: TC002 - the SDK reads it

from agentcore_mcp.errors import InvalidRequestError, StreamInterruptedError
from agentcore_mcp.server.calls import Call, discard
from agentcore_mcp.server.commands import Confirmation, confirmed, permitted, question, wrapped
from agentcore_mcp.server.output import RESULT_MAX_CHARS, Output
from agentcore_mcp.server.resources import ToolContext  # noqa: TC001 - the SDK reads it
from agentcore_mcp.server.results import InvokeAgentResult, RunCommandResult, both_outputs, tool_errors
from agentcore_mcp.server.spool import Spool
from agentcore_mcp.wire.eventstream import ContentDelta, ContentStop
from agentcore_mcp.wire.operations import COMMAND_TIMEOUT_DEFAULT_S
from agentcore_mcp.wire.text import AnswerText, valid_unicode

if TYPE_CHECKING:
    from agentcore_mcp.server.agents import Target
    from agentcore_mcp.server.resources import Resources

# stdout gets most of a result: that is where a command says what it was run for.
STDOUT_MAX_CHARS = RESULT_MAX_CHARS * 3 // 4
STDERR_MAX_CHARS = RESULT_MAX_CHARS - STDOUT_MAX_CHARS


async def invoke_agent(
    ctx: ToolContext,
    prompt: str = "",
    agent: str = "",
    session_id: str = "",
    raw_events: bool = False,
    handle: str = "",
) -> Annotated[CallToolResult, InvokeAgentResult]:
    """Ask the agent and return its words."""
    shared = ctx.request_context.lifespan_context
    with tool_errors() as facts:
        if handle:
            call = shared.calls.unattended(handle, "invoke_agent")
            target = shared.agents.known(call.agent)
            facts.agent = target.agent
        elif not prompt.strip():
            raise InvalidRequestError("the prompt is empty; say what the agent should do")
        else:
            target, session = await shared.open_session(agent, session_id)
            facts.agent = target.agent
            outputs = {"text": Output(Spool(shared.calls.folder))}
            call = Call("invoke_agent", target.agent.name, session, "the agent", outputs)
            facts.session_id = session
            shared.calls.start(call, partial(_ask, target, call, prompt, raw_events=raw_events))
        facts.session_id = call.session_id
        text = call.outputs["text"]
        facts.received = text.text
        finished = await _attend(ctx, call, target)
        return _handed_over(
            shared,
            call,
            InvokeAgentResult(
                session_id=call.session_id,
                status="COMPLETED" if finished else "RUNNING",
                text=text.text(),
                omitted_chars=call.omitted_chars,
                handle=_handle(call, finished=finished),
            ),
        )


async def ask_user(
    ctx: ToolContext, command: str = "", agent: str = "", session_id: str = "", handle: str = ""
) -> Confirmation | Elicit[Confirmation]:
    """Check a command, and return what to ask the user about it, if anything."""
    shared = ctx.request_context.lifespan_context
    with tool_errors() as facts:
        if handle:
            return Confirmation()
        target = await shared.agents.named(agent or shared.ledger.agent_of(session_id.strip()))
        facts.agent = target.agent
        permitted(command, target.agent)
        return question(command, target.agent, session_id, ctx)


async def run_command(
    ctx: ToolContext,
    answer: Annotated[ElicitationResult[Confirmation], Resolve(ask_user)],
    command: str = "",
    agent: str = "",
    session_id: str = "",
    timeout_seconds: int = COMMAND_TIMEOUT_DEFAULT_S,
    handle: str = "",
) -> Annotated[CallToolResult, RunCommandResult]:
    """Run a command and return how it ended."""
    shared = ctx.request_context.lifespan_context
    with tool_errors() as facts:
        confirmed(answer)
        if handle:
            call = shared.calls.unattended(handle, "run_command")
            target = shared.agents.known(call.agent)
            facts.agent = target.agent
        elif not command.strip():
            raise InvalidRequestError("the command is empty")
        else:
            target, session = await shared.open_session(agent, session_id)
            facts.agent = target.agent
            outputs = {
                "stdout": Output(Spool(shared.calls.folder), STDOUT_MAX_CHARS, terminal=True),
                "stderr": Output(Spool(shared.calls.folder), STDERR_MAX_CHARS, terminal=True),
            }
            call = Call("run_command", target.agent.name, session, "the command", outputs)
            shared.calls.start(call, partial(_run, target, call, command, timeout_s=timeout_seconds))
        facts.session_id = call.session_id
        stdout, stderr = call.outputs["stdout"], call.outputs["stderr"]
        facts.received = lambda: both_outputs(stdout.text(), stderr.text())
        finished = await _attend(ctx, call, target)
        return _handed_over(
            shared,
            call,
            RunCommandResult(
                session_id=call.session_id,
                status=call.stop.status if call.stop else "RUNNING",
                exit_code=call.stop.exit_code if call.stop else None,
                stdout=stdout.text(),
                stderr=stderr.text(),
                omitted_chars=call.omitted_chars,
                handle=_handle(call, finished=finished),
            ),
        )


async def _ask(target: Target, call: Call, prompt: str, *, raw_events: bool) -> None:
    agent = target.agent
    answer = AnswerText(path=agent.response)
    async with target.client.invoke(
        agent.arn,
        agent.payload_for(prompt, call.session_id),
        session_id=call.session_id,
        qualifier=agent.qualifier,
        user_id=agent.user_id,
        headers=agent.headers,
        read_timeout_s=agent.timeout_s,
    ) as invocation:
        call.session_id = invocation.session_id
        async for data in invocation:
            if raw_events:
                call.add("text", f"{valid_unicode(data)}\n")
                continue
            call.add("text", answer.feed(data))
            for note in answer.take_notes():
                call.note(f"[{note}]\n")
    call.add("text", "" if raw_events else answer.close())


async def _run(target: Target, call: Call, command: str, *, timeout_s: int) -> None:
    agent = target.agent
    async with target.client.run_command(
        agent.arn,
        wrapped(command, agent.commands),
        session_id=call.session_id,
        timeout_s=timeout_s,
        qualifier=agent.qualifier,
    ) as run:
        async for event in run:
            match event:
                case ContentDelta():
                    call.add("stdout", event.stdout)
                    call.add("stderr", event.stderr, shown=f"[stderr] {event.stderr}" if event.stderr else "")
                case ContentStop():
                    call.stop = event
    if call.stop is None:
        raise StreamInterruptedError("the command's stream ended without saying how the command ended")


async def _attend(ctx: ToolContext, call: Call, target: Target) -> bool:
    shared = ctx.request_context.lifespan_context
    try:
        return await shared.calls.attend(
            call,
            ctx.report_progress,
            first=f"session_id: {call.session_id}",
            handoff_after_s=shared.settings.handoff_after_s,
        )
    except anyio.get_cancelled_exc_class():
        if target.agent.on_cancel == "stop":
            shared.stops.begin(call.session_id, target.agent.name)
        raise


def _handle(call: Call, *, finished: bool) -> str:
    return call.handle if call.omitted_chars or not finished else ""


def _handed_over(shared: Resources, call: Call, result: InvokeAgentResult | RunCommandResult) -> CallToolResult:
    """Return a call's result, and keep or let go of what the call holds."""
    if result.status == "RUNNING":
        for output in call.outputs.values():
            output.begin_next()
    elif result.handle:
        shared.calls.keep(call)
    else:
        discard(call)
    return result.shown()

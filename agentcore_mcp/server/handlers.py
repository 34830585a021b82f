"""What the tools that ask an agent and run a command do; ``tools`` says what callers are told of them."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated

import anyio
from mcp.server.elicitation import ElicitationResult  # noqa: TC002 - the SDK reads it
from mcp.server.mcpserver import Elicit, Resolve
from mcp.types import CallToolResult  # noqa: TC002 - the SDK reads it

from agentcore_mcp.errors import InvalidRequestError
from agentcore_mcp.server.call import Call
from agentcore_mcp.server.commands import Confirmation, confirmed, permitted, question, wrapped
from agentcore_mcp.server.output import RESULT_MAX_CHARS, Output
from agentcore_mcp.server.resources import ToolContext  # noqa: TC001 - the SDK reads it
from agentcore_mcp.server.results import RUNNING, InvokeAgentResult, RunCommandResult, both_outputs, tool_errors
from agentcore_mcp.server.spool import Spool
from agentcore_mcp.wire.operations import COMMAND_TIMEOUT_DEFAULT_S, COMMAND_TIMEOUT_MAX_S, check_command

if TYPE_CHECKING:
    from agentcore_mcp.config import Settings
    from agentcore_mcp.server.agents import Target
    from agentcore_mcp.server.resources import Resources

# Of a result, where both texts of a command are long: stdout is where it says what it was run for.
STDERR_MAX_CHARS = RESULT_MAX_CHARS // 4


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
            _check_alone(call, agent, prompt=prompt, session_id=session_id, raw_events=raw_events)
        else:
            target = await shared.target(agent, session_id)
            facts.agent = target.agent
            if not prompt.strip():
                raise InvalidRequestError("the prompt is empty; say what the agent should do")
            session = shared.open_session(target, session_id)
            outputs = {"text": Output(Spool())}
            call = Call("invoke_agent", target.agent.name, session.session_id, "the agent", outputs)
            answered = partial(shared.answered, session, call)
            from agentcore_mcp.server import reading

            work = partial(reading.ask, target, call, prompt, raw_events=raw_events, answered=answered)
            shared.calls.start(call, partial(shared.ledger.run, session, work, tells_its_end=False))
        facts.session_id = call.session_id
        text = call.outputs["text"]
        facts.received = lambda: _received(text.text(), call, shared.settings)
        finished = await _attend(ctx, call, target)
        return _handed_over(
            shared,
            call,
            InvokeAgentResult(
                session_id=call.session_id,
                status="COMPLETED" if finished else RUNNING,
                text=text.text(),
                omitted_chars=call.omitted_chars,
                handle=_handle(call, finished=finished),
                note=_note(call, shared.settings),
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
        target = await shared.target(agent, session_id)
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
            other_timeout = timeout_seconds != COMMAND_TIMEOUT_DEFAULT_S
            _check_alone(call, agent, command=command, session_id=session_id, timeout_seconds=other_timeout)
        else:
            target = await shared.target(agent, session_id)
            facts.agent = target.agent
            line = wrapped(command, target.agent.commands)
            check_command(line, timeout_seconds)
            session = shared.open_session(target, session_id)
            outputs = {
                "stdout": Output(Spool(), terminal=True),
                "stderr": Output(Spool(), terminal=True),
            }
            opened = session.session_id
            call = Call("run_command", target.agent.name, opened, "the command", outputs, timeout_s=timeout_seconds)
            answered = partial(shared.answered, session, call)
            from agentcore_mcp.server import reading

            work = partial(reading.run, target, call, line, timeout_s=timeout_seconds, answered=answered)
            shared.calls.start(call, partial(shared.ledger.run, session, work, tells_its_end=True))
        facts.session_id = call.session_id
        stdout, stderr = call.outputs["stdout"], call.outputs["stderr"]
        facts.received = lambda: _received(both_outputs(stdout.text(), stderr.text()), call, shared.settings)
        finished = await _attend(ctx, call, target)
        if not finished:
            stdout.show_unfinished()
            stderr.show_unfinished()
        _fit(call)
        return _handed_over(
            shared,
            call,
            RunCommandResult(
                session_id=call.session_id,
                status=call.stop.status if call.stop else RUNNING,
                exit_code=call.stop.exit_code if call.stop else None,
                stdout=stdout.text(),
                stderr=stderr.text(),
                omitted_chars=call.omitted_chars,
                handle=_handle(call, finished=finished),
                note=_note(call, shared.settings),
            ),
        )


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
        # What the end of the server does to sessions is for on_exit to say.
        if target.agent.on_cancel == "stop" and not shared.calls.end_is_near:
            shared.stops.begin(call.session_id, target.agent.name)
        raise
    except Exception:
        _fit(call)
        shared.calls.settle(call)
        raise


def _check_alone(call: Call, agent: str, **others: object) -> None:
    """Check that a handle comes with nothing that waiting for its call would leave unheeded."""
    if agent not in ("", call.agent):
        raise InvalidRequestError(f"the handle {call.handle!r} is of a call of {call.agent}, not of {agent}")
    if unheeded := [name for name, value in others.items() if value]:
        raise InvalidRequestError(
            f"a handle waits for the rest of its call and nothing else, so {', '.join(unheeded)} can't go with it; "
            "pass the handle alone, or leave it out to begin a new call"
        )


def _fit(call: Call) -> None:
    """Let both texts of a command fit into one result; what the one does not need is the other's."""
    match call.outputs:
        case {"stdout": stdout, "stderr": stderr}:
            stderr.fit(max(STDERR_MAX_CHARS, RESULT_MAX_CHARS - stdout.shown_chars))
            stdout.fit(RESULT_MAX_CHARS - stderr.shown_chars)


def _received(text: str, call: Call, settings: Settings) -> str:
    """Return what an error shows of what had arrived."""
    return "\n".join([*([text] if text else []), *([f"[{rest}]"] if (rest := _left_out(call, settings)) else [])])


def _handle(call: Call, *, finished: bool) -> str:
    return call.handle if call.ever_omitted_chars or not finished else ""


def _note(call: Call, settings: Settings) -> str:
    """Return what to do for the rest, if there is one."""
    notes = []
    if not call.finished:
        asked = call.tool == "invoke_agent" and settings.expose == "agents" and call.agent in settings.names
        tool = f"ask_{call.agent}" if asked else call.tool
        notes.append(f"still running: call {tool} with handle {call.handle!r} alone to wait for the rest")
    if call.stop is not None and call.stop.timed_out:
        longer = (
            "start it in the background and look at it later"
            if call.timeout_s == COMMAND_TIMEOUT_MAX_S
            else f"pass a larger timeout_seconds, at most {COMMAND_TIMEOUT_MAX_S}"
        )
        notes.append(
            f"it was ended after {call.timeout_s} s, and printed this until then; if it needs longer, {longer}"
        )
    if rest := _left_out(call, settings):
        notes.append(rest)
    return "; ".join(notes)


def _left_out(call: Call, settings: Settings) -> str:
    if not call.ever_omitted_chars:
        return ""
    how = f": read them with read_output, handle {call.handle!r}" if settings.allows("read_output") else ""
    return f"{call.ever_omitted_chars:,} characters were left out{how}"


def _handed_over(shared: Resources, call: Call, result: InvokeAgentResult | RunCommandResult) -> CallToolResult:
    """Return a call's result, and keep or let go of what the call holds."""
    if call.finished:
        shared.calls.settle(call)
    else:
        for output in call.outputs.values():
            output.begin_next()
    return result.shown()

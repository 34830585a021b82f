"""The tool ``run_command``. A command has the power of the runtime's role, so the user may be asked before it is sent.

All checks precede the question: the user is not asked about a command that can't run.
"""
# ruff: noqa: ARG001 - the SDK reads the arguments off the tool's signature; the check gets them

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated, Self

from mcp.server.elicitation import ElicitationResult  # noqa: TC002 - the SDK reads it
from mcp.server.mcpserver import Elicit, Resolve
from mcp.types import CallToolResult  # noqa: TC002 - the SDK reads it
from pydantic import Field

from agentcore_mcp.errors import InvalidRequestError, StreamInterruptedError
from agentcore_mcp.server.call import Call, Phase
from agentcore_mcp.server.hosted.tracing import traced
from agentcore_mcp.server.hosts import host_of
from agentcore_mcp.server.live.approvals import with_question
from agentcore_mcp.server.live.page import SHOWS_PAGE
from agentcore_mcp.server.output import Output
from agentcore_mcp.server.results import tool_errors
from agentcore_mcp.server.spool import Spool
from agentcore_mcp.server.state import ToolContext, caller_of, live_log
from agentcore_mcp.server.tools import handoff
from agentcore_mcp.server.tools.confirmation import AskedInLiveView, Confirmation, check_confirmed, question
from agentcore_mcp.server.tools.publishing import Handle, SessionId, bounded, publish
from agentcore_mcp.wire.limits import COMMAND_TIMEOUT_DEFAULT_S, COMMAND_TIMEOUT_MAX_S, COMMAND_TIMEOUT_MIN_S
from agentcore_mcp.wire.requests import check_command

if TYPE_CHECKING:
    from mcp.server.mcpserver.tools import Tool

    from agentcore_mcp.config import Agent, Settings
    from agentcore_mcp.server.callers import Caller
    from agentcore_mcp.server.results import CallFacts

DESCRIPTION = """\
Run a shell command in the environment of the agent's session and return its stdout, stderr and exit code; the \
output streams in as progress. Files persist in the session, and are the ones that the agent sees. Each call is a \
fresh shell: working directory and variables are not kept, so chain with &&. The command has the power of the \
runtime's IAM role. A non-zero exit code is a result, not an error."""

UNANSWERED_NOTE = (
    "the user is asked in the live view, which runs it if they approve and tells how it ends; don't repeat it"
)

Command = Annotated[str, Field(description="The command line, at most 65,536 characters.")]
TimeoutSeconds = Annotated[
    int,
    bounded(
        "After how many seconds the command is ended: 1 to 3600, 300 unless given.",
        COMMAND_TIMEOUT_MIN_S,
        COMMAND_TIMEOUT_MAX_S,
    ),
]


class RunCommandResult(handoff.CallResult):
    """How the command ended, and what it printed."""

    status: Annotated[str, Field(description="COMPLETED, TIMED_OUT (ended by its timeout) or RUNNING.")]
    exit_code: int | None
    stdout: str
    stderr: str

    @classmethod
    def not_run(cls, session_id: str, status: str, note: str) -> Self:
        """Return the result of a command that was not run."""
        return cls(session_id=session_id, status=status, exit_code=None, stdout="", stderr="", note=note)

    def as_text(self) -> str:
        """Show the outcome first, then what was printed, stderr marked."""
        going_on = {handoff.RUNNING: "still running", handoff.UNANSWERED: "not run yet", handoff.DENIED: "not run"}
        outcome = going_on.get(self.status, f"exit code {self.exit_code} ({self.status})")
        printed = handoff.in_one(stdout=self.stdout, stderr=self.stderr) or "(no output)"
        return f"{outcome} {self.trailer()}\n{printed}"


def published(settings: Settings) -> list[Tool]:
    """Return the tool."""
    return [publish(run_command, "Run a shell command", DESCRIPTION, settings, meta=SHOWS_PAGE)]


async def check(
    ctx: ToolContext,
    command: str = "",
    agent: str = "",
    session_id: str = "",
    timeout_seconds: int = COMMAND_TIMEOUT_DEFAULT_S,
    handle: str = "",
) -> Call:
    """Return a new call, or the one that the handle names, after all checks but the user's confirmation."""
    caller = caller_of(ctx)
    with tool_errors() as facts:
        if handle:
            return await handoff.earlier(caller, facts, "run_command", agent, handle)
        target = await caller.target(agent, session_id)
        facts.agent = target.agent
        line = _permitted(command, target.agent)
        check_command(line, timeout_seconds)
        session = await caller.session(target, session_id)
        max_chars = host_of(ctx.session, caller.settings).text_max_chars
        outputs = {name: Output(Spool(), max_chars, terminal=True) for name in ("stdout", "stderr")}
        return Call(
            "run_command", session, line, "the command", outputs, max_chars, timeout_seconds, live=live_log(ctx)
        )


async def ask_user(
    ctx: ToolContext, call: Annotated[Call, Resolve(check)], command: str = ""
) -> Confirmation | Elicit[Confirmation]:
    """Return the question to the user before a command is sent, or the answer if none is needed."""
    with tool_errors() as facts:
        facts.agent = call.session.target.agent
        if call.phase is not Phase.NEW:
            return Confirmation(run=True)
        shows = host_of(ctx.session, caller_of(ctx).settings).has_live_view
        return question(command, call.session, ctx, has_live_view=shows)


async def run_command(
    ctx: ToolContext,
    call: Annotated[Call, Resolve(check)],
    answer: Annotated[ElicitationResult[Confirmation], Resolve(ask_user)],
    command: Command = "",
    agent: str = "",
    session_id: SessionId = "",
    timeout_seconds: TimeoutSeconds = COMMAND_TIMEOUT_DEFAULT_S,
    handle: Handle = "",
) -> Annotated[CallToolResult, RunCommandResult]:
    """Run a command and return how it ended."""
    caller = caller_of(ctx)
    with tool_errors() as facts:
        facts.agent = call.session.target.agent
        if isinstance(answer.data if answer.action == "accept" else None, AskedInLiveView):
            session = call.session
            asked = RunCommandResult.not_run(session.session_id, handoff.UNANSWERED, UNANSWERED_NOTE).shown()
            again = {"command": command, "agent": session.agent, "session_id": session.called or session.session_id}
            codec = ctx.request_context.lifespan_context.confirmations
            return with_question(asked, codec, caller, {**again, "timeout_seconds": timeout_seconds})
        check_confirmed(answer)
        return await begun(ctx, caller, facts, call)


async def begun(ctx: ToolContext, caller: Caller, facts: CallFacts, call: Call) -> CallToolResult:
    """Begin a call that may run, or go on with one that has begun, and return its result."""
    if call.phase is Phase.NEW:
        caller.calls.start(call, partial(_run, caller, call))
    return await handoff.outcome(ctx, caller, facts, call, RunCommandResult)


def _permitted(command: str, agent: Agent) -> str:
    """Check a command against the agent's policy, all but asking; return it as it is sent.

    Raises:
        InvalidRequestError: If it may not be run.
    """
    policy = agent.commands
    if policy.mode == "off":
        raise InvalidRequestError(f"commands are switched off for the agent {agent.name}; ask the agent itself instead")
    if not command.strip():
        return command
    if why := policy.refusal(command):
        place = agent.settings("commands")
        raise InvalidRequestError(
            f"this command is not allowed: {why}; run another one, or ask the user to change {place}"
        )
    return policy.wrapped(command)


async def _run(caller: Caller, call: Call) -> None:
    """Send the command, and add what it writes and how it ends to the call.

    Raises:
        StreamInterruptedError: If that is not said.
    """
    # Here and not above: with it comes all that reads answers, and hosts wait for the start.
    from agentcore_mcp.wire.eventstream import ContentDelta, ContentStop

    assert call.timeout_s is not None  # noqa: S101 - a command has one
    target = call.session.target
    async with caller.ledger.running(call):
        client = caller.agents.client_of(target)
        async with client.run_command(
            target.agent.arn,
            call.sent,
            session_id=call.session.session_id,
            timeout_s=call.timeout_s,
            qualifier=target.agent.qualifier,
            headers=traced(target.command_headers),
        ) as run:
            call.answered_as(run.request_id)
            await caller.ledger.answered(call, run.session_id)
            async for events in run.batches:
                for event in events:
                    match event:
                        case ContentDelta():
                            call.add("stdout", event.stdout)
                            call.add("stderr", event.stderr, mark="[stderr] ")
                        case ContentStop():
                            call.stop = event
        if call.stop is None:
            raise StreamInterruptedError("the command's stream ended without saying how the command ended")

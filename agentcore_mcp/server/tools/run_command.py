"""The tool ``run_command``. A command has the power of the runtime's role, so the user may be asked before it is sent.

All checks precede the question: the user is not asked about a command that can't run.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Annotated, Self

from mcp.server.elicitation import ElicitationResult  # noqa: TC002 - the SDK reads it
from mcp.server.mcpserver import Elicit, Resolve
from mcp.types import CallToolResult  # noqa: TC002 - the SDK reads it
from pydantic import Field

from agentcore_mcp.errors import InvalidRequestError, StreamInterruptedError
from agentcore_mcp.server.call import Call, Phase, waited_for
from agentcore_mcp.server.hosted.shells import InShell, name_of
from agentcore_mcp.server.hosted.tracing import traced
from agentcore_mcp.server.live.approvals import with_question
from agentcore_mcp.server.live.page import SHOWS_PAGE
from agentcore_mcp.server.state import ToolContext  # noqa: TC001 - the SDK reads it
from agentcore_mcp.server.tools import handoff
from agentcore_mcp.server.tools.confirmation import AskedInLiveView, Confirmation, check_confirmed, question
from agentcore_mcp.server.tools.in_shell import run_in_shell
from agentcore_mcp.server.tools.permission import check_input, is_asked_about, permitted
from agentcore_mcp.server.tools.publishing import Handle, SessionId, bounded, publish
from agentcore_mcp.server.tools.requests import answering
from agentcore_mcp.wire.limits import COMMAND_TIMEOUT_DEFAULT_S, COMMAND_TIMEOUT_MAX_S, COMMAND_TIMEOUT_MIN_S
from agentcore_mcp.wire.requests import check_command, check_shell_id

if TYPE_CHECKING:
    from agentcore_mcp.server.callers import Caller
    from agentcore_mcp.server.sessions import Session
    from agentcore_mcp.server.tools.requests import ToolRequest

DESCRIPTION = """\
Run a shell command in the agent's session and return its stdout, stderr and exit code. Files persist in the session; \
the agent sees the same. Each call is a fresh shell that keeps nothing, so chain with &&, or \
name a shell that stays. The command has the power of the runtime's IAM role. A non-zero exit code is a result, not an \
error."""

UNANSWERED_NOTE = (
    "the user is asked in the live view, which runs it if they approve and tells how it ends; don't repeat it"
)

TYPED_NOTE = "it was typed; another request waits for the command, and gets what it prints"

Command = Annotated[str, Field(description="The command line, at most 65,536 characters.")]
Shell = Annotated[
    str,
    Field(description="Run it in a shell of this name, which keeps folder, variables and jobs; stderr is in stdout."),
]
Input = Annotated[
    str,
    Field(description="Instead of a command: type this and Enter into what runs in shell. ^C alone interrupts."),
]
TimeoutSeconds = Annotated[
    int,
    bounded(
        "After how many seconds it is ended: 1 to 3600, 300 unless given.",
        COMMAND_TIMEOUT_MIN_S,
        COMMAND_TIMEOUT_MAX_S,
    ),
]


class RunCommandResult(handoff.CallResult):
    """How the command ended, and what it printed."""

    status: Annotated[str, Field(description="COMPLETED, TIMED_OUT, RUNNING or INPUT_REQUIRED.")]
    exit_code: int | None
    stdout: str
    stderr: str

    @classmethod
    def not_run(cls, session_id: str, status: str, note: str) -> Self:
        """Return the result of a command that was not run."""
        return cls(session_id=session_id, status=status, exit_code=None, stdout="", stderr="", note=note)

    def as_text(self) -> str:
        """Show the outcome first, then what was printed, stderr marked."""
        going_on = {
            handoff.RUNNING: "still running",
            handoff.INPUT_REQUIRED: "still running, and waits for input",
            handoff.UNANSWERED: "not run yet",
            handoff.DENIED: "not run",
        }
        outcome = going_on.get(self.status, f"exit code {self.exit_code} ({self.status})")
        printed = handoff.in_one(stdout=self.stdout, stderr=self.stderr) or "(no output)"
        return f"{outcome} {self.trailer()}\n{printed}"


@dataclass(frozen=True, slots=True)
class Checked:
    """The command to run, wait for or type into once the user agrees.

    Attributes:
        session: The session.
        shell: The name of the shell in it; "" without one.
        call: The call; None if the call to type into has a request waiting for it, on whichever worker.
    """

    session: Session
    shell: str
    call: Call | None


async def check(
    ctx: ToolContext,
    command: str = "",
    agent: str = "",
    session_id: str = "",
    timeout_seconds: int = COMMAND_TIMEOUT_DEFAULT_S,
    shell: str = "",
    input: str = "",  # noqa: A002 - what hosts show
    handle: str = "",
) -> Checked:
    """Return a new call, or the one of the handle or the shell, after all checks but the user's confirmation."""
    with answering(ctx) as request:
        if handle:
            call = await request.earlier("run_command", agent, handle)
            check_input(input, name_of(call.shell), call.session.target.agent)
            return Checked(call.session, name_of(call.shell), call)
        session = await request.session(agent, session_id, may_be_new=not input)
        called = session.target.agent
        if shell:
            check_shell_id(shell)
        if input:
            if command:
                raise InvalidRequestError("command and input can't be combined: a shell runs one command at a time")
            check_input(input, shell, called)
        if shell and not command and (holder := await request.caller.shells.holder(session, shell)):
            try:
                return Checked(session, shell, await request.earlier("run_command", "", holder))
            except InvalidRequestError:
                # With a store, a call that its own request still waits for is unknown here.
                if not input:
                    raise waited_for(holder) from None
                return Checked(session, shell, None)
        line, in_shell = permitted(command, called), None
        if not input:
            check_command(line, timeout_seconds)
        if shell:
            # The first command of a shell also changes to the policy's folder: see in_shell.
            line, in_shell = command, InShell(shell)
            if input:
                in_shell.type(input)
        new = request.new_call(session, "run_command", line, "the command", timeout_s=timeout_seconds, shell=in_shell)
        return Checked(session, shell, new)


async def ask_user(
    ctx: ToolContext,
    checked: Annotated[Checked, Resolve(check)],
    command: str = "",
    input: str = "",  # noqa: A002 - what hosts show
) -> Confirmation | Elicit[Confirmation]:
    """Return the question to the user before something is sent, or the answer if none is needed."""
    with answering(ctx) as request:
        request.facts.agent = checked.session.target.agent
        is_new = checked.call is not None and checked.call.phase is Phase.NEW
        if not (is_asked_about(input) if input else is_new):
            return Confirmation(run=True)
        shows, into = request.host.has_live_view, checked.shell if input else ""
        return question(input or command, checked.session, ctx, has_live_view=shows, typed_into=into)


async def run_command(
    ctx: ToolContext,
    checked: Annotated[Checked, Resolve(check)],
    answer: Annotated[ElicitationResult[Confirmation], Resolve(ask_user)],
    command: Command = "",
    agent: str = "",
    session_id: SessionId = "",
    timeout_seconds: TimeoutSeconds = COMMAND_TIMEOUT_DEFAULT_S,
    shell: Shell = "",
    input: Input = "",  # noqa: A002 - what hosts show
    handle: Handle = "",
) -> Annotated[CallToolResult, RunCommandResult]:
    """Run a command and return how it ended."""
    with answering(ctx) as request:
        session = checked.session
        request.facts.agent = session.target.agent
        if isinstance(answer.data if answer.action == "accept" else None, AskedInLiveView):
            asked = RunCommandResult.not_run(session.session_id, handoff.UNANSWERED, UNANSWERED_NOTE).shown()
            again = {"command": command, "agent": session.agent, "session_id": session.called or session.session_id}
            again |= {"shell": checked.shell, "input": input}
            return with_question(request, asked, {**again, "timeout_seconds": timeout_seconds})
        check_confirmed(answer)
        if input:
            # Other requests may have gone on with the call while the user was asked.
            checked = await check(ctx, command, agent, session_id, timeout_seconds, shell, input, handle)
        return await proceed(request, checked, input)


TOOL = partial(publish, run_command, "Run a shell command", DESCRIPTION, meta=SHOWS_PAGE)


async def proceed(request: ToolRequest, checked: Checked, text: str) -> CallToolResult:
    """Begin a permitted call, or continue one that has begun; type ``text`` into it; and return its result."""
    call = checked.call
    if call is not None and call.phase is Phase.NEW:
        request.caller.begin(call, run_in_shell if call.shell else _run)
    elif text and (call is None or not call.finished):
        if call is not None and call.shell is not None:
            call.shell.asks = ""
        await request.caller.shells.type(checked.session, checked.shell, text)
    if call is None:
        return RunCommandResult.not_run(checked.session.session_id, handoff.RUNNING, TYPED_NOTE).shown()
    return await handoff.outcome(request, request.about(call), RunCommandResult, typed=bool(text))


async def _run(caller: Caller, call: Call) -> None:
    """Send the command, and add its output and its outcome to the call.

    Raises:
        StreamInterruptedError: If the stream ends without the outcome.
    """
    # Imported here: it loads all code that reads responses, and hosts wait for the start.
    from agentcore_mcp.wire.eventstream import ContentDelta, ContentStop

    assert call.timeout_s is not None  # noqa: S101 - a command has one
    target = call.session.target
    client = caller.agents.client_of(target)
    async with client.run_command(
        target.agent.arn,
        call.sent,
        session_id=call.session.session_id,
        timeout_s=call.timeout_s,
        qualifier=target.agent.qualifier,
        headers=traced(target.command_headers),
    ) as run:
        await caller.ledger.answered(call, run.session_id, run.request_id)
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

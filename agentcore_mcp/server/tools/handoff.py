"""A call that a request waits for, and hands over by its handle when its host can't wait any longer.

What the tools share that ask an agent and run a command.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import anyio
from pydantic import Field

from agentcore_mcp.errors import InvalidRequestError
from agentcore_mcp.server.output import RESULT_MAX_CHARS
from agentcore_mcp.server.results import Result
from agentcore_mcp.wire.limits import COMMAND_TIMEOUT_MAX_S

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mcp.types import CallToolResult

    from agentcore_mcp.config import Settings
    from agentcore_mcp.server.agents import Target
    from agentcore_mcp.server.call import Call
    from agentcore_mcp.server.results import CallFacts
    from agentcore_mcp.server.state import ServerState, ToolContext

# The status of a call that goes on; the others are the service's own.
RUNNING = "RUNNING"
# Of a result, where both texts of a command are long: stdout is where it says what it was run for.
STDERR_MAX_CHARS = RESULT_MAX_CHARS // 4


class CallResult(Result):
    """What has come of a call."""

    session_id: Annotated[str, Field(description="Pass this as session_id to go on in the same session.")]
    status: str
    omitted_chars: Annotated[int, Field(description="If set, so many characters are left out at marked gaps.")] = 0
    handle: Annotated[str, Field(description="If set, for read_output, or to wait on if RUNNING.")] = ""
    note: Annotated[str, Field(description="If set, how to continue.")] = ""

    def trailer(self) -> str:
        """Return the session, and how to continue, each on a line."""
        return f"[session_id: {self.session_id}]" + (f"\n[{self.note}]" if self.note else "")


async def wanted(
    state: ServerState, facts: CallFacts, tool: str, agent: str, handle: str, begins: Mapping[str, object]
) -> tuple[Target, Call | None]:
    """Return the agent that a request is for, and the call that it waits for, if it names one.

    Args:
        state: What knows them.
        facts: Where the agent is noted.
        tool: The tool that is called.
        agent: The argument.
        handle: The argument.
        begins: The other arguments, which begin a call, by name; those that are not given are false.

    Raises:
        InvalidRequestError: If there is none, or a handle comes with something that waiting would leave unheeded.
        AgentCoreError: If the agents have to be listed for it, and can't be.
    """
    call = state.calls.collectable(handle, tool) if handle else None
    target = (
        await state.target(agent, str(begins["session_id"])) if call is None else state.agents.known(call.session.agent)
    )
    facts.agent = target.agent
    if call is None:
        return target, None
    if agent not in ("", target.agent.name):
        raise InvalidRequestError(f"the handle {handle!r} is of a call of {target.agent.name}, not of {agent}")
    if unheeded := [name for name, value in begins.items() if value]:
        raise InvalidRequestError(
            f"a handle waits for the rest of its call and nothing else, so {', '.join(unheeded)} can't go with it; "
            "pass the handle alone, or leave it out to begin a new call"
        )
    return target, call


async def attended(ctx: ToolContext, facts: CallFacts, target: Target, call: Call) -> None:
    """Wait for a call for as long as the host can.

    Raises:
        Exception: What the call failed with.
    """
    state = ctx.request_context.lifespan_context
    facts.session_id = call.session.session_id
    try:
        await state.calls.attend(
            call,
            ctx.report_progress,
            first=f"session_id: {call.session.session_id}",
            handoff_after_s=state.settings.handoff_after_s,
        )
    except anyio.get_cancelled_exc_class():
        # What the end of the server does to sessions is for on_exit to say.
        if target.agent.on_cancel == "stop" and not state.calls.ending:
            state.stops.begin(call.session.session_id, target.agent.name)
        raise
    except Exception:
        _fit(call)
        left_out = _left_out(call, state.settings)
        texts = {name: output.text() for name, output in call.outputs.items()}
        facts.received = "\n".join(filter(None, [in_one(**texts), f"[{left_out}]" if left_out else ""]))
        state.calls.settle(call)
        raise
    if not call.finished:
        for output in call.outputs.values():
            output.show_unfinished()
    _fit(call)


def handed_over(state: ServerState, call: Call, kind: type[CallResult], **others: object) -> CallToolResult:
    """Return a call's result, and keep or let go of what the call holds.

    Args:
        state: What has the call.
        call: The call.
        kind: What kind of result it has.
        others: What else that is made of, besides the call's texts.
    """
    result = kind.model_validate(
        {
            "session_id": call.session.session_id,
            "status": call.stop.status if call.stop else "COMPLETED" if call.finished else RUNNING,
            "omitted_chars": call.omitted_chars,
            "handle": call.handle if call.ever_omitted_chars or not call.finished else "",
            "note": "; ".join(
                filter(None, [_going_on(call, state.settings), _timed_out(call), _left_out(call, state.settings)])
            ),
            **{name: output.text() for name, output in call.outputs.items()},
            **others,
        }
    )
    if call.finished:
        state.calls.settle(call)
    else:
        for output in call.outputs.values():
            output.begin_next()
    return result.shown()


def in_one(text: str = "", stdout: str = "", stderr: str = "") -> str:
    """Return the texts of a call in one, stderr after stdout and marked."""
    return "\n".join(filter(None, [text, stdout, f"[stderr]\n{stderr}" if stderr else ""]))


def _going_on(call: Call, settings: Settings) -> str:
    if call.finished:
        return ""
    agent = call.session.agent
    asked = call.tool == "invoke_agent" and settings.expose == "agents" and agent in settings.names
    tool = f"ask_{agent}" if asked else call.tool
    return f"still running: call {tool} with handle {call.handle!r} alone to wait for the rest"


def _timed_out(call: Call) -> str:
    if call.stop is None or not call.stop.timed_out:
        return ""
    longer = (
        "start it in the background and look at it later"
        if call.timeout_s == COMMAND_TIMEOUT_MAX_S
        else f"pass a larger timeout_seconds, at most {COMMAND_TIMEOUT_MAX_S}"
    )
    return f"it was ended after {call.timeout_s} s, and printed this until then; if it needs longer, {longer}"


def _left_out(call: Call, settings: Settings) -> str:
    if not call.ever_omitted_chars:
        return ""
    how = f": read them with read_output, handle {call.handle!r}" if settings.allows("read_output") else ""
    return f"{call.ever_omitted_chars:,} characters were left out{how}"


def _fit(call: Call) -> None:
    """Let both texts of a command fit into one result; what the one does not need is the other's."""
    match call.outputs:
        case {"stdout": stdout, "stderr": stderr}:
            stderr.fit(max(STDERR_MAX_CHARS, RESULT_MAX_CHARS - stdout.shown_chars))
            stdout.fit(RESULT_MAX_CHARS - stderr.shown_chars)

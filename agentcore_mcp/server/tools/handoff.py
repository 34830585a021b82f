"""A call that a request waits for, and hands over by its handle when its host can't wait any longer.

Shared by the tools invoke_agent, run_command, call_agent_tool and list_agents.
"""

from __future__ import annotations

from base64 import b64encode
from typing import TYPE_CHECKING, Annotated

import anyio
from mcp.types import ImageContent
from pydantic import Field

from agentcore_mcp.server.call import Phase
from agentcore_mcp.server.results import ERROR_MAX_CHARS, Result
from agentcore_mcp.server.tools import notes

if TYPE_CHECKING:
    from mcp.types import CallToolResult

    from agentcore_mcp.config import Settings
    from agentcore_mcp.server.call import Call
    from agentcore_mcp.server.callers import Caller
    from agentcore_mcp.server.tools.requests import ToolRequest
    from agentcore_mcp.wire.pieces import Binary

# The status of a call that goes on, and of one whose agent waits for an answer; the others are the service's own.
RUNNING = "RUNNING"
INPUT_REQUIRED = "INPUT_REQUIRED"
# The status of a command that the live view asks the user about, and of one that the user declined there.
UNANSWERED = "UNANSWERED"
DENIED = "DENIED"
# The share of stderr if both texts of a command are long: stdout has the output that the command was run for.
STDERR_SHARE = 0.25
# As base64 and with the rest of a result, below the 1 MiB limit for an event in the SDK's HTTP client.
IMAGE_MAX_BYTES = 700_000


class CallResult(Result):
    """What has come of a call."""

    session_id: Annotated[str, Field(description="Pass this as session_id to go on in the same session.")]
    status: str
    omitted_chars: Annotated[int, Field(description="If set, how many characters are left out.")] = 0
    handle: Annotated[str, Field(description="If set, for read_output, or to wait on if RUNNING.")] = ""
    note: Annotated[str, Field(description="If set, how to continue.")] = ""

    def trailer(self) -> str:
        """Return the session, and how to continue, each on a line."""
        return f"[session_id: {self.session_id}]" + (f"\n[{self.note}]" if self.note else "")

    def with_body(self, body: Binary | None) -> CallToolResult:
        """Return the tool result, with the image that the agent responded with, unless it is too large."""
        result = self.shown()
        if body is not None and len(body.content) <= IMAGE_MAX_BYTES:
            data = b64encode(body.content).decode()
            result.content.append(ImageContent(type="image", data=data, mime_type=body.content_type))
        return result


async def outcome(request: ToolRequest, call: Call, kind: type[CallResult], *, typed: bool = False) -> CallToolResult:
    """Wait for a call as ``wait`` does, and return its result as ``report`` does.

    ``typed`` tells whether the request has typed something into the call.
    """
    host, settings = request.host, request.caller.settings
    # A live view shows the rest, or a task returns it. A request that names a call by its handle wants the rest itself.
    shown = (host.has_live_view or host.takes_tasks) and (typed or call.phase is Phase.NEW)
    await wait(request, call, settings.live_handoff_after_s if shown else host.handoff_after_s)
    return await report(request.caller, call, kind, shown=host.has_live_view)


async def wait(request: ToolRequest, call: Call, handoff_after_s: float | None) -> None:
    """Wait for a call until it has ended, is handed over or has a question.

    Args:
        request: The request that waits.
        call: The call.
        handoff_after_s: After how many seconds it is handed over; None if it isn't.

    Raises:
        Exception: What the call failed with.
    """
    caller = request.caller
    try:
        await caller.calls.attend(
            call,
            request.ctx.report_progress,
            first=f"session_id: {call.session.session_id}",
            handoff_after_s=handoff_after_s,
        )
    except anyio.get_cancelled_exc_class():
        # At shutdown, on_exit decides what happens to sessions.
        if not caller.calls.ending:
            caller.cancelled(call.session)
        raise
    except Exception as error:
        _fit(call, call.max_chars - min(len(str(error)), ERROR_MAX_CHARS))
        left_out = notes.left_out(call, caller.settings)
        request.facts.received = "\n".join(filter(None, [in_one(**_texts(call)), f"[{left_out}]" if left_out else ""]))
        # If the progress could not be sent, ``attend`` has given up the call.
        if error is call.failure:
            await caller.calls.settle(call)
        raise


async def report(caller: Caller, call: Call, kind: type[CallResult], *, shown: bool = False) -> CallToolResult:
    """Return the result of a call; for a running one, the output so far, leaving the rest to a later request.

    Args:
        caller: The caller.
        call: The call.
        kind: The model of its result, with its texts as fields.
        shown: Whether a live view shows it.
    """
    if not call.finished:
        for output in call.outputs.values():
            output.show_unfinished()
    result = result_of(call, caller.settings, kind, shown=shown)
    if call.finished:
        await caller.calls.settle(call)
    else:
        await caller.calls.leave(call)
    return result


def result_of(call: Call, settings: Settings, kind: type[CallResult], *, shown: bool = False) -> CallToolResult:
    """Return the current result of a call like ``report``, but change nothing."""
    _fit(call, call.max_chars)
    members = {
        "session_id": call.session.session_id,
        "status": status_of(call),
        # A terminal has no stderr of its own.
        "stderr": "",
        "exit_code": call.stop.exit_code if call.stop else None,
        "omitted_chars": call.omitted_chars,
        "handle": call.handle if call.ever_omitted_chars or not call.finished else "",
        "note": notes.of(call, settings, shown=shown),
        "endpoint_url": call.endpoint_url,
        "questions": notes.questions(call),
    }
    return kind.model_validate(members | _texts(call)).with_body(call.body)


def status_of(call: Call) -> str:
    """Return the status of a call that has not failed."""
    if call.stop:
        return call.stop.status
    waits = call.pauses if call.finished else call.shell and call.shell.asks
    return INPUT_REQUIRED if waits else "COMPLETED" if call.finished else RUNNING


def _texts(call: Call) -> dict[str, str]:
    return {name: output.text() for name, output in call.outputs.items()}


def in_one(text: str = "", stdout: str = "", stderr: str = "") -> str:
    """Return the texts of a call in one, stderr after stdout and marked."""
    return "\n".join(filter(None, [text, stdout, f"[stderr]\n{stderr}" if stderr else ""]))


def _fit(call: Call, max_chars: int) -> None:
    """Fit the texts of a call into one result; room that one text of a command doesn't need goes to the other."""
    match call.outputs:
        case {"stdout": stdout, "stderr": stderr}:
            stderr.fit(max(int(max_chars * STDERR_SHARE), max_chars - stdout.shown_chars))
            stdout.fit(max_chars - stderr.shown_chars)
        case _:
            for output in call.outputs.values():
                output.fit(max_chars)

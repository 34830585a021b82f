"""The tool ``watch_call``: the state of a call, without collecting it. The page of the live view polls it."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import anyio
from mcp.types import CallToolResult  # noqa: TC002 - the SDK reads it
from pydantic import Field

from agentcore_mcp.errors import AgentCoreError, InvalidRequestError
from agentcore_mcp.server.hosted.shells import name_of
from agentcore_mcp.server.live.log import LIVE, LOOK_S, pieces_of
from agentcore_mcp.server.live.page import FOR_PAGE
from agentcore_mcp.server.results import CallFacts, Result, explanation
from agentcore_mcp.server.state import ToolContext  # noqa: TC001 - the SDK reads it
from agentcore_mcp.server.tools import handoff, notes
from agentcore_mcp.server.tools.publishing import bounded, publish
from agentcore_mcp.server.tools.requests import answering

if TYPE_CHECKING:
    from agentcore_mcp.server.call import Call
    from agentcore_mcp.server.callers import Caller

DESCRIPTION = """\
Look at a call that was handed over, without collecting it: its status, and what has come since an offset. Waits for \
news. With cancel, the call is ended; its session stays."""
WAIT_MAX_S = 25
# In both channels of a result, JSON escapes included, below the 1 MiB limit of the SDK's HTTP client.
READ_MAX_CHARS = 100_000


class WatchCallResult(Result):
    """How a call is doing."""

    handle: str
    tool: str
    agent: str
    session_id: str
    status: Annotated[str, Field(description="RUNNING, COMPLETED, INPUT_REQUIRED, TIMED_OUT or FAILED.")]
    exit_code: int | None = None
    pieces: Annotated[list[list[Any]], Field(description="[seconds, kind, text] of each.")]
    next_offset: int
    dropped_bytes: int = 0
    questions: list[dict[str, str]] = Field(default_factory=list)
    shell: str = ""
    asks: str = ""
    error: str = ""

    def as_text(self) -> str:
        """Show what came, then how it is doing."""
        came = "".join(str(text) for _, kind, text in self.pieces if kind != "began")
        ended = "" if self.exit_code is None else f", exit code {self.exit_code}"
        state = f"[{self.status}{ended}, session_id: {self.session_id}, next_offset: {self.next_offset}]"
        questions = [f"[asks: {json.dumps(question, ensure_ascii=False)}]" for question in self.questions]
        return "\n".join(filter(None, [came, state, *questions, self.error]))


async def watch_call(
    ctx: ToolContext,
    handle: Annotated[str, Field(description="Of the call.")],
    offset: Annotated[int, bounded("0 (unless given), or next_offset of an earlier result.", 0)] = 0,
    wait_seconds: Annotated[int, bounded("How long to wait for news: 0 (unless given) to 25.", 0, WAIT_MAX_S)] = 0,
    cancel: Annotated[bool, Field(description="End the call.")] = False,
) -> Annotated[CallToolResult, WatchCallResult]:
    """Return what is new of a call, at once or as soon as there is anything."""
    with answering(ctx) as request:
        calls = request.caller.calls
        if offset < 0 or not 0 <= wait_seconds <= WAIT_MAX_S:
            raise InvalidRequestError(f"offset has to be 0 or more, and wait_seconds 0 to {WAIT_MAX_S}")
        call = request.about(await calls.named(handle))
        if cancel and not call.finished:
            await end(request.caller, call)
        # Without a log, there is nothing to read, but the call may end.
        with anyio.move_on_after(wait_seconds):
            while not call.finished and (call.live is None or call.live.kept_bytes <= offset):
                await (anyio.sleep(LOOK_S) if call.live is None else call.live.news())
                # The state of a call that another worker reads is as old as the last lookup.
                call = call if call.stored is None else await calls.named(handle)
        lines = "" if call.live is None else (await calls.read(call, LIVE, offset, READ_MAX_CHARS))[0]
        pieces, size = pieces_of(lines)
        more = call.live is not None and offset + size < call.live.kept_bytes and size > 0
        ended = call.finished and not more
        return WatchCallResult(
            handle=handle,
            tool=call.tool,
            agent=call.session.agent,
            session_id=call.session.session_id,
            status=handoff.RUNNING if not ended else "FAILED" if call.failure else handoff.status_of(call),
            exit_code=call.stop.exit_code if call.stop is not None and ended else None,
            pieces=pieces,
            next_offset=offset + size,
            dropped_bytes=0 if call.live is None else call.live.dropped_bytes,
            questions=notes.questions(call) if ended else [],
            shell=name_of(call.shell),
            asks="" if call.shell is None else call.shell.asks,
            error=error_of(call) if ended else "",
        ).shown()


TOOL = partial(publish, watch_call, "Watch a call", DESCRIPTION, idempotent=True, local=True, meta=FOR_PAGE)


async def end(caller: Caller, call: Call) -> None:
    """End a running call, whichever worker reads it."""
    call.cancel(by_user=True) if call.stored is None else await call.stored.cancel()
    caller.cancelled(call.session)


def error_of(call: Call) -> str:
    """Return the error of a failed call, in words for a model; "" if it didn't fail."""
    if isinstance(call.failure, AgentCoreError):
        return explanation(call.failure, CallFacts(call.session.target.agent, call.session.session_id))
    return "" if call.failure is None else "the call failed inside the server"

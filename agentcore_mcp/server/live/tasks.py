"""The tasks extension of MCP (SEP-2663): a call that is handed over becomes a task of a client that declares it.

A task is the call: its id contains the call's handle and start time. Nothing else is stored, so any worker can answer
for it while the call can be collected. Polling a task takes nothing from a request that waits for the call by handle.
"""

from __future__ import annotations

import time
from contextlib import suppress
from copy import copy
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

from mcp.server.extension import Extension, MethodBinding
from mcp.server.mcpserver import require_client_extension
from mcp.shared.exceptions import MCPError
from mcp.types import INVALID_PARAMS, CallToolRequestParams, CallToolResult, RequestParams, TextContent
from pydantic import Field

from agentcore_mcp.errors import InvalidRequestError
from agentcore_mcp.server.hosted.principals import current_principal
from agentcore_mcp.server.hosts import TASKS, TASKS_VERSION, takes_tasks
from agentcore_mcp.server.live.watch_call import end, error_of
from agentcore_mcp.server.output import Output
from agentcore_mcp.server.spool import Spool
from agentcore_mcp.server.tools import handoff
from agentcore_mcp.server.tools.invoke_agent import InvokeAgentResult
from agentcore_mcp.server.tools.run_command import RunCommandResult
from agentcore_mcp.wire.limits import STREAM_MAX_S

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mcp.server.context import CallNext, HandlerResult, ServerRequestContext

    from agentcore_mcp.server.call import Call
    from agentcore_mcp.server.callers import Caller
    from agentcore_mcp.server.state import ServerState

# A call can't be collected later than this after its start.
TTL_MS = int(STREAM_MAX_S * 1000)
POLL_MS = 2_000
_PAGE_CHARS = 100_000
# The first shows running calls, and the questions of the second can't be asked in a task yet.
_NEVER = ("watch_call", "call_agent_tool")


class TaskParams(RequestParams):
    """What names a task: the handle of its call and, after a dot, when that began, in seconds since 1970."""

    task_id: str = Field(alias="taskId", pattern=r"^[^.]*(\.[0-9]{1,10})?$")


class Tasks(Extension):
    """The extension, for the calls of ``invoke_agent`` and ``run_command``."""

    identifier = TASKS

    def methods(self) -> Sequence[MethodBinding]:
        """Return the methods of tasks. A task never asks its client for input, so an update changes nothing."""
        handlers = {"tasks/get": _get, "tasks/update": _update, "tasks/cancel": _cancel}
        versions = frozenset({TASKS_VERSION})
        return [MethodBinding(name, TaskParams, handler, versions) for name, handler in handlers.items()]

    async def intercept_tool_call(
        self, params: CallToolRequestParams, ctx: ServerRequestContext[Any, Any], call_next: CallNext
    ) -> HandlerResult:
        """Return a task in place of the result of a running call."""
        result = await call_next(ctx)
        if isinstance(result, CallToolResult) and params.name not in _NEVER and takes_tasks(ctx.session):
            match result.structured_content:
                case {"status": handoff.RUNNING, "handle": str(handle), "session_id": session_id}:
                    task = _task(f"{handle}.{int(time.time())}", "working", f"session_id: {session_id}")
                    return {"resultType": "task", **task}
        return result


async def _get(ctx: ServerRequestContext[ServerState, Any], params: TaskParams) -> HandlerResult:
    caller = _caller(ctx)
    try:
        call = await caller.calls.named(handle_of(params.task_id))
    except InvalidRequestError as error:
        raise MCPError(INVALID_PARAMS, f"there is no such task: {error.message}") from error
    told = f"session_id: {call.session.session_id}"
    if not call.finished and not (call.shell and call.shell.asks):
        return _task(params.task_id, "working", told)
    if call.cancelled:
        return _task(params.task_id, "cancelled", told)
    result = (await _result(caller, call)).model_dump(mode="json", by_alias=True, exclude_none=True)
    return {**_task(params.task_id, "completed", told), "result": result}


async def _cancel(ctx: ServerRequestContext[ServerState, Any], params: TaskParams) -> HandlerResult:
    caller = _caller(ctx)
    with suppress(InvalidRequestError):
        if not (call := await caller.calls.named(handle_of(params.task_id))).finished:
            await end(caller, call)
    return {}


async def _update(ctx: ServerRequestContext[ServerState, Any], params: TaskParams) -> HandlerResult:  # noqa: ARG001
    _caller(ctx)
    return {}


def _caller(ctx: ServerRequestContext[ServerState, Any]) -> Caller:
    require_client_extension(ctx, TASKS)
    return ctx.lifespan_context.caller(current_principal())


def handle_of(task_id: str) -> str:
    """Return the handle of a task's call."""
    return task_id.partition(".")[0]


def _task(task_id: str, status: Literal["working", "completed", "cancelled"], message: str) -> dict[str, Any]:
    created = datetime.fromtimestamp(int(task_id.partition(".")[2] or 0), UTC)
    return {
        "taskId": task_id,
        "status": status,
        "statusMessage": message,
        "createdAt": created.isoformat(timespec="seconds"),
        "lastUpdatedAt": datetime.now(UTC).isoformat(timespec="seconds"),
        "ttlMs": TTL_MS,
        "pollIntervalMs": POLL_MS,
    }


async def _result(caller: Caller, call: Call) -> CallToolResult:
    """Return the result that a call would have had if its request had waited, from its stored output."""
    outputs = {name: Output(Spool(), call.max_chars) for name in call.outputs}
    for name, output in outputs.items():
        offset, text = 0, " "
        while text:
            text, offset = await caller.calls.read(call, name, offset, _PAGE_CHARS)
            output.add(text)
    if error := error_of(call):
        received = handoff.in_one(**{name: output.text() for name, output in outputs.items()})
        text = f"{error}\nWhat had arrived until then:\n{received}" if received else error
        return CallToolResult(content=[TextContent(type="text", text=text)], is_error=True)
    whole = copy(call)
    whole.outputs = outputs
    kind = RunCommandResult if call.tool == "run_command" else InvokeAgentResult
    return handoff.result_of(whole, caller.settings, kind)

"""The three tools. Their names, titles, descriptions and hints are what a model and its user see of this product."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from mcp.server.mcpserver import Context, MCPServer
from mcp.types import CallToolResult, ToolAnnotations
from pydantic import Field

from agentcore_mcp.errors import InvalidRequestError, StreamInterruptedError
from agentcore_mcp.server.output import RESULT_MAX_CHARS, OutputWindow
from agentcore_mcp.server.progress import live_progress
from agentcore_mcp.server.results import (
    InvokeAgentResult,
    RunCommandResult,
    StopSessionResult,
    both_outputs,
    invoke_agent_result,
    run_command_result,
    stop_session_result,
    tool_errors,
)
from agentcore_mcp.wire.eventstream import ContentDelta, ContentStop
from agentcore_mcp.wire.operations import COMMAND_TIMEOUT_DEFAULT_S, COMMAND_TIMEOUT_MAX_S, COMMAND_TIMEOUT_MIN_S
from agentcore_mcp.wire.text import AnswerText

if TYPE_CHECKING:
    from agentcore_mcp.config import Agent
    from agentcore_mcp.runtime.client import RuntimeClient
    from agentcore_mcp.server.sessions import SessionNames

# stdout gets most of the result: that is where a command says what it was run for.
STDOUT_MAX_CHARS = RESULT_MAX_CHARS * 3 // 4
STDERR_MAX_CHARS = RESULT_MAX_CHARS - STDOUT_MAX_CHARS


@dataclass(frozen=True, slots=True)
class Resources:
    """What the calls of one server share; made by its lifespan."""

    agent: Agent
    client: RuntimeClient
    sessions: SessionNames


SessionArgument = Annotated[
    str,
    Field(
        description=(
            "Which session. Leave out for a new, empty one. Pass the session_id of an earlier result to go on in that "
            "session, or a short name of your own, such as 'review', which means the same session for as long as "
            "this server runs."
        )
    ),
]
ToolContext = Context[Resources, Any]


INVOKE_AGENT = """\
Send a prompt to {agent}, an AI agent on Amazon Bedrock AgentCore, and return its answer; the words stream in as \
progress while it works. The agent may use tools of its own and take minutes. It remembers the conversation of its \
session. Each call runs the agent once and may have effects, so don't repeat one just because it was slow."""

RUN_COMMAND = """\
Run a shell command in the environment of the agent's session and return its stdout, stderr and exit code; the \
output streams in as progress. Files persist in the session, and are the ones that the agent sees. Each call is a \
fresh shell: working directory and variables are not kept, so chain with &&. The command has the power of the \
runtime's IAM role. A non-zero exit code is a result, not an error."""

STOP_SESSION = """\
End a session: whatever runs in it is stopped, and its memory and files are deleted. Call it when a session is no \
longer needed, since sessions cost money until they have been idle for a while (15 minutes unless set otherwise). \
Stopping a session that is already gone is fine."""


def register_tools(server: MCPServer[Resources], agent: Agent) -> None:
    """Add the tools for an agent to a server, every hint stated."""
    server.add_tool(
        invoke_agent,
        title="Ask the agent",
        description=INVOKE_AGENT.format(agent=display_name(agent)),
        annotations=ToolAnnotations(
            title="Ask the agent",
            read_only_hint=False,
            destructive_hint=True,
            idempotent_hint=False,
            open_world_hint=True,
        ),
    )
    server.add_tool(
        run_command,
        title="Run a shell command",
        description=RUN_COMMAND,
        annotations=ToolAnnotations(
            title="Run a shell command",
            read_only_hint=False,
            destructive_hint=True,
            idempotent_hint=False,
            open_world_hint=True,
        ),
    )
    server.add_tool(
        stop_session,
        title="Stop the session",
        description=STOP_SESSION,
        annotations=ToolAnnotations(
            title="Stop the session",
            read_only_hint=False,
            destructive_hint=True,
            idempotent_hint=True,
            open_world_hint=False,
        ),
    )


def display_name(agent: Agent) -> str:
    """Return what tells one configured server from another: the runtime's name, and its endpoint's if there is one."""
    return f"{agent.arn.runtime_id} ({agent.qualifier})" if agent.qualifier else agent.arn.runtime_id


async def invoke_agent(
    prompt: Annotated[str, Field(description="What to ask or tell the agent, in plain language.")],
    ctx: ToolContext,
    session_id: SessionArgument = "",
) -> Annotated[CallToolResult, InvokeAgentResult]:
    """Ask the agent and return its words."""
    shared = ctx.request_context.lifespan_context
    with tool_errors(shared.agent) as facts:
        if not prompt.strip():
            raise InvalidRequestError("the prompt is empty; say what the agent should do")
        facts.session_id = session = shared.sessions.resolve(session_id, shared.agent.arn)
        payload = json.dumps({"prompt": prompt}).encode()
        answer, window = AnswerText(), OutputWindow()
        facts.received = window.text
        async with (
            live_progress(ctx.report_progress, first=f"session_id: {session}", waiting_for="the agent") as progress,
            shared.client.invoke(
                shared.agent.arn, payload, session_id=session, qualifier=shared.agent.qualifier
            ) as invocation,
        ):
            async for data in invocation:
                text = answer.feed(data)
                window.add(text)
                progress.add(text)
            text = answer.close()
            window.add(text)
            progress.add(text)
        return invoke_agent_result(
            InvokeAgentResult(session_id=invocation.session_id, text=window.text(), omitted_chars=window.omitted_chars)
        )


async def run_command(
    command: Annotated[str, Field(description="The command line, at most 65,536 characters.")],
    ctx: ToolContext,
    session_id: SessionArgument = "",
    timeout_seconds: Annotated[
        int,
        Field(
            description="After how many seconds the command is ended.",
            # Stated, and checked with the request: pydantic's own refusal is not a sentence for a model.
            json_schema_extra={"minimum": COMMAND_TIMEOUT_MIN_S, "maximum": COMMAND_TIMEOUT_MAX_S},
        ),
    ] = COMMAND_TIMEOUT_DEFAULT_S,
) -> Annotated[CallToolResult, RunCommandResult]:
    """Run a command and return how it ended."""
    shared = ctx.request_context.lifespan_context
    with tool_errors(shared.agent) as facts:
        facts.session_id = session = shared.sessions.resolve(session_id, shared.agent.arn)
        stdout, stderr = OutputWindow(STDOUT_MAX_CHARS), OutputWindow(STDERR_MAX_CHARS)
        facts.received = lambda: both_outputs(stdout.text(), stderr.text())
        stop: ContentStop | None = None
        async with (
            live_progress(ctx.report_progress, first=f"session_id: {session}", waiting_for="the command") as progress,
            shared.client.run_command(
                shared.agent.arn,
                command,
                session_id=session,
                timeout_s=timeout_seconds,
                qualifier=shared.agent.qualifier,
            ) as run,
        ):
            async for event in run:
                match event:
                    case ContentDelta():
                        stdout.add(event.stdout)
                        stderr.add(event.stderr)
                        progress.add(event.stdout)
                        progress.add(f"[stderr] {event.stderr}" if event.stderr else "")
                    case ContentStop():
                        stop = event
        if stop is None:
            raise StreamInterruptedError("the command's stream ended without saying how the command ended")
        return run_command_result(
            RunCommandResult(
                session_id=run.session_id,
                exit_code=stop.exit_code,
                status=stop.status,
                stdout=stdout.text(),
                stderr=stderr.text(),
                omitted_chars=stdout.omitted_chars + stderr.omitted_chars,
            )
        )


async def stop_session(
    session_id: Annotated[str, Field(description="The session_id of an earlier result, or the short name you gave.")],
    ctx: ToolContext,
) -> Annotated[CallToolResult, StopSessionResult]:
    """Stop a session."""
    shared = ctx.request_context.lifespan_context
    with tool_errors(shared.agent) as facts:
        facts.stopping = True
        if not session_id.strip():
            raise InvalidRequestError("session_id is empty; pass the session_id of an earlier result")
        facts.session_id = session = shared.sessions.resolve(session_id, shared.agent.arn)
        stopped = await shared.client.stop_session(
            shared.agent.arn, session_id=session, qualifier=shared.agent.qualifier
        )
        return stop_session_result(
            StopSessionResult(session_id=session, status="already_gone" if stopped.already_gone else "stopped")
        )

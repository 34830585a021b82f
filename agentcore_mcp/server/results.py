"""What a call comes back with: the results of the tools, and the one place where errors become tool errors.

Hosts show a model either ``content`` or ``structured_content``, rarely both, so each carries the whole answer, the
session id and, for a command, the exit code.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

from mcp.server.mcpserver.exceptions import ToolError
from mcp.types import CallToolResult, TextContent
from pydantic import BaseModel, Field

from agentcore_mcp.errors import AgentCoreError, AgentRuntimeError, ServiceError
from agentcore_mcp.server.hints import next_step
from agentcore_mcp.server.output import OutputWindow

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from agentcore_mcp.config import Agent

ERROR_MAX_CHARS = 4_000

SessionId = Annotated[str, Field(description="Pass this as session_id to go on in the same session.")]
OmittedChars = Annotated[int, Field(description="How many characters were left out where a gap is marked.")]


class InvokeAgentResult(BaseModel):
    """What the agent said."""

    session_id: SessionId
    text: str
    omitted_chars: OmittedChars


class RunCommandResult(BaseModel):
    """How the command ended, and what it printed."""

    session_id: SessionId
    exit_code: int
    status: Annotated[str, Field(description="COMPLETED, or TIMED_OUT: ended by its timeout.")]
    stdout: str
    stderr: str
    omitted_chars: OmittedChars


class StopSessionResult(BaseModel):
    """What became of the session."""

    session_id: str
    status: Literal["stopped", "already_gone"]


def invoke_agent_result(result: InvokeAgentResult) -> CallToolResult:
    """Show an agent's answer."""
    return _result(result, f"{result.text or '(the agent said nothing)'}\n\n[session_id: {result.session_id}]")


def run_command_result(result: RunCommandResult) -> CallToolResult:
    """Show a command's outcome first, then its output, marking what is stderr."""
    timed_out = "; it ran into its timeout and was ended" if result.status == "TIMED_OUT" else ""
    outcome = f"exit code {result.exit_code} ({result.status}{timed_out}) [session_id: {result.session_id}]"
    return _result(result, f"{outcome}\n{both_outputs(result.stdout, result.stderr) or '(no output)'}")


def both_outputs(stdout: str, stderr: str) -> str:
    """Show what a command printed in one text, stderr after stdout and marked."""
    return "\n".join([*([stdout] if stdout else []), *([f"[stderr]\n{stderr}"] if stderr else [])])


def stop_session_result(result: StopSessionResult) -> CallToolResult:
    """Show that a session is no more."""
    text = {
        "stopped": "is stopped; its files and memory are gone",
        "already_gone": "doesn't exist, or not any more; nothing was left to stop",
    }
    return _result(result, f"session {result.session_id} {text[result.status]}")


@dataclass(slots=True)
class CallFacts:
    """What is known of a call by the time it fails.

    Attributes:
        session_id: The session that was called, once it is known.
        received: Returns the text that had arrived.
        stopping: The call is to stop the session.
    """

    session_id: str | None = None
    received: Callable[[], str] | None = None
    stopping: bool = False


@contextmanager
def tool_errors(agent: Agent) -> Iterator[CallFacts]:
    """Turn every failure that this package knows into a tool error that says what to do next.

    Anything else goes on as it is: the SDK logs it and shows the caller nothing of it.
    """
    facts = CallFacts()
    try:
        yield facts
    except AgentCoreError as error:
        raise ToolError(_explanation(error, agent, facts)) from error


def _explanation(error: AgentCoreError, agent: Agent, facts: CallFacts) -> str:
    details = []
    if isinstance(error, AgentRuntimeError):
        details += [f"HTTP {error.status}"] if error.status else []
        details += [f"request {error.request_id}"] if error.request_id else []
    if session_id := error.session_id or facts.session_id:
        details.append(f"session_id: {session_id}")
    details.append(f"agent {agent.arn.runtime_id}")
    parts = [f"{_bounded(error.message)} ({', '.join(details)})."]
    if isinstance(error, ServiceError) and error.fields:
        parts.append(_bounded(" ".join(f"{name}: {message}." for name, message in error.fields)))
    if step := next_step(error, agent, stopping=facts.stopping):
        parts.append(step)
    if facts.received is not None and (received := facts.received()):
        parts.append(f"What had arrived until then:\n{received}")
    return "\n".join(parts)


def _bounded(text: str) -> str:
    """Cut a text of others: an agent may put anything into its error, and hosts refuse large results."""
    window = OutputWindow(ERROR_MAX_CHARS)
    window.add(text)
    return window.text()


def _result(model: BaseModel, text: str) -> CallToolResult:
    return CallToolResult(content=[TextContent(type="text", text=text)], structured_content=model.model_dump())

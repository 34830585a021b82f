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

from agentcore_mcp.errors import AgentCoreError, AgentRuntimeError, InvalidRequestError, ServiceError
from agentcore_mcp.server.hints import next_step
from agentcore_mcp.server.output import OutputWindow
from agentcore_mcp.server.sessions import ALL

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from agentcore_mcp.config import Agent

ERROR_MAX_CHARS = 4_000
# The status of a call that goes on; the others are the service's own.
RUNNING = "RUNNING"

SessionId = Annotated[str, Field(description="Pass this as session_id to go on in the same session.")]
OmittedChars = Annotated[int, Field(description="Characters left out where a gap is marked.")]
Handle = Annotated[str, Field(description="For read_output, or to wait on if RUNNING.")]
Note = Annotated[str, Field(description="Not empty: how to go on.")]


class _Result(BaseModel):
    def shown(self) -> CallToolResult:
        """Return the result of the tool, complete in either channel."""
        text = TextContent(type="text", text=self.as_text())
        return CallToolResult(content=[text], structured_content=self.model_dump())

    def as_text(self) -> str:
        raise NotImplementedError


class InvokeAgentResult(_Result):
    """What the agent said."""

    session_id: SessionId
    status: Annotated[str, Field(description="COMPLETED or RUNNING.")]
    text: str
    omitted_chars: OmittedChars
    handle: Handle
    note: Note

    def as_text(self) -> str:
        """Show the words first."""
        said = self.text or ("(nothing new)" if self.status == RUNNING else "(the agent said nothing)")
        return f"{said}\n\n[session_id: {self.session_id}]{_bracketed(self.note)}"


class RunCommandResult(_Result):
    """How the command ended, and what it printed."""

    session_id: SessionId
    status: Annotated[str, Field(description="COMPLETED, TIMED_OUT (ended by its timeout) or RUNNING.")]
    exit_code: int | None
    stdout: str
    stderr: str
    omitted_chars: OmittedChars
    handle: Handle
    note: Note

    def as_text(self) -> str:
        """Show the outcome first, then what was printed, stderr marked."""
        outcome = "still running" if self.status == RUNNING else f"exit code {self.exit_code} ({self.status})"
        printed = both_outputs(self.stdout, self.stderr) or "(no output)"
        return f"{outcome} [session_id: {self.session_id}]{_bracketed(self.note)}\n{printed}"


class StopSessionResult(_Result):
    """What became of the session, or of all of them."""

    session_id: Annotated[str, Field(description="As resolved, or 'all'.")]
    status: Annotated[Literal["stopped", "already_gone"], Field(description="already_gone: there was none to stop.")]
    stopped: Annotated[list[str], Field(description="The sessions that were stopped, or some of them.")]
    count: Annotated[int, Field(description="How many were stopped.")]

    def as_text(self) -> str:
        """Show a line for each session that was stopped."""
        if not self.stopped and self.session_id == ALL:
            return "no session is open that this server opened; nothing was left to stop"
        if not self.stopped:
            return f"session {self.session_id} doesn't exist, or no longer does; nothing was left to stop"
        lines = [f"session {session} is stopped; its files and memory are gone" for session in self.stopped]
        return "\n".join(lines + and_more(self.count - len(self.stopped)))


class AgentInfo(BaseModel):
    """An agent that may be called."""

    name: str
    description: str
    commands: Annotated[str, Field(description="allow, ask (the user confirms each) or off.")]


class SessionInfo(BaseModel):
    """A session that this server opened."""

    session_id: str
    agent: str
    age_s: int
    idle_s: int


class ListAgentsResult(_Result):
    """The agents, and the sessions that this server opened."""

    agents: list[AgentInfo]
    sessions: list[SessionInfo]
    note: Annotated[str, Field(description="Not empty: what else there may be.")]

    def as_text(self) -> str:
        """Show a line for each."""
        agents = [
            f"- {agent.name}: {agent.description or '(no description)'} [commands: {agent.commands}]"
            for agent in self.agents
        ]
        sessions = [
            f"- {session.session_id}: {session.agent}, opened {session.age_s} s ago, last used {session.idle_s} s ago"
            for session in self.sessions
        ]
        note = [f"[{self.note}]"] if self.note else []
        return "\n".join(["agents:", *agents, *note, "open sessions:", *(sessions or ["(none)"])])


class ReadOutputResult(_Result):
    """A part of an output."""

    text: str
    next_offset: Annotated[int, Field(description="Pass this as offset to read on.")]
    total_bytes: Annotated[int, Field(description="How much there is to read, so far.")]
    dropped_bytes: Annotated[int, Field(description="How much more there was than is kept.")]
    finished: Annotated[bool, Field(description="Whether the call has ended, so that no more will come.")]

    def as_text(self) -> str:
        """Show the part, then how to go on."""
        return (
            f"{self.text}\n[next_offset: {self.next_offset} of {self.total_bytes} bytes"
            f"{f', {self.dropped_bytes} more were not kept' if self.dropped_bytes else ''}"
            f"{'' if self.finished else ', and the call goes on'}]"
        )


def both_outputs(stdout: str, stderr: str) -> str:
    """Show what a command printed in one text, stderr after stdout and marked."""
    return "\n".join([*([stdout] if stdout else []), *([f"[stderr]\n{stderr}"] if stderr else [])])


def and_more(count: int) -> list[str]:
    """Return the line that stands for what a list leaves out, if it leaves something out."""
    return [f"and {count:,} more"] if count > 0 else []


def _bracketed(note: str) -> str:
    return f"\n[{note}]" if note else ""


@dataclass(slots=True)
class CallFacts:
    """What is known of a call by the time it fails.

    Attributes:
        agent: The agent that was called, once it is known.
        session_id: The session that was called, once it is known.
        received: Returns the text that had arrived.
        stopping: The call is to stop the session.
    """

    agent: Agent | None = None
    session_id: str | None = None
    received: Callable[[], str] | None = None
    stopping: bool = False


@contextmanager
def tool_errors() -> Iterator[CallFacts]:
    """Turn every failure that this package knows into a tool error that says what to do next.

    Anything else goes on as it is: the SDK logs it and shows the caller nothing of it.
    """
    facts = CallFacts()
    try:
        yield facts
    except AgentCoreError as error:
        raise ToolError(_explanation(error, facts)) from error


def _explanation(error: AgentCoreError, facts: CallFacts) -> str:
    details = []
    if isinstance(error, AgentRuntimeError):
        details += [f"HTTP {error.status}"] if error.status else []
        details += [f"request {error.request_id}"] if error.request_id else []
    session_id = error.session_id or facts.session_id
    # An argument that can't be sent opens no session.
    if session_id and not isinstance(error, InvalidRequestError):
        details.append(f"session_id: {session_id}")
    if facts.agent is not None:
        details.append(f"agent {facts.agent.name}, runtime {facts.agent.arn.runtime_id}")
    known = f" ({', '.join(details)})" if details else ""
    parts = [f"{_bounded(error.message)}{known}."]
    if isinstance(error, ServiceError) and error.fields:
        parts.append(_bounded(" ".join(f"{name}: {message}." for name, message in error.fields)))
    if facts.agent is not None and (step := next_step(error, facts.agent, stopping=facts.stopping)):
        parts.append(step)
    if facts.received is not None and (received := facts.received()):
        parts.append(f"What had arrived until then:\n{received}")
    return "\n".join(parts)


def _bounded(text: str) -> str:
    """Cut a text of others: an agent may put anything into its error, and hosts refuse large results."""
    window = OutputWindow(ERROR_MAX_CHARS)
    window.add(text)
    return window.text()

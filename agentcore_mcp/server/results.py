"""The outcome of a tool: a result in both channels, or the text of an error.

Hosts show a model either ``content`` or ``structured_content``, rarely both, so each carries the whole answer, the
session id and, for a command, the exit code.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mcp.types import CallToolResult, TextContent
from pydantic import BaseModel

from agentcore_mcp.errors import AgentCoreError, AgentRuntimeError, InvalidRequestError, ServiceError
from agentcore_mcp.server.hints import next_step
from agentcore_mcp.server.output import OutputWindow

if TYPE_CHECKING:
    from agentcore_mcp.config import Agent

ERROR_MAX_CHARS = 4_000


class Result(BaseModel):
    """What a tool comes back with."""

    def shown(self) -> CallToolResult:
        """Return the tool result, complete in each of both channels, without empty optional members."""
        text = TextContent(type="text", text=self.as_text())
        return CallToolResult(content=[text], structured_content=self.model_dump(exclude_defaults=True))

    def as_text(self) -> str:
        """Return the whole answer as a text."""
        raise NotImplementedError


@dataclass(slots=True)
class CallFacts:
    """What is known of a call by the time it fails.

    Attributes:
        agent: The agent that was called, once it is known.
        session_id: The session that was called, once it is known.
        received: The text that had arrived.
        stopping: Whether the call is a stop of the session.
    """

    agent: Agent | None = None
    session_id: str | None = None
    received: str = ""
    stopping: bool = False


def explanation(error: AgentCoreError, facts: CallFacts) -> str:
    """Return a description of a failure, and what to do next."""
    details = []
    if isinstance(error, AgentRuntimeError):
        details += [f"HTTP {error.status}"] if error.status else []
        details += [f"request {error.request_id}"] if error.request_id else []
    session_id = error.session_id or facts.session_id
    # A request with an invalid argument is not sent, so it opens no session.
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
    if facts.received:
        parts.append(f"What had arrived until then:\n{facts.received}")
    return "\n".join(parts)


def _bounded(text: str) -> str:
    """Truncate a foreign text: an agent may put anything into its error, and hosts refuse large results."""
    window = OutputWindow(ERROR_MAX_CHARS)
    window.add(text)
    return window.text()

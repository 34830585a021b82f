"""Accounts of tool calls, for metrics and logs.

They hold the tool, the caller and the outcome, but no prompts, commands or output.
"""

from __future__ import annotations

import logging
import time
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import anyio
from mcp.shared.exceptions import MCPError

from agentcore_mcp import errors
from agentcore_mcp.server.hosted.principals import current_principal

if TYPE_CHECKING:
    from collections.abc import Collection
    from enum import Enum

    from mcp.server.context import CallNext, HandlerResult, ServerRequestContext

    from agentcore_mcp.server.hosted.metrics import Metrics

# The label of unknown tools.
_OTHER = "other"
_BY_STATUS = {"RUNNING": "running", "INPUT_REQUIRED": "input_required", "TIMED_OUT": "timed_out"}
_BY_HTTP_STATUS = {401: "denied", 403: "denied", 429: "throttled"}
# The first match counts; the remaining errors are about settings or credentials.
_BY_ERROR: tuple[tuple[type[errors.AgentCoreError], str], ...] = (
    (errors.ServiceError, "service_error"),
    (errors.AgentError, "agent_error"),
    (errors.InvalidRequestError, "refused"),
    (errors.SessionStoppedError, "stopped"),
    (errors.ResponseTimeoutError, "timed_out"),
    (errors.TransportError, "connection"),
    (errors.ProtocolError, "protocol"),
    (errors.AgentCoreError, "configuration"),
)

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class Account:
    """What is known about one tool call.

    Attributes:
        tool: The tool's name; "other" if there is no such tool.
        metrics: Where it is counted; None without metrics.
        began_at: When it began, on the monotonic clock.
        agent: The name of the agent; "" if it isn't known.
        session_id: The session that it runs in.
        error: The error that the tool failed with.
        outcome: How it ended.
        request_id: AWS's id of the upstream request.
        received_bytes: The bytes of text received so far.
        begun_by: The account of the earlier tool call that began the call it waits for.
    """

    tool: str
    metrics: Metrics | None
    began_at: float = field(default_factory=time.monotonic)
    agent: str = ""
    session_id: str | None = None
    error: Exception | None = None
    outcome: str = "internal"
    request_id: str | None = None
    received_bytes: int = 0
    begun_by: Account | None = None

    @property
    def seconds(self) -> float:
        """How long the tool call has been running."""
        return time.monotonic() - self.began_at

    def received(self, text: str) -> None:
        """Count a piece of text, which must not be empty."""
        size = len(text.encode())
        if self.metrics is not None:
            self.metrics.received(self.tool, self.agent, size, first_s=None if self.received_bytes else self.seconds)
        self.received_bytes += size

    def entered(self, before: Enum, after: Enum) -> None:
        """Count its agent call or command as entering another phase."""
        if self.metrics is not None:
            self.metrics.entered(before.name.lower(), after.name.lower())

    def log(self, request_id: Any) -> None:
        """Log the tool call in one line; ``request_id`` is the MCP request's."""
        if not logger.isEnabledFor(logging.INFO):
            return
        principal, call = current_principal(), self.begun_by or self
        known = {
            "tool": self.tool,
            "agent": self.agent,
            "session_id": self.session_id,
            "issuer": principal.issuer,
            "subject": principal.subject,
            "client": principal.client,
            "mcp_request_id": request_id,
            "agentcore_request_id": getattr(self.error, "request_id", None) or call.request_id,
            "outcome": self.outcome,
            "seconds": round(self.seconds, 3),
            "bytes": call.received_bytes,
        }
        fields = {name: value for name, value in known.items() if value not in (None, "")}
        logger.info("%s: %s", self.tool, self.outcome, extra={"fields": fields})


_current: ContextVar[Account | None] = ContextVar("account", default=None)


def current_account() -> Account | None:
    """Return the account of the tool call that is being answered; None if neither metrics nor the log need one."""
    return _current.get()


class Accounts:
    """MCP server middleware that keeps the accounts, for metrics and for a log at level INFO.

    Args:
        tools: The names of the tools.

    Attributes:
        metrics: Where calls are counted; None without metrics.
    """

    def __init__(self, tools: Collection[str]) -> None:
        self._tools = tools
        self.metrics: Metrics | None = None

    async def __call__(self, ctx: ServerRequestContext[Any, Any], call_next: CallNext) -> HandlerResult:
        """Pass a message on."""
        if ctx.method != "tools/call" or (self.metrics is None and not logger.isEnabledFor(logging.INFO)):
            return await call_next(ctx)
        name = (ctx.params or {}).get("name")
        tool = name if isinstance(name, str) and name in self._tools else _OTHER
        account = Account("invoke_agent" if tool.startswith("ask_") else tool, self.metrics)
        before = _current.set(account)
        try:
            result = await call_next(ctx)
            account.outcome = _outcome(result, account.error)
        except anyio.get_cancelled_exc_class():
            account.outcome = "cancelled"
            raise
        except MCPError:
            account.outcome = "refused"
            raise
        finally:
            _current.reset(before)
            if self.metrics is not None:
                self.metrics.answered(account.tool, account.agent, account.outcome, account.seconds)
            account.log(ctx.request_id)
        return result


def _outcome(result: Any, error: Exception | None) -> str:
    """Return how a call ended, as one of the outcomes in docs/hosted.md."""
    if error is not None:
        by_class = next((word for kind, word in _BY_ERROR if isinstance(error, kind)), "internal")
        status = error.status if isinstance(error, errors.ServiceError) else None
        return _BY_HTTP_STATUS.get(status or 0, by_class)
    # A result of ArgumentCheck is not serialized yet.
    if not isinstance(result, dict) or result.get("isError"):
        return "refused"
    content = result.get("structuredContent")
    # A result without structured content is a question to the user.
    return "input_required" if content is None else _BY_STATUS.get(content.get("status", ""), "completed")

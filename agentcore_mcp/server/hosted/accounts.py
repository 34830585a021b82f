"""Accounts of calls of tools, for metrics and logs.

They say what was called, by whom, and how it ended; nothing of what was asked, run or answered.
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

# A tool that there isn't.
_OTHER = "other"
_BY_STATUS = {"RUNNING": "running", "INPUT_REQUIRED": "input_required", "TIMED_OUT": "timed_out"}
_BY_HTTP_STATUS = {401: "denied", 403: "denied", 429: "throttled"}
# The first that fits; what is left are settings and credentials.
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
    """What is known of one call of a tool.

    Attributes:
        tool: Its name; "other" if there is no such tool.
        metrics: What counts it, if anything does.
        began_at: When it began, on the monotonic clock.
        agent: The name of its agent; "" if it isn't known.
        session_id: The session that it runs in.
        error: What the tool failed with.
        outcome: How it ended.
        request_id: AWS's id of the request that it became.
        received_bytes: How much text it has brought in.
        begun_by: The account of the call whose rest it waits for.
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
        """How long it has been going on."""
        return time.monotonic() - self.began_at

    def received(self, text: str) -> None:
        """Note a piece of text, which is not empty."""
        size = len(text.encode())
        if self.metrics is not None:
            self.metrics.received(self.tool, self.agent, size, first_s=None if self.received_bytes else self.seconds)
        self.received_bytes += size

    def entered(self, before: Enum, after: Enum) -> None:
        """Note that its call of an agent or a command enters another phase."""
        if self.metrics is not None:
            self.metrics.entered(before.name.lower(), after.name.lower())

    def log(self, request_id: Any) -> None:
        """Write it down in a line; ``request_id`` is the MCP request's."""
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
    """Return the account of the call of a tool that is being answered, if anybody wants one."""
    return _current.get()


class Accounts:
    """Middleware of the MCP server that keeps the accounts, for metrics and for a log that has INFO.

    Args:
        tools: The names of the tools.

    Attributes:
        metrics: What counts the calls, if anything does.
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
    """Return how a call ended: one of a few words, see docs/hosted.md."""
    if error is not None:
        by_class = next((word for kind, word in _BY_ERROR if isinstance(error, kind)), "internal")
        status = error.status if isinstance(error, errors.ServiceError) else None
        return _BY_HTTP_STATUS.get(status or 0, by_class)
    # A result of ArgumentCheck is not on its wire form yet.
    if not isinstance(result, dict) or result.get("isError"):
        return "refused"
    content = result.get("structuredContent")
    # Without any, it is a question to the user.
    return "input_required" if content is None else _BY_STATUS.get(content.get("status", ""), "completed")

"""A request for a tool: its caller, the facts that its errors state, and the call that it begins or is about."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mcp.server.mcpserver.exceptions import ToolError

from agentcore_mcp.errors import AgentCoreError, InvalidRequestError
from agentcore_mcp.server.call import Call
from agentcore_mcp.server.hosted.accounts import current_account
from agentcore_mcp.server.hosted.principals import current_principal
from agentcore_mcp.server.hosts import host_of
from agentcore_mcp.server.live.log import LiveLog
from agentcore_mcp.server.output import Output
from agentcore_mcp.server.results import CallFacts, explanation
from agentcore_mcp.server.spool import Spool

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agentcore_mcp.server.callers import Caller
    from agentcore_mcp.server.hosted.shells import InShell
    from agentcore_mcp.server.hosts import Host
    from agentcore_mcp.server.sessions import Session
    from agentcore_mcp.server.state import ServerState, ToolContext


@dataclass(frozen=True, slots=True)
class ToolRequest:
    """A request for a tool.

    Attributes:
        ctx: The SDK's context of it.
        caller: The caller who sent it.
        facts: The facts that an error states.
    """

    ctx: ToolContext
    caller: Caller
    facts: CallFacts = field(default_factory=CallFacts)

    @property
    def state(self) -> ServerState:
        """The state that the calls of the server share."""
        return self.ctx.request_context.lifespan_context

    @property
    def host(self) -> Host:
        """The limits of the host that sent it."""
        return host_of(self.ctx.session, self.caller.settings)

    async def session(self, agent: str, session_id: str, *, may_be_new: bool = True) -> Session:
        """Return the session that the arguments name, or a new one.

        Raises:
            InvalidRequestError: If there is no such agent, or ``session_id`` is not the caller's to use.
            AgentCoreError: If the agents have to be listed for it, and can't be.
        """
        target = await self.caller.target(agent, session_id)
        self.facts.agent = target.agent
        return await self.caller.session(target, session_id, may_be_new=may_be_new)

    async def earlier(self, tool: str, agent: str, handle: str) -> Call:
        """Return the call that this request is to wait for.

        Args:
            tool: The tool that is called.
            agent: The argument.
            handle: The argument; ``arguments`` has checked that it isn't combined with others.

        Raises:
            InvalidRequestError: If there is no such call, or it is of another tool or agent.
        """
        call = self.about(await self.caller.calls.collectable(handle, tool))
        if (account := current_account()) is not None:
            account.begun_by = call.account
        if agent not in ("", call.session.agent):
            raise InvalidRequestError(f"the handle {handle!r} is of a call of {call.session.agent}, not of {agent}")
        return call

    def new_call(
        self,
        session: Session,
        tool: str,
        sent: str,
        waiting_for: str,
        *,
        timeout_s: int | None = None,
        shell: InShell | None = None,
    ) -> Call:
        """Return a call that is made for this request.

        Args:
            session: The session that it runs in.
            tool: The tool.
            sent: The prompt or the command.
            waiting_for: What a heartbeat says it is waiting for.
            timeout_s: After how many seconds the service ends it, if it is a command.
            shell: Its shell, if it is a command in a persistent shell.
        """
        host = self.host
        is_command, max_chars = tool == "run_command", host.text_max_chars
        names = ("text",) if not is_command else ("stdout",) if shell else ("stdout", "stderr")
        outputs = {name: Output(Spool(), max_chars, terminal=is_command) for name in names}
        is_shown = (is_command or tool == "invoke_agent") and (self.state.has_ui or host.has_live_view)
        live = LiveLog() if is_shown else None
        return self.about(Call(tool, session, sent, waiting_for, outputs, max_chars, timeout_s, shell, live=live))

    def about(self, call: Call) -> Call:
        """Let errors name the call that this request is about; return the call."""
        self.facts.agent, self.facts.session_id = call.session.target.agent, call.session.session_id
        return call


@contextmanager
def answering(ctx: ToolContext) -> Iterator[ToolRequest]:
    """Answer a request for a tool inside the block.

    Only here, every error of this package becomes a tool error that says what to do next. Other exceptions pass:
    the SDK logs them and shows the caller no details.
    """
    request = ToolRequest(ctx, ctx.request_context.lifespan_context.caller(current_principal()))
    account, facts = current_account(), request.facts
    try:
        yield request
    except Exception as error:
        if account is not None and not isinstance(error, ToolError):  # its cause is recorded
            account.error = error
        if isinstance(error, AgentCoreError):
            raise ToolError(explanation(error, facts)) from error
        raise
    finally:
        if account is not None and facts.agent is not None:
            account.agent, account.session_id = facts.agent.name, facts.session_id

"""The question to the user before a command is run; only an explicit yes counts, and only once."""

from __future__ import annotations

import hashlib
import os
from collections import OrderedDict
from contextvars import ContextVar
from functools import cached_property, partial
from typing import TYPE_CHECKING, Annotated, Any

from mcp.server.elicitation import AcceptedElicitation, CancelledElicitation, ElicitationResult
from mcp.server.mcpserver import Elicit
from mcp.server.request_state import AESGCMRequestStateCodec, InvalidRequestState
from mcp.shared.exceptions import MCPError
from mcp.types import INVALID_PARAMS
from pydantic import BaseModel, Field

from agentcore_mcp.errors import InvalidRequestError
from agentcore_mcp.wire.characters import visible

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
    from mcp.server.mcpserver import Context

    from agentcore_mcp.server.sessions import Session

_KEY_BYTES = 32
# More questions than users answer in ten minutes, for which one is valid.
_TAKEN_MAX = 10_000
# The digest of the state of the current request.
_opened: ContextVar[str] = ContextVar("opened")


def _as_asked(schema: dict[str, Any]) -> None:
    """Require the answer, without a default, and remove the members with which Codex would show no question."""
    del schema["title"], schema["description"], schema["properties"]["run"]["default"]
    schema["required"] = ["run"]


class Confirmation(BaseModel, json_schema_extra=_as_asked):
    """The user's answer; no answer is a no."""

    run: Annotated[bool, Field(title="Run it", description="Whether this command may be run.")] = False


class AskedInLiveView(Confirmation):
    """Not yet answered: the live view asks, after the result."""


def question(
    command: str, session: Session, context: Context[Any, Any], *, has_live_view: bool, typed_into: str = ""
) -> Confirmation | Elicit[Confirmation]:
    """Return the question to the user before a command is run, or the answer if the policy needs no question.

    Args:
        command: The command, or the input to a running one.
        session: The session.
        context: The request's context.
        has_live_view: Whether the host shows the live view.
        typed_into: The shell that gets the input, if it is input.

    Raises:
        InvalidRequestError: If the user has to be asked, and the host can't.
    """
    agent = session.target.agent
    if agent.commands.mode != "ask":
        return Confirmation(run=True)
    capabilities = context.client_capabilities
    # A host that sends no capabilities, as on stateless HTTP before 2026-07-28, counts as unable to ask.
    if capabilities is not None and capabilities.elicitation is not None:
        where = f"session {session.called}" if session.called else "a new session"
        # Each line is marked, so that none can pose as the question.
        lines = "\\n\n> ".join(map(visible, command.split("\n")))
        what = f"Type this into what runs in the shell {typed_into}, in" if typed_into else "Run this command in"
        return Elicit(f"$ {lines}\n\n{what} {where} of {agent.name}?", Confirmation)
    if agent.commands.without_elicitation == "allow":
        return Confirmation(run=True)
    if has_live_view:
        return AskedInLiveView()
    raise InvalidRequestError(
        "commands have to be confirmed by the user, and this host can't ask; the user may set "
        f"{agent.settings('commands.without_elicitation')} to allow"
    )


def check_confirmed(answer: ElicitationResult[Confirmation]) -> None:
    """Check the user's answer.

    Raises:
        InvalidRequestError: If it isn't yes.
    """
    if isinstance(answer, CancelledElicitation):
        raise InvalidRequestError(
            "the user was asked whether to run this command, and it was not answered, so it was not run; call again "
            "when they can be asked"
        )
    if not isinstance(answer, AcceptedElicitation) or not answer.data.run:
        raise InvalidRequestError("the user did not allow this command, so it was not run; ask what to do instead")


class OneTimeCodec:
    """Seals the state of a question that a host returns with the answer, and accepts each state once.

    The SDK binds a state to the command, to the caller and to ten minutes, but not to a single run. Whether it was used
    before may have to be looked up in the workers' store, which ``unseal`` can't await: so this is also a middleware of
    the MCP server.

    Args:
        key: Returns the key, of at least 32 bytes; called at the first question. By default, the object makes one.
        once: Tells whether a text is passed to it for the first time by any process with the key; by default, by this
            object.
    """

    def __init__(
        self, key: Callable[[], bytes] | None = None, once: Callable[[str], Awaitable[bool]] | None = None
    ) -> None:
        self._key = key or partial(os.urandom, _KEY_BYTES)
        self._once = once or self._once_here
        self._taken: OrderedDict[str, None] = OrderedDict()

    @cached_property
    def _codec(self) -> AESGCMRequestStateCodec:
        return AESGCMRequestStateCodec([self._key()])

    def seal(self, payload: bytes) -> str:
        """Return a token for a state."""
        return self._codec.seal(payload)

    def unseal(self, token: str) -> bytes:
        """Return the state of a token.

        Raises:
            InvalidRequestState: If it isn't one of ours.
        """
        state = self._codec.unseal(token)
        # No other token has the same state: tokens are authenticated to the last bit.
        _opened.set(hashlib.sha256(token.encode()).hexdigest())
        return state

    async def unseal_once(self, token: str) -> bytes:
        """Return the state of a token that was not used before.

        Raises:
            InvalidRequestState: If it isn't one of ours, or was used before.
        """
        state = self.unseal(token)
        if not await self._once(_opened.get()):
            raise InvalidRequestState("used")
        return state

    async def __call__(self, ctx: ServerRequestContext[Any, Any], call_next: CallNext) -> HandlerResult:
        """Refuse a call whose state was used before, in the SDK's words for one that isn't valid."""
        state = (ctx.params or {}).get("requestState")
        if ctx.method == "tools/call" and state is not None and not await self._once(_opened.get()):
            raise MCPError(INVALID_PARAMS, "Invalid or expired requestState", {"reason": "invalid_request_state"})
        return await call_next(ctx)

    async def _once_here(self, token: str) -> bool:
        if token in self._taken:
            return False
        self._taken[token] = None
        if len(self._taken) > _TAKEN_MAX:
            self._taken.popitem(last=False)
        return True

"""The question to the user before a command is run; only an explicit yes counts, and only once."""

from __future__ import annotations

import os
import secrets
from collections import OrderedDict
from typing import TYPE_CHECKING, Annotated, Any

from mcp.server.elicitation import AcceptedElicitation, CancelledElicitation, ElicitationResult
from mcp.server.mcpserver import Elicit
from mcp.server.request_state import AESGCMRequestStateCodec, InvalidRequestState
from pydantic import BaseModel, Field

from agentcore_mcp.errors import InvalidRequestError
from agentcore_mcp.wire.characters import visible

if TYPE_CHECKING:
    from mcp.server.mcpserver import Context

    from agentcore_mcp.server.sessions import Session

_NONCE_BYTES = 16
# More questions than users answer in ten minutes, for which one is valid.
_TAKEN_MAX = 10_000


def _as_asked(schema: dict[str, Any]) -> None:
    """Let the answer be given, not taken from a default, and leave out what Codex shows no question with."""
    del schema["title"], schema["description"], schema["properties"]["run"]["default"]
    schema["required"] = ["run"]


class Confirmation(BaseModel, json_schema_extra=_as_asked):
    """The user's answer; no answer is a no."""

    run: Annotated[bool, Field(title="Run it", description="Whether this command may be run.")] = False


def question(command: str, session: Session, context: Context[Any, Any]) -> Confirmation | Elicit[Confirmation]:
    """Return the question to the user before a command is run, or the answer if the policy needs no question.

    Raises:
        InvalidRequestError: If the user has to be asked, and the host can't.
    """
    agent = session.target.agent
    if agent.commands.mode != "ask":
        return Confirmation(run=True)
    capabilities = context.client_capabilities
    # A host that sends no capabilities, as on stateless HTTP before 2026-07-28, is one that can't ask.
    if capabilities is not None and capabilities.elicitation is not None:
        where = f"session {session.called}" if session.called else "a new session"
        # Each line is marked, so that none can pass for the question.
        lines = "\\n\n> ".join(map(visible, command.split("\n")))
        return Elicit(f"$ {lines}\n\nRun this command in {where} of {agent.name}?", Confirmation)
    if agent.commands.without_elicitation == "allow":
        return Confirmation(run=True)
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
    """Seals the state of a question that a host returns with the answer, and opens each seal once.

    The SDK binds it to the command that was asked about, and to ten minutes, but not to a single run.
    """

    def __init__(self) -> None:
        self._codec = AESGCMRequestStateCodec([os.urandom(32)])
        self._taken: OrderedDict[bytes, None] = OrderedDict()

    def seal(self, payload: bytes) -> str:
        """Return a token for a state."""
        return self._codec.seal(secrets.token_bytes(_NONCE_BYTES) + payload)

    def unseal(self, token: str) -> bytes:
        """Return the state of a token.

        Raises:
            InvalidRequestState: If it isn't one of ours, or was opened before.
        """
        sealed = self._codec.unseal(token)
        nonce = sealed[:_NONCE_BYTES]
        if nonce in self._taken:
            raise InvalidRequestState("used before")
        self._taken[nonce] = None
        if len(self._taken) > _TAKEN_MAX:
            self._taken.popitem(last=False)
        return sealed[_NONCE_BYTES:]

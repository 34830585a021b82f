"""AG-UI: each prompt is a run in the thread of the session, and answers to interrupts resume the thread.

Names and shapes are those of https://ag-ui.com/spec/1.0/schema.json.
"""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING, Any

from agentcore_mcp.errors import AgentError, StreamInterruptedError
from agentcore_mcp.runtime.protocols.turn import Route, Turn, TurnAnswer, answer_to
from agentcore_mcp.wire.pauses import resume_of
from agentcore_mcp.wire.protocols import spoken_in, wrong_protocol
from agentcore_mcp.wire.reports import is_too_much, parsed, says_nothing
from agentcore_mcp.wire.sse import NamedData

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager

# Limit of the prompt that is stored with the session.
KEPT_MAX_CHARS = 4_000


class AguiAgent:
    """An agent that speaks AG-UI.

    Args:
        route: The route to the agent.
    """

    def __init__(self, route: Route) -> None:
        self._route = route

    def ask(self, turn: Turn) -> AbstractAsyncContextManager[TurnAnswer]:
        """Begin a run, with the prompt as its only message, or with the answers to the previous run's interrupts.

        The thread id is the session id; the agent keeps messages and state in the session. ``kept`` has the message of
        a run that ended with interrupts: the run that resumes it sends that again, as agents look at the last message.

        Raises:
            AgentError: Also if the run ends with RUN_ERROR.
            StreamInterruptedError: Also if the answer ends before the run does.
            WrongProtocolError: If the answer is in another protocol.
        """
        resume, kept = resume_of(turn.pauses, turn.prompt), dict[str, Any]()
        message = {"id": str(uuid.uuid4()), "role": "user", "content": turn.prompt}
        if resume:
            message = turn.kept.get("message", message)
        invoking = self._route.invoke(_run_input(turn.session_id, message, resume), turn.session_id)
        look = _Look(message, kept)
        return answer_to(invoking, look, kept, look.at_end)


def _run_input(thread_id: str, message: dict[str, str], resume: list[Any]) -> bytes:
    """Return the RunAgentInput, with all members that versions before 1.0 require and none that they refuse."""
    always = {"state": {}, "messages": [message], "tools": [], "context": [], "forwardedProps": {}}
    run = {"threadId": thread_id, "runId": str(uuid.uuid4()), **always}
    return json.dumps(run | ({"resume": resume} if resume else {})).encode()


class _Look:
    """Checks the events of a run for another protocol, a failure, or interrupts."""

    def __init__(self, message: dict[str, str], kept: dict[str, Any]) -> None:
        self._message = message
        self._kept = kept
        self._knows = False
        self._runs = False

    def at_end(self) -> None:
        if self._runs:
            raise StreamInterruptedError("the answer ended without RUN_FINISHED; the run may go on")

    def __call__(self, piece: str) -> None:
        if (self._knows and '"RUN_' not in piece) or is_too_much(piece):
            return
        if isinstance(piece, NamedData) and says_nothing(piece):
            return
        value = parsed(piece)
        if not self._knows and spoken_in(value) != "agui":
            raise wrong_protocol("agui", spoken_in(value), piece)
        self._knows = True
        match value:
            case {"type": "RUN_STARTED"}:
                self._runs = True
            case {"type": "RUN_ERROR"}:
                raise AgentError(str(value.get("message")), str(value.get("code") or "RUN_ERROR"))
            case {"type": "RUN_FINISHED", "outcome": {"type": "interrupt"}}:
                self._runs = False
                self._kept["message"] = self._message | {"content": self._message["content"][:KEPT_MAX_CHARS]}
            case {"type": "RUN_FINISHED"}:
                self._runs = False

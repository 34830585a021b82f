"""AG-UI: each prompt is a run in the thread of the session, and answers to interrupts resume the thread.

Names and shapes are those of https://ag-ui.com/spec/1.0/schema.json.
"""

from __future__ import annotations

import json
import uuid
from contextlib import aclosing, asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any

from agentcore_mcp.errors import AgentError
from agentcore_mcp.runtime.protocols.turn import Route, Turn, TurnAnswer, looked_at
from agentcore_mcp.wire.pauses import resume_of
from agentcore_mcp.wire.protocols import spoken_in, wrong_protocol
from agentcore_mcp.wire.reports import is_too_much

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator


class AguiAgent:
    """An agent that speaks AG-UI.

    Args:
        route: How it is reached.
    """

    def __init__(self, route: Route) -> None:
        self._route = route

    @asynccontextmanager
    async def ask(self, turn: Turn) -> AsyncGenerator[TurnAnswer, None]:
        """Begin a run, with the prompt as its only message; or with answers to the interrupts of the run before.

        The thread is the session, in which the agent keeps its messages and its state.

        Raises:
            AgentError: Also if the run ends with RUN_ERROR.
            WrongProtocolError: If the answer is in another protocol.
        """
        async with (
            self._route.invoke(_run_input(turn), turn.session_id) as invocation,
            aclosing(looked_at(invocation, _Look())) as batches,
        ):
            yield TurnAnswer(
                invocation.session_id, invocation.request_id, batches, endpoint_url=invocation.endpoint_url
            )


def _run_input(turn: Turn) -> bytes:
    """Return the RunAgentInput. All members are there that were required before 1.0, and none that it refused."""
    run = {"threadId": turn.session_id, "runId": str(uuid.uuid4()), "state": {}, "tools": [], "context": []}
    message = {"id": str(uuid.uuid4()), "role": "user", "content": turn.prompt}
    resume = resume_of(turn.pauses, turn.prompt)
    members: dict[str, Any] = {"messages": [], "resume": resume} if resume else {"messages": [message]}
    return json.dumps({**run, "forwardedProps": {}, **members}).encode()


class _Look:
    """Looks at the events of a run: for one that isn't AG-UI's, and for its failure."""

    def __init__(self) -> None:
        self._knows = False

    def __call__(self, piece: str) -> None:
        if (self._knows and "RUN_ERROR" not in piece) or is_too_much(piece):
            return
        value: Any = None
        with suppress(ValueError, RecursionError):
            value = json.loads(piece)
        if not self._knows and spoken_in(value) != "agui":
            raise wrong_protocol("agui", spoken_in(value), piece)
        self._knows = True
        if isinstance(value, dict) and value.get("type") == "RUN_ERROR":
            raise AgentError(str(value.get("message")), str(value.get("code") or "RUN_ERROR"))

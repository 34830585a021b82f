"""Plain HTTP, the protocol of ``BedrockAgentCoreApp``: a JSON body in the agent's own format, and any answer."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from agentcore_mcp.runtime.protocols.turn import Route, Turn, TurnAnswer, answer_to
from agentcore_mcp.wire.pauses import reply_to
from agentcore_mcp.wire.protocols import spoken_in, wrong_protocol
from agentcore_mcp.wire.reports import parsed

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractAsyncContextManager


def _as_prompt(prompt: Any, _: str) -> bytes:
    return json.dumps({"prompt": prompt}).encode()


class HttpAgent:
    """An agent that takes a JSON body.

    Args:
        route: The route to the agent.
        payload: Makes the body from the prompt, or the value that answers pauses, and the session id; by default
            ``{"prompt": …}``.
    """

    def __init__(self, route: Route, payload: Callable[[Any, str], bytes] = _as_prompt) -> None:
        self._route = route
        self._payload = payload

    def ask(self, turn: Turn) -> AbstractAsyncContextManager[TurnAnswer]:
        """Ask the agent; ``kept`` stays empty."""
        payload = self._payload(reply_to(turn.pauses, turn.prompt), turn.session_id)
        return answer_to(self._route.invoke(payload, turn.session_id), _Look())


class _Look:
    """Checks the first piece of an answer for the error of an A2A agent that could not read the request.

    Measured with ``a2a-sdk`` 0.3.26 and 1.3: they answer with HTTP 200 and a JSON-RPC error without an id.
    """

    def __init__(self) -> None:
        self._done = False

    def __call__(self, piece: str) -> None:
        if not self._done and '"jsonrpc"' in piece:
            value = parsed(piece)
            if spoken_in(value) == "a2a" and value.get("id") is None and "error" in value:
                raise wrong_protocol("http", "a2a", piece)
        self._done = True

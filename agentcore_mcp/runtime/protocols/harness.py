"""Harnesses: InvokeHarness, and the tool calls that a harness leaves to its caller."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from agentcore_mcp.runtime.protocols.turn import Route, Turn, TurnAnswer, answer_to
from agentcore_mcp.wire.eventstream.harnesses import INTERRUPTS, tool_results

if TYPE_CHECKING:
    from collections.abc import Mapping
    from contextlib import AbstractAsyncContextManager


class HarnessAgent:
    """A harness.

    Args:
        route: The route to the harness.
        options: As for ``RuntimeClient.invoke_harness``.
    """

    def __init__(self, route: Route, options: Mapping[str, Any] | None = None) -> None:
        self._route = route
        self._options = options

    def ask(self, turn: Turn) -> AbstractAsyncContextManager[TurnAnswer]:
        """Send a message; or, if the previous turn ended with tool calls for the caller, these calls and their results.

        ``kept`` has those calls.
        """
        kept: dict[str, Any] = {}

        def look(piece: str) -> None:
            if piece.startswith(INTERRUPTS):
                kept["toolUses"] = [interrupt["toolUse"] for interrupt in json.loads(piece)["interrupts"]]

        route, calls = self._route, turn.kept.get("toolUses")
        invoking = route.client.invoke_harness(
            route.runtime,
            tool_results(calls, turn.prompt) if calls and turn.pauses else turn.prompt,
            session_id=turn.session_id,
            qualifier=route.qualifier,
            options=self._options,
            user_id=route.user_id,
            headers=route.headers,
            read_timeout_s=route.read_timeout_s,
        )
        return answer_to(invoking, look, kept)

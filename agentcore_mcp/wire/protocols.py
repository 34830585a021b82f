"""The protocols of runtimes, and which of them an answer looks to be in."""

from __future__ import annotations

from typing import Any

from agentcore_mcp.errors import WrongProtocolError
from agentcore_mcp.wire.dialects.agui import EVENTS

# As the service model of the control plane names them (``ServerProtocol``), and as configurations do.
NAMES = {"HTTP": "http", "A2A": "a2a", "AGUI": "agui", "MCP": "mcp"}


def spoken_in(value: Any) -> str:
    """Return the protocol that a piece of an answer, parsed, looks to be in; "http" if it looks like no other."""
    if isinstance(value, dict):
        if value.get("jsonrpc") == "2.0":
            return "a2a"
        if value.get("type") in (*EVENTS, "CUSTOM"):
            return "agui"
    return "http"


def wrong_protocol(asked: str, speaks: str, answer: str) -> WrongProtocolError:
    """Return the error that an answer in another protocol is."""
    message = f"the agent was asked in the protocol {asked!r}, and its answer is {speaks!r}: {answer[:200]!r}"
    return WrongProtocolError(message, speaks=speaks)

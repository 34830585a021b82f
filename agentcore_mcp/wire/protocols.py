"""The protocols of runtimes, and how to recognise the protocol of an answer."""

from __future__ import annotations

from typing import Any

from agentcore_mcp.errors import WrongProtocolError
from agentcore_mcp.wire.dialects.agui import EVENTS

# As the service model of the control plane names them (``ServerProtocol``), and as configurations do.
NAMES = {"HTTP": "http", "A2A": "a2a", "AGUI": "agui", "MCP": "mcp"}


def spoken_in(value: Any) -> str:
    """Return the likely protocol of a parsed piece of an answer; "http" if it looks like no other."""
    if isinstance(value, dict):
        if value.get("jsonrpc") == "2.0":
            return "a2a"
        if value.get("type") in (*EVENTS, "CUSTOM"):
            return "agui"
    return "http"


def wrong_protocol(asked: str, speaks: str, answer: str) -> WrongProtocolError:
    """Return the error for an answer in another protocol than the request's."""
    message = f"the agent was asked in the protocol {asked!r}, and its answer is {speaks!r}: {answer[:200]!r}"
    return WrongProtocolError(message, speaks=speaks)
